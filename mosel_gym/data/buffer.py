"""The reflection buffer: D_buffer = {w_i, actions, frames, f_i, r_i} of Algorithm 1, on disk.

Actions and frames are in one HDF5 file an episode; skills, verdicts and reasons are in an SQLite
index beside them. An episode is written first and indexed second, in one transaction. So a killed
run loses at most the episode that it was adding, and the file that this leaves behind is not in the
index and is never read.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mosel_gym.data.atomic import link_or_copy
from mosel_gym.data.cameras import LIBERO_CAMERAS, Cameras
from mosel_gym.data.libero_hdf5 import read_episode, write_episode
from mosel_gym.data.provenance_check import OneSource
from mosel_gym.data.reflection_json import reflection_from_json, reflection_to_json
from mosel_gym.data.windows import Clip, clips_of
from mosel_gym.errors import DamagedFile, SpecMismatch
from mosel_gym.types import Episode, Reflection

# How long one process waits while another one writes; a write takes milliseconds.
_LOCK_TIMEOUT_S = 60.0

_ROUND = "WHERE (:round IS NULL OR round = :round)"
# Two episodes with no seed never count as the same: SQL's NULL differs from NULL.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS episodes (
    id INTEGER PRIMARY KEY,
    task_id TEXT NOT NULL,
    seed INTEGER,
    round INTEGER NOT NULL,
    file TEXT NOT NULL,
    reflection TEXT NOT NULL,
    UNIQUE (task_id, seed, round)
);
CREATE TABLE IF NOT EXISTS segments (
    episode INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    skill TEXT NOT NULL,
    kind TEXT NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    success INTEGER,
    reason TEXT NOT NULL,
    confidence REAL NOT NULL,
    PRIMARY KEY (episode, position)
);
"""


@dataclass(frozen=True)
class BufferSegment:
    """One executed skill [w_i] with its verdict: what refinement selects by."""

    episode_path: Path
    """The episode file that holds its actions and frames."""
    index: int
    """Index into `Episode.segments`."""
    skill: str
    start: int
    stop: int
    """Steps `start <= t < stop`."""
    success: bool | None
    """[f_i]; None for a transition, or where the analyzer gave no verdict."""
    reason: str
    """[r_i]."""
    confidence: float
    """In 0..1; 0 where there is no verdict."""
    kind: Literal["skill", "transition"]


