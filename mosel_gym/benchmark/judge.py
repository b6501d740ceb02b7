"""`mosel judge`: any analyzer on any recorded episodes, against the simulator's verdict (G.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from mosel_gym.agents import prompts
from mosel_gym.benchmark.judge_items import Found, Item, find_items, hidden, source_of
from mosel_gym.benchmark.judge_rows import JudgedRow, RowStore
from mosel_gym.benchmark.judge_tables import (
    Level,
    markdown,
    plain_scores,
    scores,
    table_8,
    table_9,
)
from mosel_gym.benchmark.judge_video import VideoTold
from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.benchmark.modules import identity, make_analyzer, uses_model
from mosel_gym.benchmark.provenance import provenance, write_json
from mosel_gym.benchmark.rollout import beside_truth
from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.judge_cost import CostMeter
from mosel_gym.errors import BudgetReached, MissingKey, ModelUnavailable, MoselError
from mosel_gym.types import Episode

if TYPE_CHECKING:
    from mosel_gym.llm.config import ChatConfig

_PATIENCE = 3
"""After so many calls in a row without any answer, a model is not asked any more."""


@dataclass(frozen=True)
class JudgeConfig:
    """Which analyzers judge what."""

    analyzer: tuple[str, ...] = ("pixel",)
    """Each of: pixel, pixel:AGENT or pixel:FILE, privileged, privileged:PRECISION,RECALL, or a
    model such as google:gemini-2.5-pro or openai:gpt-4.1."""
    level: Level = "episode"
    """Compare whole verdicts, or those on single skills."""
    most: int | None = None
    """Judge only the first so many episodes."""
    goal: str = ""
    """What was to be done in mp4 files; a JSON file beside one says it for that file."""
    plan: tuple[str, ...] = ()
    """The skills in mp4 files, in order; each has an equal share of the time."""
    camera: str = "agentview"
    """The name under which an analyzer looks for the picture of an mp4; RoboTwin's is
    head_camera."""
    shown: ModuleOptions = field(default_factory=ModuleOptions)
    """What analyzers that are foundation models are shown."""


@dataclass
class JudgeOutcome:
    """What was judged, and what was not."""

    rows: list[JudgedRow] = field(default_factory=list)
    text: str = ""
    stopped: dict[str, str] = field(default_factory=dict)
    """Analyzer -> why it was not asked any more."""
    damaged: tuple[str, ...] = ()

    @property
    def errors(self) -> list[str]:
        """What went wrong on single episodes."""
        return [f"{row.file}: {row.error}" for row in self.rows if row.status == "error"]


def judge(
    paths: Sequence[Path],
    config: JudgeConfig,
    out_dir: str | Path,
    llm: ChatConfig | None = None,
    *,
    progress: bool = True,
) -> JudgeOutcome:
    """Judge and write `judged.jsonl`, `judge.json` and `judge.md`.

    Non-obvious behaviour:
        - Success is the positive class. The truth of an episode is `Episode.success`, the
          simulator's latched verdict; that of a skill is its predicate where the next skill begins,
          or at the end of the episode (`mosel_gym.data.windows.attempt_end`).
        - An analyzer that is not privileged gets the episode without success, predicates and
          states.
        - What `out_dir` has from earlier is not asked again. A failed question is.
        - When a budget is reached, or a model gives no answer three times in a row, the others go
          on. Ctrl-C writes the tables of what there is, and passes.

    Args:
        paths: Episode files, mp4 files, or folders of them.
        config: The analyzers, and what to compare.
        out_dir: Where it is written.
        llm: How foundation models are called.
        progress: Show a bar.

    Raises:
        FileNotFoundError: A path does not exist.
        MoselError: There is nothing to judge, or an analyzer cannot be made: an unknown name, a
            missing key or library, a file of `config.shown` that cannot be read.
    """
    specs = tuple(dict.fromkeys(config.analyzer))
    if config.most is not None and config.most < 1:
        raise MoselError(f"--most is {config.most}; at least 1 episode has to be judged.")
    if not specs:
        raise MoselError("There is no analyzer; give at least one with --analyzer.")
    config.shown.check(planner=False, analyzer=any(map(uses_model, specs)))
    video = VideoTold(goal=config.goal, plan=config.plan, camera=config.camera)
    found = find_items(paths, video)
    items = found.items[: config.most]
    judges = {
        spec: _Judge(spec, llm, config.shown) for spec in specs
    }  # all of them, before the first question
    folder = Path(out_dir)
    store = RowStore(folder / "judged.jsonl")
    outcome = JudgeOutcome(damaged=found.damaged)
    try:
        with tqdm(
            total=len(items) * len(specs), desc="judging", unit="verdict", disable=not progress
        ) as bar:
            for item in items:
                _judge_item(item, judges, store, bar)
    finally:  # Ctrl-C too: what was judged is shown and kept
        keys = {item.key for item in items}
        outcome.rows = store.rows(
            lambda row: (
                row.key in keys and row.spec in judges and judges[row.spec].identity == row.identity
            )
        )
        outcome.stopped = {spec: one.stopped for spec, one in judges.items() if one.stopped}
        outcome.text = _write(folder, config, outcome, found)
    return outcome


class _Judge:
    """An analyzer with its meter, and whether it may still be asked."""

    def __init__(self, spec: str, llm: ChatConfig | None, shown: ModuleOptions) -> None:
        self.spec = spec
        self.analyzer = make_analyzer(spec, llm, shown)
        self.meter = CostMeter(self.analyzer)
        self.identity = _identity(spec, self.analyzer, llm, shown)
        self.privileged = spec.partition(":")[0] == "privileged"
        self.stopped = ""
        self._silent = 0

    def _hinted(self, episode: Episode) -> bool:
        hints = getattr(self.analyzer, "hints", None)
        return hints is not None and bool(hints.used(episode.task_id))

    def row(self, item: Item, episode: Episode) -> JudgedRow | None:
        """Ask; None if nothing may be asked any more."""
        about: dict[str, Any] = {
            "key": item.key,
            "spec": self.spec,
            "identity": self.identity,
            "file": str(item.path),
            "demo": item.demo,
            "task": episode.task_id or episode.goal,
            "source": source_of(episode),
            "analyzer": self.analyzer.name,
            "privileged": self.privileged,
            "hints": self._hinted(episode),
            "truth": episode.success,
        }
        shown = episode if self.privileged else hidden(episode)
        try:
            with self.meter.measured():
                said = self.analyzer.analyze(shown)
        except BudgetReached as error:
            self.stopped = str(error)
            return None
        except MissingKey:
            raise  # turned down: no later question will do better
        except MoselError as error:
            self._silent = self._silent + 1 if isinstance(error, ModelUnavailable) else 0
            if self._silent >= _PATIENCE:
                self.stopped = f"{_PATIENCE} questions in a row had no answer; {error}"
            told = f"{type(error).__name__}: {error}"
            return JudgedRow(**about, status="error", error=told, cost=self.meter.last)
        self._silent = 0
        about["privileged"] = said.privileged
        return JudgedRow(
            **about,
            judged=said.success,
            verdicts=beside_truth(episode, said),
            fault=said.fault,
            failed_skill=said.failed_skill,
            rationale=said.rationale,
            cost=self.meter.last,
        )


def _judge_item(item: Item, judges: dict[str, _Judge], store: RowStore, bar: Any) -> None:
    episode: Episode | None = None
    for judge_ in judges.values():
        if not judge_.stopped and not store.done(item.key, judge_.spec, judge_.identity):
            try:
                episode = episode or item.load()
                row = judge_.row(item, episode)
            except MoselError as error:
                if isinstance(error, MissingKey):
                    raise
                row = JudgedRow(
                    item.key,
                    judge_.spec,
                    judge_.identity,
                    str(item.path),
                    item.demo,
                    status="error",
                    error=f"{type(error).__name__}: {error}",
                )
            if row is not None:
                store.add(row)
            bar.set_postfix_str(f"{sum(one.meter.total.usd for one in judges.values()):.2f} USD")
        bar.update()


def _identity(spec: str, analyzer: Any, llm: ChatConfig | None, shown: ModuleOptions) -> str:
    """The name, with whatever else decides the verdicts.

    That is what a foundation model is shown, or a digest of a network's weights and threshold.
    """
    if uses_model(spec):
        return f"{identity(spec, llm, shown.analyzer_identity())}, prompts {_prompts()}"
    network: Any = getattr(analyzer, "judge", None)
    if not hasattr(network, "state_dict"):
        return identity(spec)
    digest = hashlib.sha256(repr(getattr(analyzer, "config", "")).encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return f"{analyzer.name} {digest.hexdigest()[:16]}"


def _prompts() -> str:
    """Digest of what models are told."""
    digest = hashlib.sha256()
    for name in prompts.names():
        digest.update(resources.files(prompts).joinpath(f"{name}.md").read_bytes())
    return digest.hexdigest()[:16]


def _write(folder: Path, config: JudgeConfig, outcome: JudgeOutcome, found: Found) -> str:
    rows = scores(outcome.rows, config.level)
    notes = _notes(config, outcome, found)
    first = f"Table 8: verdicts on {config.level}s against the simulator's, by task"
    second = "Table 9: by analyzer, with what it costs"
    text = "\n\n".join([first, table_8(rows), second, table_9(rows), *notes])
    page = [f"# {first}", table_8(rows, markdown), f"# {second}", table_9(rows, markdown), *notes]
    with atomic_path(folder / "judge.md") as draft:
        draft.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    content = {
        "level": config.level,
        "scores": plain_scores(rows),
        "stopped": outcome.stopped,
        "errors": outcome.errors,
        "damaged": found.damaged,
        "own_videos_left_out": found.own_videos,
        "text": text,
        "provenance": provenance(config),
    }
    write_json(folder / "judge.json", content)
    return text


def _notes(config: JudgeConfig, outcome: JudgeOutcome, found: Found) -> list[str]:
    unit = "whole episodes" if config.level == "episode" else "skills"
    truth = (
        "the simulator's latched verdict (`Episode.success`)"
        if config.level == "episode"
        else "the skill's predicate where the next skill begins, or at the episode's end"
    )
    notes = [
        f"Positive class: success, of {unit}. Truth: {truth}. Wilson 95 % intervals; that of F1 by "
        "drawing episodes with replacement (2000 draws, seed 0)."
    ]
    if len({row.source for row in outcome.rows}) > 1:
        notes.append("Episodes of different renderers or assets stand apart and are not pooled.")
    if any(row.privileged for row in outcome.rows):
        notes.append("PRIVILEGED analyzers read simulator truth; their numbers are upper bounds.")
    hinted = dict.fromkeys(row.analyzer for row in outcome.rows if row.hints)
    if hinted:
        notes.append(f"A person's hints were given to {', '.join(hinted)}.")
    if found.own_videos:
        notes.append(
            f"{found.own_videos} mp4 files were left out: an analyzer's words are drawn into them."
        )
    if found.damaged:
        notes.append(f"{len(found.damaged)} files cannot be read. The first: {found.damaged[0]}")
    for spec, why in outcome.stopped.items():
        notes.append(
            f"{spec} was not asked any further: {why.rstrip('.')}. What it has judged is kept, and "
            "the same command goes on from there."
        )
    return notes
