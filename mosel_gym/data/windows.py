"""Clips: episodes cut into skills, or kept whole, for training (sections 3.2 to 3.4, and 4.1)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mosel_gym.data.cameras import LIBERO_CAMERAS, Cameras
from mosel_gym.data.clip import Clip as Clip
from mosel_gym.data.clip_cache import cached_clips
from mosel_gym.data.images import area_resize
from mosel_gym.data.libero_hdf5 import demo_names, read_episode
from mosel_gym.data.provenance_check import OneSource, robot_of
from mosel_gym.errors import DamagedFile, NotEnoughData, SpecMismatch
from mosel_gym.specs import robot
from mosel_gym.types import Episode, Frames, Observation, Reflection, SkillSegment


def clips_of(
    episode: Episode,
    size: int = 64,
    *,
    cameras: Cameras = LIBERO_CAMERAS,
    skills: Collection[str] | None = None,
    segments: Collection[int] | None = None,
    reflection: Reflection | None = None,
    truth: bool = False,
) -> list[Clip]:
    """Cut the skill segments out of an episode; arm transitions are left out.

    Args:
        episode: The rollout.
        size: Pixels per side of the clips' pictures, see `area_resize`.
        cameras: Names in `episode.observations`.
        skills: Keep only these skill texts; None keeps all.
        segments: Keep only these indexes into `episode.segments`; None keeps all.
        reflection: If given, `Clip.success` is the analyzer's verdict on the segment.
        truth: PRIVILEGED. If True, `Clip.success` is the simulator's word at `attempt_end`,
            from `episode.skill_done`, for training and measuring judges. It wins over
            `reflection`.

    Returns:
        One clip for each skill segment that holds at least one action, in order.

    Raises:
        SpecMismatch: The episode has no camera or proprioception of that name.
    """
    _require(episode, cameras)
    judged = {v.segment: v.success for v in reflection.verdicts} if reflection else {}
    clips = []
    for index, segment in enumerate(episode.segments):
        wanted = (skills is None or segment.skill in skills) and (
            segments is None or index in segments
        )
        if segment.kind != "skill" or segment.stop <= segment.start or not wanted:
            continue
        success = segment_truth(episode, index) if truth else judged.get(index)
        clips.append(_cut(episode, segment, size, cameras, success))
    return clips


def whole_clip(
    episode: Episode,
    size: int = 64,
    *,
    cameras: Cameras = LIBERO_CAMERAS,
    truth: bool = False,
) -> Clip:
    """An episode in one piece, arm transitions included, with its goal as the text.

    That is what a planner of whole tasks learns from (UniPi, section 4.1).

    Args:
        episode: The rollout.
        size: Pixels per side.
        cameras: Names in `episode.observations`.
        truth: PRIVILEGED. If True, `Clip.success` is the simulator's word on the episode.

    Returns:
        All T actions and T + 1 rows.

    Raises:
        SpecMismatch: The episode has no goal text, or no camera or proprioception of that name.
    """
    _require(episode, cameras)
    if not episode.goal:
        raise SpecMismatch(
            f"the episode of {episode.task_id!r} has no goal text, and as one clip it is named by "
            "its goal; record it with one, or train on its skills."
        )
    whole = SkillSegment(episode.goal, 0, episode.num_steps)
    return _cut(episode, whole, size, cameras, episode.success if truth else None)


def attempt_end(episode: Episode, index: int) -> int:
    """The row at which an attempt at a skill counts.

    For one arm that is where the next skill begins, or the end of the episode: by then the arm is
    out of the way, and what was let go has come to rest. What later skills do to it is another
    matter. Two arms carry their tools on to the next skill and tilt them on the way, so that there
    the last row of the skill itself counts.
    """
    if len(robot(robot_of(episode)).arms) > 1:
        return min(episode.segments[index].stop, episode.num_steps)
    return next_start(episode, index)


def next_start(episode: Episode, index: int) -> int:
    """The row at which the skill after a segment begins, or the last one."""
    later = episode.segments[index + 1 :]
    starts = [s.start for s in later if s.kind == "skill" and s.stop > s.start]
    return min([*starts, episode.num_steps])


def judged_row(episode: Episode, index: int) -> int:
    """The row whose pictures show `attempt_end` best: drawn there, or soon after, or last before.

    With `render_every=8` the picture at a row can show what was 7 steps earlier.
    """
    end = attempt_end(episode, index)
    if episode.fresh is None:
        return end
    start = episode.segments[index].start
    soon = np.flatnonzero(episode.fresh[end : next_start(episode, index) + 1])
    if len(soon):
        return end + int(soon[0])
    before = np.flatnonzero(episode.fresh[start:end])
    return start + int(before[-1]) if len(before) else end


def segment_truth(episode: Episode, index: int) -> bool | None:
    """PRIVILEGED: whether a segment's predicate holds at `attempt_end`; None if not recorded."""
    done = (episode.skill_done or {}).get(episode.segments[index].skill)
    return None if done is None else bool(done[min(attempt_end(episode, index), len(done) - 1)])