class ReflectionBuffer:
    """Reflected episodes in a folder; several processes may add to it at the same time.

    Non-obvious behaviour:
        - An episode of the same task, seed and round replaces the older one.
        - Queries read the index only and stay fast; `load` and `clips` open episode files.
        - A damaged episode file raises when it is loaded; everything else stays readable.

    Args:
        directory: Where to keep it; made if missing. Holds `index.sqlite` and `episodes/`.

    Raises:
        DamagedFile: There is an `index.sqlite` that is not a readable index.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._transaction() as connection:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)

    def __len__(self) -> int:
        """Number of episodes."""
        return len(self.episodes())

    def add(
        self,
        episode: Episode,
        reflection: Reflection,
        *,
        round: int = 0,
        file: str | Path | None = None,
    ) -> Path:
        """Store an episode with what was said about it.

        Args:
            episode: The rollout.
            reflection: The analyzer's words on it.
            round: Number of the improvement round that collected it.
            file: A file that holds this episode already, as that of another buffer: it is linked,
                or copied, so that several judges of the same pictures need the space once.

        Returns:
            The episode file.

        Raises:
            SpecMismatch: A verdict names a segment that the episode has not, or two verdicts
                name the same one.
        """
        positions = [verdict.segment for verdict in reflection.verdicts]
        allowed = range(len(episode.segments))
        if len(set(positions)) < len(positions) or not set(positions) <= set(allowed):
            raise SpecMismatch(
                f"the verdicts name segments {positions}; each of 0..{len(allowed) - 1} is allowed "
                "once. Was this reflection made from another episode?"
            )
        # A new name every time: the index never points at a file that is being replaced.
        task = re.sub(r"[^A-Za-z0-9._-]+", "_", episode.task_id)
        stem = f"{task}-round{round}-seed{episode.seed}-{secrets.token_hex(4)}"
        path = self.directory / "episodes" / f"{stem}.hdf5"
        if file is None:
            write_episode(path, episode)
        else:
            link_or_copy(file, path)
        with self._transaction() as connection:
            replaced = self._index(connection, path, episode, reflection, round)
        for old in replaced:
            (self.directory / old).unlink(missing_ok=True)
        return path

    def episodes(self, round: int | None = None) -> list[Path]:
        """Paths of the episode files, oldest first."""
        return [path for path, _ in self._entries(round)]

    def reflections(self, round: int | None = None) -> list[Reflection]:
        """The reflections, in the order of `episodes`."""
        return [reflection for _, reflection in self._entries(round)]

    def keys(self, round: int | None = None) -> list[tuple[int, str, int | None]]:
        """Round, task and seed of each episode, in the order of `episodes`."""
        query = f"SELECT round, task_id, seed FROM episodes {_ROUND} ORDER BY id"
        return [(number, task, seed) for number, task, seed in self._query(query, {"round": round})]

    def segments(
        self,
        skill: str | None = None,
        success: bool | None = None,
        round: int | None = None,
        kind: Literal["skill", "transition"] | None = "skill",
    ) -> list[BufferSegment]:
        """Segments that match all arguments; None matches anything.

        Args:
            skill: Skill text.
            success: The verdict [f_i]; True and False both leave out segments without one.
            round: Number of the improvement round.
            kind: Arm transitions are left out unless asked for.
        """
        query = f"""
            SELECT file, position, skill, start, stop, success, reason, confidence, kind
            FROM segments JOIN episodes ON episode = id {_ROUND}
            AND (:skill IS NULL OR skill = :skill) AND (:kind IS NULL OR kind = :kind)
            AND (:success IS NULL OR success = :success) ORDER BY id, position
        """
        wanted = {"round": round, "skill": skill, "kind": kind, "success": success}
        return [
            BufferSegment(
                episode_path=self.directory / file,
                index=position,
                skill=skill_text,
                start=start,
                stop=stop,
                success=None if verdict is None else bool(verdict),
                reason=reason,
                confidence=confidence,
                kind=stored_kind,
            )
            for (
                file,
                position,
                skill_text,
                start,
                stop,
                verdict,
                reason,
                confidence,
                stored_kind,
            ) in self._query(query, wanted)
        ]

    def counts(self, round: int | None = None) -> dict[str, int]:
        """How much there is: `episodes`, `segments`, `accepted`, `rejected` and `unjudged`."""
        verdicts = [segment.success for segment in self.segments(round=round)]
        return {
            "episodes": len(self.episodes(round)),
            "segments": len(verdicts),
            "accepted": verdicts.count(True),
            "rejected": verdicts.count(False),
            "unjudged": verdicts.count(None),
        }

    def load(self, path: str | Path) -> Episode:
        """Read one of `episodes()`.

        Raises:
            DamagedFile: The file is missing or damaged; the message names its path.
        """
        try:
            return read_episode(path)
        except FileNotFoundError as error:
            raise DamagedFile(f"{path}: indexed in the buffer, but the file is gone") from error

    def clips(
        self,
        size: int = 64,
        skill: str | None = None,
        success: bool | None = None,
        round: int | None = None,
        cameras: Cameras = LIBERO_CAMERAS,
    ) -> list[Clip]:
        """The segments that `segments` selects, as training clips with `success` set.

        Raises:
            DamagedFile: An episode file is missing or damaged; the message names its path.
            SpecMismatch: A camera is missing, or two episodes differ in renderer or robot.
        """
        clips: list[Clip] = []
        source = OneSource()
        selected: dict[Path, set[int]] = {}
        for segment in self.segments(skill, success, round):
            if segment.stop > segment.start:
                selected.setdefault(segment.episode_path, set()).add(segment.index)
        for path, reflection in self._entries(round):
            if path in selected:
                episode = self.load(path)
                source.check(episode, str(path))
                clips += clips_of(
                    episode,
                    size,
                    cameras=cameras,
                    reflection=reflection,
                    segments=selected[path],
                )
        return clips

    def _entries(self, round: int | None) -> list[tuple[Path, Reflection]]:
        query = f"SELECT file, reflection FROM episodes {_ROUND} ORDER BY id"
        return [
            (self.directory / file, reflection_from_json(text))
            for file, text in self._query(query, {"round": round})
        ]

    def _index(
        self,
        connection: sqlite3.Connection,
        path: Path,
        episode: Episode,
        reflection: Reflection,
        round: int,
    ) -> list[str]:
        """Insert the rows of one episode; returns the files of those that it replaces."""
        key = (episode.task_id, None if episode.seed is None else int(episode.seed), round)
        same = "WHERE task_id = ? AND seed = ? AND round = ?"
        replaced = connection.execute(f"SELECT file FROM episodes {same}", key).fetchall()
        connection.execute(f"DELETE FROM episodes {same}", key)
        row = connection.execute(
            "INSERT INTO episodes (task_id, seed, round, file, reflection) VALUES (?, ?, ?, ?, ?)",
            (*key, f"episodes/{path.name}", reflection_to_json(reflection)),
        ).lastrowid
        verdicts = {verdict.segment: verdict for verdict in reflection.verdicts}
        for position, segment in enumerate(episode.segments):
            verdict = verdicts.get(position)
            said = (
                (verdict.success, verdict.reason, verdict.confidence) if verdict else (None, "", 0)
            )
            connection.execute(
                "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row,
                    position,
                    segment.skill,
                    segment.kind,
                    int(segment.start),
                    int(segment.stop),
                    *said,
                ),
            )
        return [file for (file,) in replaced]

    def _query(self, sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All statements of the block, or none; the write lock is taken at once."""
        with self._connect() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """A connection for one operation: none is ever shared with a forked or pickled copy."""
        path = self.directory / "index.sqlite"
        try:
            with closing(
                sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA foreign_keys = ON")
                yield connection
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise DamagedFile(f"{path}: cannot use the buffer's index ({error})") from error
            raise
        except sqlite3.DatabaseError as error:
            raise DamagedFile(
                f"{path}: not a readable index ({error}). The episode files beside it are intact; "
                "read them with read_episode, reflect on them again and add them to a new buffer."
            ) from error
