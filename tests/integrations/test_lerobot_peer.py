"""Our policy, environments and datasets against the real LeRobot, in an environment of its own.

Two generations differ in how they find and make environments: 0.4.4, the newest for Python 3.11,
and 0.6 for Python 3.12.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mosel_gym.data.libero_hdf5 import read_episode, write_episode
from tests.integrations import lerobot_python
from tests.integrations.lerobot_episode import GOAL, SKILLS, assert_same, small_episode

EPISODES = {"a": small_episode(7), "b": small_episode(6)}


@dataclass(frozen=True)
class Probed:
    """What one run of `lerobot_peer/probe.py` said, and where it wrote."""

    agent_and_env: dict[str, Any]
    dataset: dict[str, Any]
    folder: Path


@pytest.fixture(
    scope="module", params=["lerobot", pytest.param("lerobot06", marks=pytest.mark.slow)]
)
def probed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Probed:
    programs = lerobot_python.needed(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    for name, episode in EPISODES.items():
        write_episode(folder / "episodes" / f"{name}.hdf5", episode)
    probe = Path(__file__).parent / "lerobot_peer" / "probe.py"
    said = lerobot_python.run(programs / "python", probe, folder / "episodes", folder)
    facts = json.loads(said.splitlines()[-1])
    return Probed(facts["agent_and_env"], facts["dataset"], folder)


def test_environment_shows_what_lerobots_own_libero_shows(probed: Probed) -> None:
    env = probed.agent_and_env["env"]
    picture, wrist, state = env["differences"]
    assert (picture, wrist) == (0.0, 0.0), "orientation"
    assert not env["frame_is_symmetric"], "a symmetric frame would prove nothing"
    assert state < 1e-6, "layout or units of the state"


def test_a_known_action_means_the_same(probed: Probed) -> None:
    env = probed.agent_and_env["env"]
    assert env["opening_after_m"] < 0.7 * env["opening_before_m"], "+1 closes the gripper"
    forward_m, left_m, _ = env["moved_m"]
    assert 0.01 < forward_m < 6 * 0.5 * 0.05
    assert -6 * 0.25 * 0.05 < left_m < -0.005


def test_environment_tells_lerobot_what_it_asks(probed: Probed) -> None:
    env = probed.agent_and_env["env"]
    assert env["truncated"]
    assert env["final_is_success"] == [False]
    assert (env["task"], env["task_description"]) == ("MOSEL-LiberoLong-Task6", GOAL)
    assert (env["max_steps"], env["fps"]) == (6, 20)
    assert env["reached_by_lerobot"], "LeRobot 0.4 asks the outermost environment only"
    assert env["picture_for_people"] == [128, 128, 3]


def test_a_known_frame_arrives_and_the_agents_action_comes_back(probed: Probed) -> None:
    policy = probed.agent_and_env["policy"]
    assert policy["agentview_is_upright"]
    assert policy["wrist_is_upright"]
    assert policy["state_is_exact"]
    assert policy["action_shape"] == [1, 7]
    assert policy["action_dtype"] == "torch.float32"
    assert policy["action_difference"] == 0.0


def test_two_rows_with_two_tasks_do_not_mix(probed: Probed) -> None:
    rows = probed.agent_and_env["rows"]
    assert rows["plans_differ"]
    assert rows["plans_follow_the_text"]
    assert rows["rows_differ"] > 0.01
    # A larger batch may be added up in another order; the rows are computed one by one here.
    assert rows["worst_difference"] == 0.0
    assert rows["chunk_shape"] == [2, 1, 7]


def test_lerobots_loop_acts_as_ours(probed: Probed) -> None:
    done = probed.agent_and_env["rollout"]
    assert done["shape"] == [1, 6, 7]
    assert done["done"] == [False] * 5 + [True]
    assert not any(done["success"])
    assert done["difference_to_our_loop"] == 0.0


def test_a_stored_policy_is_complete(probed: Probed) -> None:
    assert probed.agent_and_env["stored"] == {"difference": 0.0, "type": "mosel"}


def test_refusals_say_what_is_wrong(probed: Probed) -> None:
    said = probed.agent_and_env["refusals"]
    words = {
        "training": "mosel train policy",
        "no camera": "observation.images.image2",
        "no text": "task_description",
        "normalised": "Divide 0..255 by 255",
        "unknown goal": "--policy.skills",
        "unknown id": "MOSEL-LiberoLong-Task6",
    }
    assert set(said) == set(words)
    for name, word in words.items():
        assert word in said[name], name


def test_lerobot_reads_the_exported_dataset(probed: Probed) -> None:
    read = probed.dataset
    assert read["codes"] == [0, 2, 0], "an existing folder is refused"
    assert (read["fps"], read["robot"]) == (20, "panda")
    assert (read["episodes"], read["frames"]) == (2, 13)
    assert read["features"]["observation.images.image2"] == "image"
    assert read["features"]["observation.state"] == "float32"
    assert read["image_shape"] == [3, 24, 32]
    top_right = EPISODES["a"].observations["agentview"][0][0, -1]
    assert read["image_corner"] == top_right.tolist(), "turned by 180 degrees, as LeRobot's are"
    assert set(read["tasks"]) == {GOAL}
    a, b = ([SKILLS[0]] * 2 + [SKILLS[1]] * rest for rest in (5, 4))
    assert read["skills"] == a + b
    assert read["tasks_by_skill"] == a + b


def test_what_a_dataset_lacks_is_told_and_never_fetched(probed: Probed) -> None:
    assert "cut is not complete" in probed.dataset["incomplete"]
    assert not (probed.folder / "cut" / "data").exists()
    assert not (probed.folder / "back-cut").exists()


def test_round_trip_loses_nothing(probed: Probed) -> None:
    for index, episode in enumerate(EPISODES.values()):
        back = read_episode(probed.folder / "back" / f"episode_{index:06d}.hdf5")
        assert_same(back, episode)


def test_somebody_elses_dataset_lacks_only_the_end(probed: Probed) -> None:
    for index, episode in enumerate(EPISODES.values()):
        back = read_episode(probed.folder / "back-foreign" / f"episode_{index:06d}.hdf5")
        np.testing.assert_array_equal(back.actions, episode.actions[:-1])
        for name, rows in episode.observations.items():
            np.testing.assert_array_equal(back.observations[name], rows[:-1])
        assert back.goal == GOAL
        assert [segment.skill for segment in back.segments] == list(SKILLS)
