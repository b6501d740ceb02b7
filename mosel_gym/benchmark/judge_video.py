"""An mp4 as an episode that a video analyzer can judge: pictures, a goal, a plan, no more."""

from __future__ import annotations

import json
import math
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from mosel_gym.errors import DamagedFile, MoselError
from mosel_gym.types import Episode, Frames, SkillSegment, TaskPlan

_SIDE = 256
"""Pictures are made smaller than this, never larger: judges look at no more."""
_FPS = 20.0
"""As the environments' 20 steps a second, which analyzers reckon with."""
_FRAMES = 3000
"""At most so many pictures of a video are kept in memory."""


@dataclass(frozen=True)
class VideoTold:
    """What the JSON file beside an mp4 may say, or the command line."""

    goal: str = ""
    plan: tuple[str, ...] = ()
    """Skill texts in order; without any, the goal is judged as one skill."""
    segments: tuple[tuple[str, float, float], ...] = ()
    """Skill, begin and end in seconds; without any, each skill of the plan has an equal share."""
    success: bool | None = None
    """The truth, where somebody knows it."""
    task_id: str = ""
    camera: str = "agentview"
    """The name under which the analyzer looks for the picture."""


def own_video(path: Path) -> bool:
    """Whether an mp4 is one of our own recordings, which have verdicts drawn into the picture."""
    if path.with_suffix(".hdf5").exists():
        return True
    beside = path.with_suffix(".json")
    if not beside.exists():
        return False
    content = _read(beside)
    return isinstance(content, dict) and {"seed", "status", "verdicts"} <= set(content)


def told(path: Path, default: VideoTold) -> VideoTold:
    """What is known of an mp4: the JSON file of the same name, else `default`.

    Raises:
        MoselError: It is one of our own recordings, or nobody says what its goal is.
        DamagedFile: The JSON file has a key or a value that it must not have.
    """
    if own_video(path):
        raise MoselError(
            f"{path}: the words of an analyzer are drawn into this recording, so that a judge "
            "could read the answer. Give its .hdf5 file; `mosel run` and RecordEpisode keep one."
        )
    beside = path.with_suffix(".json")
    found = _sidecar(beside, default) if beside.exists() else default
    if not found.goal:
        raise MoselError(
            f"{path}: a video does not say what was to be done. Give --goal (and --plan), or write "
            f'{beside.name} beside it: {{"goal": "...", "plan": ["...", "..."], "success": true}}.'
        )
    return found


def read_video(path: Path, what: VideoTold) -> Episode:
    """Decode an mp4 and cut it into the skills of its plan.

    Args:
        path: The file.
        what: As `told` returned it.

    Returns:
        An episode without actions (float32 `[T, 0]`): 20 pictures a second, of at most 256 px.

    Raises:
        DamagedFile: It cannot be decoded, holds fewer than two pictures, or is longer than 150 s;
            or a segment begins after its end.
    """
    frames, fps = _decode(path), _FPS
    steps = len(frames) - 1
    plan = what.plan or tuple(skill for skill, _, _ in what.segments) or (what.goal,)
    for skill, begin, _ in what.segments:
        if round(begin * fps) >= steps:
            raise DamagedFile(
                f"{path}: it is {steps / fps:g} s long, and {skill!r} is said to begin at "
                f"{begin:g} s. Mend the times in {path.with_suffix('.json').name}, in seconds."
            )
    if what.segments:
        segments = tuple(
            SkillSegment(skill, min(round(begin * fps), steps), min(round(end * fps), steps))
            for skill, begin, end in what.segments
        )
    else:
        borders = np.linspace(0, steps, len(plan) + 1).round().astype(int).tolist()
        segments = tuple(
            SkillSegment(skill, start, stop)
            for skill, start, stop in zip(plan, borders, borders[1:], strict=False)
        )
    return Episode(
        task_id=what.task_id,
        goal=what.goal,
        seed=None,
        observations={what.camera: frames},
        actions=np.zeros((steps, 0), np.float32),
        plan=TaskPlan(plan, "", "given"),
        segments=segments,
        success=what.success,
        provenance={
            "source": "video",
            "fps": f"{fps:g}",
            "borders": "given" if what.segments else "equal shares",
        },
    )


def _sidecar(path: Path, default: VideoTold) -> VideoTold:
    content = _read(path)
    allowed = {field.name for field in fields(VideoTold)}
    if not isinstance(content, dict) or not set(content) <= allowed:
        keys = sorted(set(content) - allowed) if isinstance(content, dict) else content
        raise DamagedFile(f"{path}: {keys} is not understood; allowed keys: {sorted(allowed)}.")
    values: dict[str, Any] = {"camera": default.camera, **content}
    try:
        values["plan"] = _texts(values.get("plan", []))
        values["segments"] = tuple(
            (_text(skill), float(begin), float(end))
            for skill, begin, end in values.get("segments", [])
        )
        for name in ("goal", "task_id", "camera"):
            _text(values.get(name, ""))
        if values.get("success") not in (None, True, False):
            raise TypeError(f"success is {values['success']!r}")
        if any(not 0 <= begin < end < math.inf for _, begin, end in values["segments"]):
            raise ValueError("a segment ends before it begins, or never")
    except (TypeError, ValueError) as error:
        raise DamagedFile(
            f"{path}: {error}. goal, task_id and camera are texts, plan is a list of texts, "
            'success is true, false or null, segments is a list of ["skill", begin in s, end in s].'
        ) from error
    return VideoTold(**values)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"plan is {value!r}")
    return tuple(map(_text, value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedFile(f"{path} cannot be read as JSON: {error}") from error


def _decode(path: Path) -> Frames:
    """All pictures at `_FPS`; PPM, because each picture of it brings its own size."""
    from imageio_ffmpeg import get_ffmpeg_exe

    factor = f"min(1,{_SIDE}/max(iw,ih))"
    resize = f"scale=w='max(2,trunc(iw*{factor}))':h='max(2,trunc(ih*{factor}))'"
    command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(path), "-an"]
    command += ["-vf", f"fps={_FPS:g},{resize}", "-frames:v", str(_FRAMES + 1)]
    command += ["-pix_fmt", "rgb24", "-f", "image2pipe", "-vcodec", "ppm", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DamagedFile(f"{path}: cannot be decoded as a video ({said[-1] if said else '?'}).")
    # "P6", width and height, 255, each on a line of its own, then the bytes.
    header = b"\n".join(done.stdout[:64].split(b"\n")[:3]) + b"\n"
    width, height = map(int, header.split()[1:3]) if done.stdout else (1, 1)
    size = len(header) + 3 * width * height
    rows = np.frombuffer(done.stdout, np.uint8).reshape(-1, size)
    if not 2 <= len(rows) <= _FRAMES:
        raise DamagedFile(
            f"{path}: {len(rows)} pictures at {_FPS:g} a second; 2 to {_FRAMES} can be judged, "
            f"which is up to {_FRAMES / _FPS:g} s. Cut the video."
        )
    frames: Frames = np.ascontiguousarray(rows[:, len(header) :]).reshape(-1, height, width, 3)
    return frames
