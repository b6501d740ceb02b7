"""One line of JSON for every episode: what the tables are made of, and what is committed.

A row holds everything that decides whether it may be counted together with another one. Rows of two
protocols, renderers, asset packs, conditions or versions of an agent are never pooled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.metrics import Rate, share
from mosel_gym.benchmark.provenance import git_revision, hardware, plain, versions
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.locking import locked
from mosel_gym.errors import DamagedFile, SpecMismatch

RESULTS = Path("results")
"""Where commands keep their rows, below the current folder."""


@dataclass(frozen=True)
class Row:
    """One episode of one agent."""

    env_id: str
    agent: str
    """Label of the agent in tables, such as "UniPi" or a checkpoint's name."""
    seed: int
    round: int = 0
    """Rounds of improvement that the agent has behind it; 0 = before any."""
    repeat: int = 0
    """Which repetition of the whole improvement (its own rollouts and training seeds)."""
    success: bool | None = None
    """First hit, as LIBERO counts."""
    success_held: bool | None = None
    """Held for `conditions["hold"]` steps in a row; None = ended before that was known."""
    status: Literal["ok", "error"] = "ok"
    """An error is no failure; it leaves the rates and is counted beside them."""
    error: str = ""
    steps: int = 0
    seconds: float = 0.0
    """Wall time of the episode."""
    seconds_by_part: dict[str, float] = field(default_factory=dict)
    subgoals: dict[str, bool] = field(default_factory=dict)
    """PRIVILEGED truth at the episode's end."""
    plan: tuple[str, ...] = ()
    imagined_plans: dict[str, Any] = field(default_factory=dict)
    """Plans of the video planner: `drawn`, `refused`, `followed_refused` and `reasons`. Older rows
    have none."""
    verdicts: tuple[dict[str, Any], ...] = ()
    """`skill`, `judged`, and the privileged `truth` of every judged segment, with its number in the
    episode (`segment`: a skill that was tried again has several) and the judge's `confidence`.
    Older rows lack the last two."""
    judged_success: bool | None = None
    """The analyzer's word on the episode; None = nobody judged it."""
    protocol: str = ""
    renderer: str = ""
    assets: str = ""
    robot: str = ""
    conditions: dict[str, Any] = field(default_factory=dict)
    """Step limit, layouts, pictures, disturbances: how the episode was run."""
    planner: str = ""
    analyzer: str = ""
    modules: str = ""
    """The agent's own name of its parts."""
    fingerprint: str = ""
    """Differs where weights or settings do."""
    information: str = ""
    """What the agent was given to learn from."""
    privileged: bool = False
    """Whether the analyzer read simulator truth."""
    privileged_agent: bool = False
    """Whether whoever moved the arms read simulator truth."""
    hints: bool = False
    models: dict[str, float] = field(default_factory=dict)
    """What foundation models cost."""
    versions: dict[str, str] = field(default_factory=dict)
    revision: str = ""
    hardware: str = ""

    @property
    def key(self) -> tuple[Any, ...]:
        """Two rows with the same key are the same episode, the later one run again."""
        who = (self.env_id, self.agent, self.round, self.repeat)
        return (*who, _text(self.conditions), self.protocol, self.renderer, self.assets, self.seed)

    @property
    def pool(self) -> dict[str, str]:
        """What rows must agree in to be counted together, by name."""
        names = ("env_id", "round", "repeat", "protocol", "renderer", "assets", "robot")
        more = ("fingerprint", "planner", "analyzer", "modules")
        found = {name: str(getattr(self, name)) for name in (*names, *more)}
        return found | {"conditions": _text(self.conditions)}

    @property
    def attempt(self) -> tuple[Any, ...]:
        """As `key`, without the setting, which an episode that broke early could not tell."""
        who = (self.env_id, self.agent, self.round, self.repeat)
        return (*who, _text(self.conditions), self.seed)


def rows_of(
    results: Sequence[EpisodeResult],
    env_id: str,
    agent: str,
    *,
    round: int = 0,
    repeat: int = 0,
    conditions: dict[str, Any] | None = None,
    fingerprint: str = "",
    information: str = "",
) -> list[Row]:
    """Rows of some episodes, with the versions and the hardware of this process."""
    machine, made_with, revision = hardware(), versions(), git_revision() or ""
    return [
        Row(
            env_id=env_id,
            agent=agent,
            seed=result.seed,
            round=round,
            repeat=repeat,
            success=result.success,
            success_held=result.held,
            status=result.status,
            error=result.error.strip().rpartition("\n")[2],  # the last line says what it was
            steps=result.steps,
            seconds=round_s(sum(result.seconds.values())),
            seconds_by_part={part: round_s(value) for part, value in result.seconds.items()},
            subgoals=result.subgoals,
            plan=result.plan,
            imagined_plans=result.imagined_plans,
            verdicts=tuple(
                {
                    "skill": row.skill,
                    "judged": row.judged,
                    "truth": row.truth,
                    "segment": row.segment,
                    "confidence": round_s(row.confidence),
                }
                for row in result.verdicts
            ),
            judged_success=result.judged_success,
            conditions=dict(conditions or {}),
            planner=result.planner,
            analyzer=result.analyzer,
            modules=result.agent,
            fingerprint=fingerprint,
            information=information,
            privileged=result.privileged,
            privileged_agent=result.privileged_agent,
            hints=result.hints,
            models=result.models,
            versions=made_with,
            revision=revision,
            hardware=f"{machine['cpu']}, {machine['cores']} cores",
            **{name: result.setting.get(name, "") for name in _SETTING},
        )
        for result in results
    ]


