"""Videos and contact sheets of episodes: what the agent planned, imagined, did, and was told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.canvas import (
    BACKGROUND,
    DIM,
    PAD,
    TEXT,
    WIDTH,
    EpisodeCanvas,
    camera_names,
    fit,
    word,
)
from mosel_gym.data.storyline import Storyline
from mosel_gym.data.text import draw_text, line_height
from mosel_gym.data.video_file import encode_mp4
from mosel_gym.types import Episode, Frame, Reflection

_COLUMNS = 4


def write_video(
    path: str | Path,
    episode: Episode,
    reflection: Reflection | None = None,
    fps: float = 20,
    *,
    stride: int = 1,
    closing_s: float = 2.0,
) -> Path:
    """Write an mp4 with cameras, plan, current skill, verdicts and imagined frames.

    Args:
        path: The `.mp4`; it appears complete or not at all.
        episode: The rollout; without pictures, the video shows the rest.
        reflection: The analyzer's words, drawn in green or red; None leaves them out.
        fps: Steps a second, so that 20 plays LIBERO in real time.
        stride: Draw every so many steps; the playing time stays.
        closing_s: Seconds for which the last picture stands with the last words on it.

    Returns:
        `path`.

    Raises:
        MoselError: The video could not be encoded.
    """
    if stride < 1:
        raise ValueError(f"stride is {stride}; it must be at least 1")
    canvas = EpisodeCanvas(episode, reflection)
    rate = fps / stride
    encode_mp4(path, _pictures(canvas, stride, max(1, round(closing_s * rate))), canvas.size, rate)
    return Path(path)


def contact_sheet(
    path: str | Path, episode: Episode, reflection: Reflection | None = None, n: int = 8
) -> Path:
    """Write one PNG with `n` evenly spaced pictures of the scene camera, and the verdicts.

    Args:
        path: The `.png`; it appears complete or not at all.
        episode: The rollout.
        reflection: The analyzer's words, or None.
        n: Number of pictures, first and last included.

    Returns:
        `path`.
    """
    story = Storyline(episode, reflection)
    steps = np.linspace(0, episode.num_steps, n).round().astype(int)
    side = (WIDTH - PAD) // _COLUMNS - PAD
    cell = side + PAD + 2 * line_height(13)
    ends = story.rows(episode.num_steps)
    top = PAD + 2 * line_height(18) + line_height(15) * (len(ends) + 1) + PAD
    sheet = Image.new("RGB", (WIDTH, top + -(-n // _COLUMNS) * cell), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    width = WIDTH - 2 * PAD
    y = draw_text(draw, episode.goal, (PAD, PAD), 18, TEXT, width, 2)
    text, color = word(episode.success)
    y = draw_text(draw, f"environment: goal {text}", (PAD, y), 15, color, width)
    for row in ends:
        text, color = word(row.verdict.success if row.verdict else None)
        reason = f": {row.verdict.reason}" if row.verdict and row.verdict.reason else ""
        y = draw_text(draw, f"{row.skill}: {text}{reason}", (PAD, y), 15, color, width)
    cameras = camera_names(episode)
    for index, step in enumerate(steps.tolist()):
        x = PAD + index % _COLUMNS * (side + PAD)
        y = top + index // _COLUMNS * cell
        if cameras:
            sheet.paste(fit(episode.observations[cameras[0]][step], side, side), (x, y))
        segment = story.segment_at(step)
        doing = "" if segment is None else segment.skill
        if segment is not None and segment.kind == "transition":
            doing = f"before: {doing}"
        draw_text(draw, f"{step}  {doing}", (x, y + side + 3), 13, DIM, side, 2)
    with atomic_path(path) as draft:
        sheet.save(draft)
    return Path(path)


def _pictures(canvas: EpisodeCanvas, stride: int, closing: int) -> Iterator[Frame]:
    last = canvas.episode.num_steps
    for step in range(0, last, stride):
        yield canvas.draw(step)
    yield from repeat(canvas.draw(last, closing=True), closing)
