"""PRIVILEGED: the same rollouts under judges of chosen precision and recall (G.2)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from mosel_gym.agents.analysis.noise import VerdictNoise
from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.benchmark.metrics import Confusion, Rate, confusion, rate
from mosel_gym.benchmark.provenance import read_json, write_json
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import NotEnoughData
from mosel_gym.types import Reflection


@dataclass(frozen=True)
class NoisySetting:
    """A judge to be."""

    precision: float
    recall: float

    @property
    def name(self) -> str:
        """For folders and tables."""
        return f"precision-{self.precision:.2f}-recall-{self.recall:.2f}"


@dataclass(frozen=True)
class Labels:
    """What a noisy judge made of the rollouts."""

    setting: NoisySetting
    confusion: Confusion
    """Its verdicts on skill segments against the simulator's truth: what it really was like."""
    base_rate: Rate
    """Share of segments that truly succeeded."""
    note: str = ""
    """Why there are no labels; then the counts are empty."""

    @property
    def usable(self) -> bool:
        """Whether there is a buffer."""
        return not self.note


def label_rollouts(
    source: ReflectionBuffer,
    settings: Sequence[NoisySetting],
    folder: Path,
    seed: int,
    *,
    progress: bool = True,
) -> list[Labels]:
    """Fill one buffer a setting, below `folder`, with the same episodes and other verdicts.

    Truth is what the privileged analyzer says without noise. The base rate that it finds turns
    precision and recall into the rates of the noise, so that they hold on these very rollouts, up
    to chance. The episodes' pictures are stored once.

    Args:
        source: Rollouts with the simulator's predicates.
        settings: The judges.
        folder: Each gets `<folder>/<setting.name>`.
        seed: Of the noise.
        progress: Show a bar.

    Returns:
        In the order of the settings. One that no noise can reach has a note.

    Raises:
        NotEnoughData: There is no segment, or all or none of them succeeded.
        SpecMismatch: An episode has no predicates.
        DamagedFile: An episode cannot be read.
    """
    done = folder / "labels.json"
    if done.exists():
        return [_read(row) for row in read_json(done)]
    # By content and not by age: several processes have filled the buffer in any order.
    paths = sorted(source.episodes(), key=lambda path: path.name)
    truths = [
        PrivilegedAnalyzer().analyze(source.load(path))
        for path in tqdm(paths, desc="truth", unit="ep", disable=not progress)
    ]
    verdicts = [verdict.success for truth in truths for verdict in truth.verdicts]
    base = rate(sum(verdicts), len(verdicts))
    if base.successes in (0, base.trials):
        raise NotEnoughData(
            f"{base.successes} of {base.trials} skill segments of {len(paths)} rollouts succeeded. "
            "A judge of chosen precision and recall needs some that succeeded and some that "
            "failed: run more rollouts, or others (layouts, task, agent)."
        )
    found: list[Labels] = []
    judges: dict[int, tuple[PrivilegedAnalyzer, ReflectionBuffer]] = {}
    for at, setting in enumerate(settings):
        try:
            noise = VerdictNoise.from_precision_recall(
                setting.precision, setting.recall, base.value, seed
            )
        except ValueError as error:
            found.append(Labels(setting, Confusion(), base, str(error)))
            continue
        place = folder / setting.name
        shutil.rmtree(place, ignore_errors=True)  # a run that was killed has left a part of it
        judges[at] = PrivilegedAnalyzer(noise=noise), ReflectionBuffer(place)
        found.append(Labels(setting, Confusion(), base))
    pairs: dict[int, list[tuple[bool, bool | None]]] = {at: [] for at in judges}
    rows = zip(paths, truths, strict=True)
    for path, truth in tqdm(rows, total=len(paths), desc="labels", unit="ep", disable=not progress):
        episode = source.load(path)
        for at, (judge, buffer) in judges.items():
            said = judge.analyze(episode)
            buffer.add(episode, said, file=path)
            pairs[at] += _paired(said, truth)
    for at, seen in pairs.items():
        found[at] = Labels(found[at].setting, confusion(seen), base)
    write_json(done, [asdict(row) for row in found])
    return found


def _paired(said: Reflection, truth: Reflection) -> list[tuple[bool, bool | None]]:
    known = {verdict.segment: verdict.success for verdict in truth.verdicts}
    return [(verdict.success, known.get(verdict.segment)) for verdict in said.verdicts]


def _read(row: dict[str, dict[str, float]]) -> Labels:
    counts = {name: int(value) for name, value in row["confusion"].items()}
    base = row["base_rate"]
    return Labels(
        NoisySetting(**row["setting"]),
        Confusion(**counts),
        rate(int(base["successes"]), int(base["trials"])),
        str(row["note"]),
    )