_SETTING = ("protocol", "renderer", "assets", "robot")


def round_s(seconds: float) -> float:
    """Thousandths are enough, of seconds and of confidences."""
    return round(seconds, 3)


def read_rows(paths: str | Path | Iterable[str | Path]) -> list[Row]:
    """All rows of some files; of a folder, those of its `*.jsonl`.

    An episode that several of them hold counts once.

    Raises:
        FileNotFoundError: A path does not exist.
        DamagedFile: A line is no row; the message names file and line.
    """
    found: dict[tuple[Any, ...], Row] = {}
    for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist; `mosel eval` writes rows.")
        for file in _files(path) if path.is_dir() else [path]:
            # Two versions of an agent are kept apart here: `check_pool` has to see them.
            found |= {(*row.key, row.fingerprint): row for row in _lines(file)}
    return list(found.values())


def _files(folder: Path) -> list[Path]:
    """Without drafts, whose names begin with a dot: another process may be writing one."""
    return sorted(file for file in folder.glob("*.jsonl") if not file.name.startswith("."))


def merge_rows(path: str | Path, rows: Sequence[Row]) -> Path:
    """Add rows to a file; a row of the same episode is replaced.

    An error gives way to the episode once it was carried out, and never takes the place of one that
    the same agent carried out.

    The file is written anew under another name and put in place, with the folder locked, so that
    two commands at once lose nothing and a killed one leaves the old file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        _write(path, _merged(list(_lines(path)) if path.exists() else [], rows))
    return path


def keep_rows(path: str | Path, wanted: Callable[[Row], bool]) -> None:
    """Remove the rows of a file that are not wanted; written as `merge_rows` does."""
    path = Path(path)
    if not path.exists():
        return
    with locked(path.parent):
        rows = list(_lines(path))
        kept = [row for row in rows if wanted(row)]
        if len(kept) < len(rows):
            _write(path, kept)


def _merged(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    again = {row.attempt for row in new}
    ended = {(row.attempt, row.fingerprint) for row in old if row.status == "ok"}
    known = {row.key: row for row in old if row.status == "ok" or row.attempt not in again}
    for row in new:
        if row.status == "ok" or (row.attempt, row.fingerprint) not in ended:
            known[row.key] = row
    return sorted(known.values(), key=lambda row: tuple(map(_sortable, row.key)))


def _write(path: Path, rows: Iterable[Row]) -> None:
    with atomic_path(path) as draft:
        text = "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)
        draft.write_text(text, encoding="utf-8")


def rate_of(rows: Sequence[Row], what: str = "") -> Rate:
    """First hits over the rows without an error.

    Args:
        rows: Of one agent; see `Row.pool`.
        what: Names the cell in an error.

    Raises:
        SpecMismatch: They must not be pooled; says in what they differ.
    """
    check_pool(rows, what)
    return share(row.success for row in rows if row.status == "ok")


def check_pool(rows: Sequence[Row], what: str = "") -> None:
    """Insist on rows that may be counted together.

    Raises:
        SpecMismatch: They differ in protocol, renderer, assets, conditions or the agent itself.
    """
    seen: dict[str, str] = {}
    for row in rows:
        if row.status == "error":
            continue
        for name, value in row.pool.items():
            other = seen.setdefault(name, value)
            if other != value:
                raise SpecMismatch(
                    f"{what or row.agent}: rows with {name} {other!r} and {value!r} are never "
                    "counted together. Run the missing seeds again the same way, or keep the rows "
                    "in two files."
                )


def _lines(file: Path) -> Iterator[Row]:
    names = {entry.name for entry in fields(Row)}
    try:
        # Not `splitlines`: it also cuts at separators that JSON leaves as they are inside a text.
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except ValueError as error:
        raise DamagedFile(f"{file} is no file of results: {error}") from error
    for number, line in enumerate(lines if lines != [""] else [], start=1):
        try:
            content = json.loads(line)
            content = {name: value for name, value in content.items() if name in names}
            content["plan"] = tuple(content.get("plan", ()))
            content["verdicts"] = tuple(content.get("verdicts", ()))
            yield Row(**content)
        except (ValueError, TypeError, AttributeError) as error:
            raise DamagedFile(f"{file}, line {number} is no row of results: {error}") from error


def _text(conditions: dict[str, Any]) -> str:
    return json.dumps(plain(conditions), sort_keys=True)


def _sortable(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value
