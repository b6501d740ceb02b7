"""Clips: the skill segments of episodes, cut and downsampled for training (sections 3.2 to 3.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mosel_gym.data.images import area_resize
from mosel_gym.data.libero_hdf5 import demo_names, read_episode
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Episode, Frames, Reflection, SkillSegment


@dataclass(frozen=True)
class Clip:
    """One executed skill: m actions and the n = m + 1 rows around them, the end row included."""

    skill: str
    """The skill text."""
    agentview: Frames
    """uint8 `[n, S, S, 3]`, upright RGB."""
    wrist: Frames
    """uint8 `[n, S, S, 3]`, upright RGB."""
    proprio: NDArray[np.float32]
    """float32 `[n, P]`: row t is before action t, row m after the last one; P = 8 for LIBERO."""
    actions: NDArray[np.float32]
    """float32 `[m, A]`. n = m + 1, or n == m where the row after the last action is unknown."""
    fresh: NDArray[np.bool_]
    """bool `[n]`: False where the pictures repeat an earlier step's (see `render_every`)."""
    success: bool | None = None
    """Whether the sub-goal was reached, by whoever labelled it; None = unknown."""
    imagined: Frames | None = None
    """uint8 `[T, S, S, 3]`: how a video planner imagined it, evenly spaced up to the end row."""


def clips_of(
    episode: Episode,
    size: int = 64,
    *,
    agentview: str = "agentview",
    wrist: str = "wrist",
    skills: Collection[str] | None = None,
    segments: Collection[int] | None = None,
    reflection: Reflection | None = None,
    truth: bool = False,
) -> list[Clip]:
    """Cut the skill segments out of an episode; arm transitions are left out.

    Args:
        episode: The rollout.
        size: Pixels per side of the clips' pictures, see `area_resize`.
        agentview: Name of the scene camera in `episode.observations`.
        wrist: Name of the wrist camera.
        skills: Keep only these skill texts; None keeps all.
        segments: Keep only these indexes into `episode.segments`; None keeps all.
        reflection: If given, `Clip.success` is the analyzer's verdict on the segment.
        truth: PRIVILEGED. If True, `Clip.success` is the simulator's word at the segment's last
            row, from `episode.skill_done`, for training and measuring judges. It wins over
            `reflection`.

    Returns:
        One clip for each skill segment that holds at least one action, in order.

    Raises:
        SpecMismatch: The episode has no camera or proprioception of that name.
    """
    missing = [name for name in (agentview, wrist, "proprio") if name not in episode.observations]
    if missing:
        raise SpecMismatch(
            f"a clip needs {missing}, but the episode of {episode.task_id!r} recorded only "
            f"{sorted(episode.observations)}; name the cameras with agentview= and wrist="
        )
    judged = {v.segment: v.success for v in reflection.verdicts} if reflection else {}
    clips = []
    for index, segment in enumerate(episode.segments):
        wanted = (skills is None or segment.skill in skills) and (
            segments is None or index in segments
        )
        if segment.kind != "skill" or segment.stop <= segment.start or not wanted:
            continue
        success = segment_truth(episode, segment) if truth else judged.get(index)
        clips.append(_cut(episode, segment, size, agentview, wrist, success))
    return clips


def segment_truth(episode: Episode, segment: SkillSegment) -> bool | None:
    """PRIVILEGED: whether the segment's predicate holds at its last row; None if not recorded."""
    done = (episode.skill_done or {}).get(segment.skill)
    return None if done is None else bool(done[min(segment.stop, len(done) - 1)])


def load_clips(
    paths: str | Path | Iterable[str | Path],
    size: int = 64,
    skills: Collection[str] | None = None,
    progress: bool = False,
    *,
    truth: bool = False,
) -> list[Clip]:
    """Clips of every demonstration in some episode files.

    Args:
        paths: Files, or folders that are searched for `*.hdf5` (sorted, with subfolders).
        size: Pixels per side.
        skills: Keep only these skill texts; None keeps all.
        progress: Show a bar.
        truth: PRIVILEGED. Label the clips with simulator truth, see `clips_of`.

    Raises:
        FileNotFoundError: A path does not exist.
        DamagedFile: A file cannot be read; the message names it.
    """
    clips: list[Clip] = []
    files = episode_files(paths)
    for path in tqdm(files, desc="reading episodes", unit="file", disable=not progress):
        for demo in demo_names(path):
            clips += clips_of(read_episode(path, demo), size, skills=skills, truth=truth)
    return clips


def episode_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Expand folders into the episode files below them; other paths stay as they are."""
    files: list[Path] = []
    for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
        # A leading dot marks a file that some process is still writing, or never finished.
        found = sorted(file for file in path.rglob("*.hdf5") if not file.name.startswith("."))
        files += found if path.is_dir() else [path]
    return files


def _cut(
    episode: Episode,
    segment: SkillSegment,
    size: int,
    agentview: str,
    wrist: str,
    success: bool | None,
) -> Clip:
    rows = slice(segment.start, segment.stop + 1)
    observations = episode.observations
    proprio = np.array(observations["proprio"][rows], np.float32)
    fresh = np.ones(len(proprio), bool) if episode.fresh is None else episode.fresh[rows].copy()
    return Clip(
        skill=segment.skill,
        agentview=_copied(area_resize(observations[agentview][rows], size)),
        wrist=_copied(area_resize(observations[wrist][rows], size)),
        proprio=proprio,
        actions=np.array(episode.actions[segment.start : segment.stop], np.float32),
        fresh=fresh,
        success=success,
        imagined=None if segment.imagined is None else area_resize(segment.imagined, size),
    )


def _copied(frames: Frames) -> Frames:
    """A view would keep the whole episode's pictures in memory for as long as the clip lives."""
    return frames if frames.base is None else frames.copy()
