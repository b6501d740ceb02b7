"""Videos and contact sheets can be opened, and show what they should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mosel_gym.data import contact_sheet, write_video
from mosel_gym.data.canvas import BACKGROUND, BAD, GOOD, EpisodeCanvas
from mosel_gym.data.storyline import Storyline
from mosel_gym.data.text import font, wrap
from mosel_gym.data.video_file import encode_mp4
from mosel_gym.errors import MoselError
from mosel_gym.types import Episode, Reflection
from tests.videos import decode

EpisodeFactory = Callable[..., Episode]


def has_color(picture: NDArray[Any], color: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(color)).all(-1).any())


def test_a_video_has_every_step(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    for stride, frames in ((1, 12 + 10), (3, 4 + 3)):
        path = tmp_path / f"{stride}.mp4"
        write_video(path, make_episode(), reflection, fps=10, stride=stride, closing_s=1)
        played = decode(path, EpisodeCanvas(make_episode()).size)
        assert len(played) == frames
        assert abs(played[0, 5, 5].astype(int) - BACKGROUND).max() < 8
    with pytest.raises(ValueError, match="stride"):
        write_video(tmp_path / "x.mp4", make_episode(), stride=0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["1.mp4", "3.mp4"]


def test_a_video_that_cannot_be_encoded(tmp_path: Path) -> None:
    frames = [np.zeros((9, 9, 3), np.uint8)] * 400  # H.264 has no odd sizes
    with pytest.raises(MoselError, match=r"odd\.mp4.*needs even sides"):
        encode_mp4(tmp_path / "odd.mp4", frames, (9, 9), 20)
    with pytest.raises(ZeroDivisionError):
        encode_mp4(tmp_path / "odd.mp4", (frames[1 // n] for n in (1, 0)), (8, 8), 20)
    assert not list(tmp_path.iterdir())


def test_verdicts_are_green_and_red_once_the_skill_has_ended(
    make_episode: EpisodeFactory, reflection: Reflection
) -> None:
    gray = np.full((13, 16, 16, 3), 128, np.uint8)
    episode = make_episode(observations={"agentview": gray})
    canvas = EpisodeCanvas(episode, reflection)
    shown = [(has_color(canvas.draw(t), GOOD), has_color(canvas.draw(t), BAD)) for t in (4, 5, 12)]
    assert shown == [(False, False), (True, False), (True, True)]
    unjudged = EpisodeCanvas(episode).draw(12)
    assert not has_color(unjudged, GOOD)
    assert not has_color(unjudged, BAD)


def test_the_storyline(make_episode: EpisodeFactory, reflection: Reflection) -> None:
    story = Storyline(make_episode(), reflection)
    assert [row.state for row in story.rows(2)] == ["running", "planned"]
    assert [row.state for row in story.rows(6)] == ["ended", "planned"]
    assert [row.truth for row in story.rows(12)] == [True, False]
    assert story.phase(8) == "skill 2 of 2, step 2"
    assert "transition" in story.phase(5)
    assert [story.age(t) for t in (0, 3, 4)] == [0, 3, 0]
    held = np.zeros(13, bool)
    held[3:9] = True  # true when its skill has ended at 5, and no more at the end
    undone = Storyline(make_episode(skill_done={story.rows(0)[0].skill: held}))
    assert [(row.truth, row.lost) for row in (undone.rows(6)[0], undone.rows(12)[0])] == [
        (True, False),
        (True, True),
    ]
    bare = Storyline(make_episode(segments=()))
    assert [row.state for row in bare.rows(12)] == ["planned", "planned"]


def test_bare_episodes_are_drawn_too(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    bare = make_episode(
        observations={"proprio": np.zeros((13, 8), np.float32)},
        segments=(),
        plan=None,
        fresh=None,
        skill_done=None,
        goal="",
    )
    assert write_video(tmp_path / "bare.mp4", bare).stat().st_size > 0
    assert contact_sheet(tmp_path / "bare.png", bare).stat().st_size > 0


def test_a_contact_sheet_is_a_picture(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    path = contact_sheet(tmp_path / "sheet.png", make_episode(), reflection, n=5)
    with Image.open(path) as sheet:
        picture = np.asarray(sheet)
    assert has_color(picture, GOOD)
    assert has_color(picture, BAD)


def test_long_text_is_wrapped_and_cut() -> None:
    lines = wrap("put the white mug on the plate " * 5 + "x" * 300, 15, 200, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("...")
    assert all(font(15).getlength(line) <= 200 for line in lines)
    assert wrap("", 15, 200, 3) == [""]
