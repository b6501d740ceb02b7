"""The folder of an improvement over several rounds: what is done, and which agent goes on.

<out>/
    settings.json                   what it was begun with
    clips/                          pictures of the demonstrations, small, to be mapped into memory
    rounds/<n>/rollouts/<task>      results of the interactions, one file an episode
    rounds/<n>/buffer               the interactions with verdicts and reasons, D_buffer
    rounds/<n>/rollouts.json, decision.json, training.json, check.json    stages that are done
    rounds/<n>/agent, control       what came of the round
    rounds/<n>/check/before|after/<task>      results of the held-out check
    rounds/<n>/round.json           written last: the round is over
    agent, control                  links to those that go on
    summary.json, report.html, success.png

Every file appears completely or not at all, and what a stage needs is on disk before its own file
says that it is done. So a run that was killed goes on with the stage in which it was.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.provenance import plain, read_json, write_json
from mosel_gym.errors import DamagedFile, MoselError

Outcome = Literal["kept", "rolled back", "skipped"]


@dataclass(frozen=True)
class Standing:
    """Which agents go on. 0 = the one before the first round."""

    agent: int = 0
    """Number of the round that made it."""
    control: int = 0
    """Number of the round whose control it is."""
    kept: int = 0
    """Rounds that were kept."""


@dataclass(frozen=True)
class Round:
    """One round that is over, as `round.json` holds it."""

    number: int
    outcome: Outcome
    said: str
    """Why it was kept, rolled back or skipped."""
    module: str
    reason: str
    """Why this module."""
    standing: Standing
    """After it."""
    rollouts: dict[str, Any]
    decision: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)
    check: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, Any] = field(default_factory=dict)
    """First seeds and training seed."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By stage, summed over processes."""
    wall_s: dict[str, float] = field(default_factory=dict)
    """By stage, of the runs that ended it; what a killed run had spent is not in it."""

    @classmethod
    def read(cls, path: Path) -> Round:
        """Read a `round.json`.

        Raises:
            DamagedFile: It is none; names its path.
        """
        content = read_json(path)
        try:
            standing = Standing(**content.pop("standing"))
            return cls(standing=standing, **content)
        except (TypeError, KeyError, AttributeError) as error:
            raise DamagedFile(f"{path} is not the result of a round: {error}") from error


@dataclass(frozen=True)
class RoundFolder:
    """One round's folder, and the stages in it."""

    path: Path

    def once(self, name: str, make: Callable[[], Any]) -> dict[str, Any]:
        """The outcome of a stage: what `<name>.json` holds, or else what `make` gives, stored."""
        path = self.path / f"{name}.json"
        if not path.exists():
            with self.timed(name):
                write_json(path, make())
        found: dict[str, Any] = read_json(path)
        return found

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the block's wall time towards a stage, over several runs."""
        start_s = time.monotonic()
        try:
            yield
        finally:
            wall_s = self.wall_s()
            wall_s[stage] = round(wall_s.get(stage, 0.0) + time.monotonic() - start_s, 3)
            write_json(self.path / "wall.json", wall_s)

    def wall_s(self) -> dict[str, float]:
        """Wall time by stage."""
        path = self.path / "wall.json"
        found: dict[str, float] = read_json(path) if path.exists() else {}
        return found


@dataclass(frozen=True)
class RoundsFolder:
    """The whole folder."""

    path: Path

    def round(self, number: int) -> RoundFolder:
        """That of one round, from 1 on."""
        return RoundFolder(self.path / "rounds" / str(number))

    def done(self) -> list[Round]:
        """The rounds that are over, in order.

        Raises:
            DamagedFile: A `round.json` cannot be read.
        """
        found: list[Round] = []
        while (path := self.round(len(found) + 1).path / "round.json").exists():
            found.append(Round.read(path))
        return found

    def agent(self, number: int, base: str) -> str:
        """The agent that a round made, or the one before any."""
        return str(self.round(number).path / "agent") if number else base

    def control(self, number: int, base: str) -> str:
        """The control that a round made, or the agent before any."""
        return str(self.round(number).path / "control") if number else base

    def begin(self, identity: dict[str, Any]) -> None:
        """Insist on a folder that is new, or was begun like this.

        Raises:
            MoselError: It holds something else.
        """
        path, mine = self.path / "settings.json", plain(identity)
        if not path.exists():
            if self.path.exists() and any(self.path.iterdir()):
                raise MoselError(
                    f"{self.path} is not empty, and holds no rounds of this command. Give another "
                    "folder with --out."
                )
            write_json(path, mine)
            return
        stored = read_json(path)
        names = [*mine, *(name for name in stored if name not in mine)]
        other = [name for name in names if stored.get(name) != mine.get(name)]
        if other:
            told = ", ".join(f"{k} was {stored.get(k)!r}, is {mine.get(k)!r}" for k in other)
            raise MoselError(
                f"{self.path} holds rounds with other settings: {told}. Repeat the first ones to "
                "go on (a larger --rounds is fine), or give another folder with --out."
            )

    def link(self, name: str, number: int) -> None:
        """Let `<out>/<name>` lead to what round `number` made; nothing where that is the base."""
        if not number:
            return
        link = self.path / name
        draft = link.with_name(f".{name}-{os.getpid()}-{secrets.token_hex(4)}")
        os.symlink(Path("rounds") / str(number) / name, draft)
        os.replace(draft, link)
