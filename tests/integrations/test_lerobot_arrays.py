"""What of the LeRobot adapter needs no LeRobot: batches, rows of agents, frames, plug-in files."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mosel_gym.agents.pretrained import PolicyAgent
from mosel_gym.errors import DamagedFile, MissingLibrary, SpecMismatch, UnknownId
from mosel_gym.integrations.lerobot_frames import (
    episode_from,
    features_of,
    frames_of,
    side_file,
    write_side_file,
)
from mosel_gym.integrations.lerobot_layout import robot_of, rows_of, turned
from mosel_gym.integrations.lerobot_plugins import write_plugins
from mosel_gym.integrations.lerobot_rows import AgentRows
from mosel_gym.specs import ROBOTS
from tests.integrations.lerobot_episode import GOAL, SKILLS, assert_same, small_episode

PANDA = ROBOTS["panda"]


def _frame(side: int = 64) -> np.ndarray:
    """Red at the top left, green at the bottom left, on blue."""
    frame = np.zeros((side, side, 3), np.uint8)
    frame[..., 2] = 7
    frame[: side // 4, : side // 4] = (255, 0, 0)
    frame[-side // 4 :, : side // 4] = (0, 255, 0)
    return frame


def _batch(count: int = 2, **changes: Any) -> dict[str, Any]:
    theirs = _frame()[:, ::-1].transpose(2, 0, 1).astype(np.float32) / 255
    return {
        "observation.images.image": np.stack([theirs] * count),
        "observation.images.image2": np.stack([theirs] * count),
        "observation.state": np.arange(count * 8, dtype=np.float32).reshape(count, 8),
        "task": [GOAL] * count,
        **changes,
    }


def test_a_batch_becomes_upright_bytes_exactly() -> None:
    rows = rows_of(_batch(), PANDA)
    assert len(rows) == 2
    for index, row in enumerate(rows):
        np.testing.assert_array_equal(row.observation["agentview"], _frame())
        np.testing.assert_array_equal(row.observation["wrist"], _frame())
        assert row.observation["agentview"].dtype == np.uint8
        np.testing.assert_array_equal(row.observation["proprio"], np.arange(8) + 8 * index)
        assert row.task_text == GOAL


def test_every_byte_survives_the_float() -> None:
    every = np.arange(256, dtype=np.uint8).repeat(48).reshape(64, 64, 3)
    floats = every.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    batch = _batch(1) | {"observation.images.image": floats}
    seen = rows_of(batch, PANDA)[0].observation["agentview"]
    np.testing.assert_array_equal(seen[:, ::-1], every)


def test_robotwins_pictures_are_not_turned() -> None:
    robot = ROBOTS["dual-panda-ee"]
    batch = {
        "observation.images.head_camera": _frame().transpose(2, 0, 1)[None].astype(np.float32)
        / 255,
        "observation.state": np.zeros((1, 16), np.float32),
        "task": "beat the block with the hammer",
    }
    (row,) = rows_of(batch, robot)
    np.testing.assert_array_equal(row.observation["head_camera"], _frame())
    assert row.task_text == "beat the block with the hammer"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observation.state": np.zeros(8, np.float32)}, r"float \[B, P\]"),
        ({"observation.state": np.zeros((2, 7), np.float32)}, "8 finite numbers"),
        ({"task": [GOAL]}, "1 rows"),
        ({"observation.images.image": np.zeros((2, 64, 64, 3), np.float32)}, "float .* in 0..1"),
        ({"observation.images.image": np.zeros((2, 3, 64, 64), np.uint8)}, "got uint8"),
        ({"observation.images.image": np.full((2, 3, 64, 64), 9.0, np.float32)}, "Divide"),
        ({"observation.images.image": np.full((2, 3, 64, 64), np.nan, np.float32)}, "0..1"),
        ({"mosel/image_orientation": "upright"}, None),
    ],
)
def test_wrong_batches_are_named(changes: dict[str, Any], words: str | None) -> None:
    if words is None:  # an entry that LeRobot's batches do not have is not looked at
        assert len(rows_of(_batch(**changes), PANDA)) == 2
        return
    with pytest.raises(SpecMismatch, match=words):
        rows_of(_batch(**changes), PANDA)


@pytest.mark.parametrize("incoming", ["upright", "opengl", "rotated"])
@pytest.mark.parametrize("outgoing", ["upright", "opengl", "rotated"])
def test_turns_lead_back(incoming: str, outgoing: str) -> None:
    there = turned(_frame()[None], incoming, outgoing)
    np.testing.assert_array_equal(turned(there, outgoing, incoming)[0], _frame())
    if incoming != outgoing:
        assert not np.array_equal(there[0], _frame())


def test_rotated_is_opengls_picture_turned_by_180_degrees() -> None:
    opengl = _frame()[::-1]
    np.testing.assert_array_equal(turned(opengl, "opengl", "rotated"), opengl[::-1, ::-1])


class Counting:
    """Answers with how often it was asked since its reset, and keeps what it was told."""

    def __init__(self) -> None:
        self.resets: list[tuple[str, Any, int | None]] = []
        self.steps = 0

    def reset(self, task: str, skills: Any = None, *, seed: int | None = None) -> None:
        if task.startswith("unknown"):
            raise UnknownId("No task has that goal.")
        self.resets.append((task, skills, seed))
        self.steps = 0

    def act(self, observation: Any) -> np.ndarray:
        self.steps += 1
        return np.array([self.steps, observation["proprio"][0], 0, 0, 0, 0, 1], np.float32)


def _rows(**options: Any) -> tuple[AgentRows, list[Counting]]:
    made: list[Counting] = []

    def load() -> PolicyAgent:
        made.append(Counting())
        return made[-1]  # type: ignore[return-value]

    return AgentRows(load, **options), made


def test_rows_have_agents_of_their_own() -> None:
    rows, made = _rows(seed=5)
    first = rows.act(rows_of(_batch(task=["a", "b"]), PANDA))
    np.testing.assert_array_equal(first[:, :2], [[1, 0], [1, 8]])
    second = rows.act(rows_of(_batch(task=["a", "c"]), PANDA))
    assert second[:, 0].tolist() == [2, 1], "only the row whose text changed begins anew"
    rows.reset()
    third = rows.act(rows_of(_batch(task=["a", "c"]), PANDA))
    assert third[:, 0].tolist() == [1, 1]
    assert made[0].resets == [("a", None, 5)] * 2
    assert [text for text, *_ in made[1].resets] == ["b", "c", "c"]
    assert first.dtype == np.float32


def test_the_robot_of_an_agent_is_never_guessed() -> None:
    rows, made = _rows()
    with pytest.raises(SpecMismatch, match="Counting has no attribute `robot`"):
        assert rows.robot
    made[0].robot = "dual-panda-ee"  # type: ignore[attr-defined]
    assert rows.robot is ROBOTS["dual-panda-ee"]


def test_a_row_without_text_or_with_an_unknown_one_is_told() -> None:
    rows, _ = _rows()
    with pytest.raises(SpecMismatch, match="Row 1 .*task_description"):
        rows.act(rows_of(_batch(task=["a", " "]), PANDA))
    with pytest.raises(UnknownId, match=r"--policy\.skills"):
        rows.act(rows_of(_batch(1, task=["unknown"]), PANDA))


def test_frames_have_lerobots_names_and_turns() -> None:
    episode = small_episode()
    features = features_of(episode)
    assert {key: feature["dtype"] for key, feature in features.items()} == {
        "observation.images.image": "image",
        "observation.images.image2": "image",
        "observation.state": "float32",
        "action": "float32",
        "skill": "string",
    }
    assert features["observation.images.image"]["shape"] == (24, 32, 3)
    frames = list(frames_of(episode))
    assert len(frames) == episode.num_steps
    agentview = episode.observations["agentview"]
    np.testing.assert_array_equal(frames[3]["observation.images.image"], agentview[3][:, ::-1])
    np.testing.assert_array_equal(frames[3]["action"], episode.actions[3])
    assert {frame["task"] for frame in frames} == {GOAL}
    by_skill = [frame["task"] for frame in frames_of(episode, "skill")]
    assert by_skill == [SKILLS[0]] * 2 + [SKILLS[1]] * 5


def _columns(episode: Any) -> dict[str, Any]:
    frames = list(frames_of(episode))
    texts = ("task", "skill")
    return {
        key: [f[key] for f in frames] if key in texts else np.stack([f[key] for f in frames])
        for key in frames[0]
    }


def test_with_the_file_beside_it_nothing_is_lost(tmp_path: Path) -> None:
    episode = small_episode()
    depth = np.linspace(0, 1, 8 * 4, dtype=np.float32).reshape(8, 2, 2)
    episode = replace(episode, observations={**episode.observations, "agentview_depth": depth})
    write_side_file(tmp_path, 0, episode)
    assert_same(episode_from(_columns(episode), side_file(tmp_path, 0)), episode)


def test_without_it_the_last_action_has_no_result_and_is_left_out() -> None:
    episode = small_episode()
    back = episode_from(_columns(episode), None)
    np.testing.assert_array_equal(back.actions, episode.actions[:-1])
    for name, rows in episode.observations.items():
        np.testing.assert_array_equal(back.observations[name], rows[:-1])
    assert [(s.skill, s.start, s.stop) for s in back.segments] == [
        (SKILLS[0], 0, 2),
        (SKILLS[1], 2, 6),
    ]
    assert (back.goal, back.task_id) == (GOAL, "MOSEL-LiberoLong-Task6")
    assert (back.success, back.seed) == (None, None)


def test_a_file_of_another_episode_is_damaged(tmp_path: Path) -> None:
    write_side_file(tmp_path, 0, small_episode())
    side_file(tmp_path, 0).write_bytes(b"no HDF5")
    with pytest.raises(DamagedFile, match="remove the folder"):
        episode_from(_columns(small_episode()), side_file(tmp_path, 0))


def test_robots_are_known_by_their_numbers() -> None:
    assert robot_of(8, 7).name == "panda"
    assert robot_of(16, 14).name == "dual-panda-ee"
    assert robot_of(16, 16).name == "dual-panda-joint"
    with pytest.raises(SpecMismatch, match="6 and 6 numbers"):
        robot_of(6, 6)


def test_pictures_are_needed() -> None:
    episode = small_episode()
    blind = replace(episode, observations={"proprio": episode.observations["proprio"]})
    with pytest.raises(SpecMismatch, match="mosel data redraw"):
        features_of(blind)


def test_plugins_have_the_names_that_lerobot_looks_for(tmp_path: Path) -> None:
    folders = write_plugins(tmp_path)
    for folder, prefix in zip(folders, ("lerobot_policy_", "lerobot_env_"), strict=True):
        project = tomllib.loads((folder / "pyproject.toml").read_text())
        name = project["project"]["name"]
        assert name.startswith(prefix)
        assert name == folder.name
        modules = project["tool"]["setuptools"]["py-modules"]
        assert name in modules
        for module in modules:
            compile((folder / f"{module}.py").read_text(), module, "exec")
    assert (folders[1] / "gym_mosel.py").exists()


@pytest.mark.parametrize(
    "module", ["lerobot_env_config", pytest.param("lerobot_policy", marks=pytest.mark.slow)]
)
def test_without_lerobot_one_sentence_says_what_to_install(module: str) -> None:
    code = f"import sys; sys.modules['lerobot'] = None; import mosel_gym.integrations.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert MissingLibrary.__name__ in done.stderr.splitlines()[-1]
    assert "pip install lerobot" in done.stderr
