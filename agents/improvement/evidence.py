"""Reflected episodes, in memory or in a buffer on disk, behind one face."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mosel_gym.agents.improvement.segments import failed_segments, reached, successes
from mosel_gym.data.balance import Balance, balanced, quickest
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.data.cameras import LIBERO_CAMERAS, Cameras
from mosel_gym.data.clip_store import store_name, stored_clips
from mosel_gym.data.provenance_check import OneSource
from mosel_gym.data.windows import Clip, clips_of
from mosel_gym.errors import NotEnoughData
from mosel_gym.types import Episode, Reflection

Memory = Sequence[tuple[Episode, Reflection]]


@dataclass(frozen=True)
class Evidence:
    """What an improvement round learns from; episodes on disk are opened only when asked for.

    Those of a buffer come in the order of round, task and seed. So the same episodes give the same
    round, in whichever order several processes finished them.
    """

    source: ReflectionBuffer | Memory
    round: int | None = None
    """Only episodes of this round of the buffer; None = all."""
    balance: Balance = "none"
    """"skills": each skill weighs the same, so that an easy task's many successes do not drown a
    hard one's few. "failures": each weighs by how often it was judged failed."""
    min_confidence: float = 0.0
    """Confidence of the analyzer below which a success is not learned from."""
    at_least: float = 0.0
    """Share of each skill's tries that count as successes in any case, the likeliest first, see
    `segments.successes`."""
    quickest: float = 1.0
    """Share of each skill's successes that is learned from, shortest first: what got there after
    long dithering teaches mostly dithering."""
    store: Path | None = None
    """Keep the pictures of clips in files below this folder, in place of memory: a hundred episodes
    at 64 px take more than a gigabyte."""
    earlier: tuple[ReflectionBuffer, ...] = ()
    """Buffers of rounds before, oldest first, whose episodes are learned from as well; only beside
    a `source` on disk."""

    def __post_init__(self) -> None:
        """Refuse earlier buffers that would be left out."""
        if self.earlier and not isinstance(self.source, ReflectionBuffer):
            raise ValueError(
                f"{len(self.earlier)} earlier buffers beside episodes in memory; give the episodes "
                "as a ReflectionBuffer as well."
            )

    def reflections(self) -> list[Reflection]:
        """One for each episode, oldest first."""
        if isinstance(self.source, ReflectionBuffer):
            return [reflection for _, reflection in self._entries()]
        return [reflection for _, reflection in self.source]

    def task_ids(self) -> list[str]:
        """The task of each episode, in the same order."""
        if isinstance(self.source, ReflectionBuffer):
            return [task for buffer in self._buffers() for task in _tasks(buffer, self.round)]
        return [episode.task_id for episode, _ in self.source]

    def episode(self, index: int) -> Episode:
        """The episode behind `reflections()[index]`.

        Raises:
            DamagedFile: Its file cannot be read.
        """
        if isinstance(self.source, ReflectionBuffer):
            return self.source.load(self._entries()[index][0])
        return self.source[index][0]

    def counts(self) -> tuple[int, int]:
        """Skill segments judged successful, surely enough, and judged failed."""
        by_skill = self.counts_by_skill().values()
        return sum(good for good, _ in by_skill), sum(bad for _, bad in by_skill)

    def counts_by_skill(self) -> dict[str, tuple[int, int]]:
        """The same for each skill that was judged."""
        found: dict[str, tuple[int, int]] = {}
        reflections = self.reflections()
        for reflection, chosen in zip(reflections, self._chosen(reflections), strict=True):
            for verdict in reflection.verdicts:
                good, bad = found.get(verdict.skill, (0, 0))
                taken = verdict.segment in chosen
                found[verdict.skill] = (good + taken, bad + (not verdict.success and not taken))
        return found

    def clips(self, size: int, success: bool, cameras: Cameras = LIBERO_CAMERAS) -> list[Clip]:
        """D_success or D_fail as training clips, with pictures of `size` px.

        D_success holds every segment that counts as reached (`segments.successes`), of each skill
        the `quickest`.
        D_fail holds nothing but the failed skill's own steps, see `segments.failed_segments`.

        Raises:
            DamagedFile: An episode file cannot be read.
            SpecMismatch: An episode lacks a camera, or two differ in renderer or robot.
        """
        if self.store is None:
            clips = list(self._clips(size, success, cameras))
        else:
            name = store_name("success" if success else "failed", size, cameras)
            clips = stored_clips(self.store / name, lambda: self._clips(size, success, cameras))
        if success:
            clips = quickest(clips, self.quickest)
        return balanced(clips, self.balance, self._failing())

    def require_episodes(self, accepted: int) -> None:
        """Insist on at least one reflected episode.

        Raises:
            NotEnoughData: There is none; says how much a round needs.
        """
        if not self.reflections():
            raise NotEnoughData(
                "Improving needs reflected episodes, and there are 0: at least 1 failed one for "
                f"the language plan, at least {accepted} segments judged successful for a network. "
                "Run episodes and call `reflect()` after each of them."
            )

    def require(self, accepted: int, purpose: str) -> None:
        """Insist on enough segments judged successful.

        Raises:
            NotEnoughData: There are fewer than `accepted`; says how many are needed.
        """
        good, bad = self.counts()
        if good < accepted:
            raise NotEnoughData(
                f"{purpose} needs at least {accepted} skill segments judged successful"
                f"{self._how_sure()}; the {len(self.reflections())} reflected episodes hold "
                f"{good}, and {bad} failed ones. Run more episodes and reflect on each of them, or "
                "lower `min_accepted`."
            )

    def _failing(self) -> dict[str, float]:
        """Share of the tries of each skill that were judged failed."""
        return {
            skill: bad / (good + bad)
            for skill, (good, bad) in self.counts_by_skill().items()
            if good + bad
        }

    def _how_sure(self) -> str:
        least = self.min_confidence
        return f" with a confidence of {least} (`min_confidence`)" if least > 0 else ""

    def _clips(self, size: int, success: bool, cameras: Cameras) -> Iterator[Clip]:
        """One episode after the other, so that no two are in memory at once."""
        one_source = OneSource()
        chosen = self._chosen(self.reflections())
        for (where, load, reflection), good in zip(self._opened(), chosen, strict=True):
            told = reached(reflection, good)
            if not good if success else all(verdict.success for verdict in told.verdicts):
                continue
            episode = load()
            one_source.check(episode, where)
            wanted = sorted(good) if success else failed_segments(episode, told)
            yield from clips_of(episode, size, cameras=cameras, reflection=told, segments=wanted)

    def _chosen(self, reflections: Sequence[Reflection]) -> list[frozenset[int]]:
        """The segments of each episode that are learned from as successes."""
        return successes(reflections, self.min_confidence, self.at_least)

    def _opened(self) -> Iterator[tuple[str, Callable[[], Episode], Reflection]]:
        """Name, a way to load it, and what was said of it, for each episode."""
        if isinstance(self.source, ReflectionBuffer):
            for path, reflection in self._entries():
                yield str(path), partial(self.source.load, path), reflection
            return
        for number, (episode, reflection) in enumerate(self.source):
            yield f"episode {number}", partial(_itself, episode), reflection

    def _buffers(self) -> tuple[ReflectionBuffer, ...]:
        assert isinstance(self.source, ReflectionBuffer)
        return (*self.earlier, self.source)

    def _entries(self) -> list[tuple[Path, Reflection]]:
        """Of all buffers, one buffer after the other."""
        found: list[tuple[Path, Reflection]] = []
        for buffer in self._buffers():
            keys, paths = buffer.keys(self.round), buffer.episodes(self.round)
            rows = zip(keys, paths, buffer.reflections(self.round), strict=True)
            found += [
                (path, said) for _, path, said in sorted(rows, key=lambda row: _order(row[0]))
            ]
        return found


def _tasks(buffer: ReflectionBuffer, number: int | None) -> list[str]:
    return [task for _, task, _ in sorted(buffer.keys(number), key=_order)]


def _order(key: tuple[int, str, int | None]) -> tuple[int, str, int]:
    number, task, seed = key
    return number, task, -1 if seed is None else seed


def _itself(episode: Episode) -> Episode:
    return episode