def load_clips(
    paths: str | Path | Iterable[str | Path],
    size: int = 64,
    skills: Collection[str] | None = None,
    progress: bool = False,
    *,
    cameras: Cameras = LIBERO_CAMERAS,
    truth: bool = False,
    whole: bool = False,
    cache: str | Path | None = None,
) -> list[Clip]:
    """Clips of every demonstration in some episode files.

    Args:
        paths: Files, or folders that are searched for `*.hdf5` (sorted, with subfolders).
        size: Pixels per side.
        skills: Keep only clips with these texts; None keeps all.
        progress: Show a bar.
        cameras: Names in the episodes' observations.
        truth: PRIVILEGED. Label the clips with simulator truth, see `clips_of`.
        whole: One clip for each episode, see `whole_clip`, and none for its skills.
        cache: Folder for the resized pictures, which are then read from there when a batch needs
            them, see `cached_clips`. None holds them all in memory.

    Raises:
        FileNotFoundError: A path does not exist.
        NotEnoughData: There is no episode file, or no clip in any of them.
        DamagedFile: A file cannot be read, or holds a NaN; the message names it.
        SpecMismatch: A camera is missing, or two files differ in what `OneSource` compares.
    """
    asked = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    files = episode_files(asked)
    if not files:
        raise NotEnoughData(
            f"There is no episode file (.hdf5) in {_listed(asked)}, subfolders included; `mosel "
            "collect` writes some."
        )

    def read() -> Iterator[Clip]:
        return _read(files, size, cameras, truth=truth, whole=whole, progress=progress)

    if cache is None:
        found = read()
    else:
        settings = {"size": size, "cameras": cameras.names, "truth": truth, "whole": whole}
        found = iter(cached_clips(cache, asked, files, settings, read))
    clips, seen = [], 0
    for clip in found:
        seen += 1
        if skills is None or clip.skill in skills:
            clips.append(clip)
    if not seen:
        raise NotEnoughData(
            f"None of the {len(files)} episode files in {_listed(asked)} holds a skill that was "
            "carried out for a step or longer; record whole episodes, or give other files."
        )
    return clips


def _read(
    files: Iterable[Path],
    size: int,
    cameras: Cameras,
    *,
    truth: bool,
    whole: bool,
    progress: bool,
) -> Iterator[Clip]:
    """The clips of some files, one after the other."""
    source, fitting = OneSource(), None
    for path in tqdm(files, desc="reading episodes", unit="file", disable=not progress):
        for demo in demo_names(path):
            episode = read_episode(path, demo)
            source.check(episode, str(path))
            try:
                if not whole:
                    found = clips_of(episode, size, cameras=cameras, truth=truth)
                elif episode.num_steps:
                    found = [whole_clip(episode, size, cameras=cameras, truth=truth)]
                else:
                    found = []
            except SpecMismatch as error:
                others = f" {fitting} has what is needed; leave {path} out." if fitting else ""
                raise SpecMismatch(f"{path}: {error}{others}") from error
            fitting = path
            for clip in found:
                _require_finite(clip, path, demo)
                yield clip


def _require_finite(clip: Clip, path: Path, demo: str) -> None:
    """Insist on numbers: one NaN in one action would spoil all weights."""
    for what, rows in (("actions", clip.actions), ("proprio", clip.proprio)):
        bad = np.argwhere(~np.isfinite(rows))
        if len(bad):
            row, column = bad[0]
            raise DamagedFile(
                f"{path}: {what} of {clip.skill!r} ({demo}) hold {rows[row, column]} in row {row}, "
                f"number {column}, and {len(bad)} such in all. Leave the file out, or record the "
                "episode again."
            )


def _listed(paths: list[Path]) -> str:
    told = ", ".join(str(path) for path in paths[:3]) or "no path at all"
    return told + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def episode_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Expand folders into the episode files below them; other paths stay as they are."""
    files: list[Path] = []
    for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
        # A leading dot marks a file that some process is still writing, or never finished.
        found = sorted(file for file in path.rglob("*.hdf5") if not file.name.startswith("."))
        files += found if path.is_dir() else [path]
    return files


def _require(episode: Episode, cameras: Cameras) -> None:
    who = f"a clip of the episode of {episode.task_id!r}"
    cameras.require(episode.observations, who)
    if "proprio" not in episode.observations:
        raise SpecMismatch(
            f"{who} needs `proprio`, but there is only {sorted(episode.observations)}; record it."
        )


def _cut(
    episode: Episode,
    segment: SkillSegment,
    size: int,
    cameras: Cameras,
    success: bool | None,
) -> Clip:
    rows = slice(segment.start, segment.stop + 1)
    observations = episode.observations
    proprio = np.array(observations["proprio"][rows], np.float32)
    fresh = np.ones(len(proprio), bool) if episode.fresh is None else episode.fresh[rows].copy()
    return Clip(
        skill=segment.skill,
        scene=_copied(area_resize(observations[cameras.scene][rows], size)),
        hands=hand_pictures(observations, cameras, rows, size),
        proprio=proprio,
        actions=np.array(episode.actions[segment.start : segment.stop], np.float32),
        fresh=fresh,
        success=success,
        imagined=None if segment.imagined is None else area_resize(segment.imagined, size),
        followed=segment.followed,
    )


def hand_pictures(
    observations: Observation, cameras: Cameras, rows: slice | NDArray[np.int64], size: int
) -> Frames:
    """The hand cameras at some rows, one behind the other, uint8 `[n, size, size, 3 K]`.

    They are resized one by one: cameras may differ in size, and only RGB can be resampled.
    """
    views = [area_resize(observations[name][rows], size) for name in cameras.hands]
    if len(views) == 1:
        return _copied(views[0])
    count = len(observations[cameras.scene][rows])
    return np.concatenate([np.zeros((count, size, size, 0), np.uint8), *views], axis=-1)


def _copied(frames: Frames) -> Frames:
    """A view would keep the whole episode's pictures in memory for as long as the clip lives."""
    return frames if frames.base is None else frames.copy()
