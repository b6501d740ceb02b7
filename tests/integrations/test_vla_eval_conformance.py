"""Our benchmark beside vla-eval's own LIBEROBenchmark: the same simulation seen through both.

vla-eval's class is the real one, its spec, payload and step included. Only the simulator below it
is ours, under robosuite's names: LIBERO's own needs assets that are not shipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("vla_eval", reason="needs vla-eval: pip install vla-eval")
from vla_eval.benchmarks.robotwin.benchmark import RoboTwinBenchmark
from vla_eval.recording import NullEpisodeRecorder
from vla_eval.rotation import axisangle_to_matrix
from vla_eval.specs import GRIPPER_CLOSE_NEG, IMAGE_RGB, STATE_EEF_POS_EULER_GRIP, check_specs

from mosel_gym.benchmark.specs import EnvSpec
from mosel_gym.errors import InvalidAction, MoselError, SpecMismatch, UnknownId
from mosel_gym.integrations.vla_eval import MoselBenchmark, MoselModelServer
from mosel_gym.specs import ROBOTS
from mosel_gym.wrappers import ObservationFormat
from tests.integrations.vla_eval_probe import Probe, Probes, f32, kept_environment

with kept_environment():
    from vla_eval.benchmarks.libero.benchmark import LIBEROBenchmark

ID = "MOSEL-Libero90-Task34"
ASKED: dict[str, Any] = {"send_wrist_image": True, "send_state": True}


class OldGym:
    """Our simulation with robosuite's names and the old 4-tuple, as LIBERO's environment has."""

    def __init__(self, **kwargs: Any) -> None:
        self.ours = EnvSpec(ID, {"protocol": "openpi", **kwargs}).make()
        self.env = ObservationFormat(self.ours, "upstream")
        # For `controller_states`, which X-VLA alone reads and we do not send.
        controller = SimpleNamespace(ee_pos=np.zeros(3), ee_ori_mat=np.eye(3), use_delta=True)
        self.robots = [SimpleNamespace(controller=controller)]

    def reset(self, seed: int) -> dict[str, Any]:
        observation, _ = self.env.reset(seed=seed)
        return dict(observation)

    def step(self, action: list[float]) -> tuple[dict[str, Any], float, bool, dict[str, Any]]:
        observation, reward, terminated, _, info = self.env.step(f32(action))
        return dict(observation), float(reward), terminated, info

    def close(self) -> None:
        self.env.close()


class TheirsOnOurs(LIBEROBenchmark):  # type: ignore[misc]
    """vla-eval's benchmark; only where it would build LIBERO's simulator, it gets ours."""

    def __init__(self, **params: Any) -> None:
        super().__init__("libero_90", **params)
        self._env = OldGym(camera_size=64)
        self._recorder = NullEpisodeRecorder()

    def get_tasks(self) -> list[dict[str, Any]]:
        return [{"name": "close the microwave", "suite": "libero_90"}]

    def reset(self, task: dict[str, Any]) -> Any:
        return self._env.reset(int(task.get("episode_idx", 0)))


@pytest.fixture(scope="module")
def theirs() -> Iterator[TheirsOnOurs]:
    made = TheirsOnOurs(quat_no_antipodal=True, **ASKED)
    yield made
    made.cleanup()


@pytest.fixture(scope="module")
def ours() -> Iterator[MoselBenchmark]:
    made = MoselBenchmark(ID, camera_size=64, quat_no_antipodal=True, **ASKED)
    made._recorder = NullEpisodeRecorder()
    yield made
    made.cleanup()


def _begin(benchmark: Any, episode: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    task = {**benchmark.get_tasks()[0], "episode_idx": episode}
    return benchmark.make_obs(benchmark.reset(task), task), task


@pytest.mark.parametrize("no_antipodal", [True, False])
def test_the_payload_is_that_of_their_libero(theirs, ours, no_antipodal, monkeypatch):
    monkeypatch.setattr(
        theirs, "_quat_to_aa", LIBEROBenchmark(quat_no_antipodal=no_antipodal)._quat_to_aa
    )
    monkeypatch.setattr(ours, "quat_no_antipodal", no_antipodal)
    (a, _), (b, _) = _begin(theirs, 2), _begin(ours, 2)
    assert set(a) - set(b) == {"controller_states"}
    for camera in ("agentview", "wrist"):
        assert a["images"][camera].dtype == b["images"][camera].dtype == np.uint8
        np.testing.assert_array_equal(a["images"][camera], b["images"][camera])
    np.testing.assert_allclose(a["states"], b["states"], atol=2e-6)
    assert a["task_description"] == b["task_description"] == "close the microwave"
    assert (a["images"]["agentview"] != a["images"]["agentview"][:, ::-1]).any()


def test_an_axis_angle_above_pi_is_sent_the_shorter_way_only_when_asked(ours, monkeypatch):
    _, task = _begin(ours)
    raw = ours.reset(task)
    raw["proprio"][3:6] = [3.9, 0.5, -0.2]
    told = ours.make_obs(raw, task)["states"]
    np.testing.assert_array_equal(told, raw["proprio"])
    monkeypatch.setattr(ours, "quat_no_antipodal", False)
    told = ours.make_obs(raw, task)["states"]
    assert np.linalg.norm(told[3:6]) < np.pi
    np.testing.assert_allclose(
        axisangle_to_matrix(told[3:6]), axisangle_to_matrix(raw["proprio"][3:6]), atol=1e-6
    )


def test_an_action_does_the_same_through_both(theirs, ours):
    _begin(theirs)
    _begin(ours)
    # closing, opening, and the zero that vla-eval's LIBERO takes for closing
    actions = [[0.8, 0, 0, 0, 0, 0.3, 1.0]] * 4 + [[0, -0.5, 0.4, 0, 0, 0, -0.2]] * 4
    actions += [[0, 0, 0, 0, 0, 0, 0.0]] * 4
    for action in actions:
        sent = {"actions": f32(action)}
        a, b = theirs.step(sent), ours.step(sent)
        state = theirs._proprio_state(a.obs)
        np.testing.assert_allclose(state, b.obs["proprio"], atol=2e-6)
        assert (a.done, a.reward) == (b.done, b.reward)


def test_units_and_signs(ours):
    _, task = _begin(ours)
    start = ours.reset(task)["proprio"]

    def after(action: list[float], steps: int) -> Any:
        for _ in range(steps):
            result = ours.step({"actions": f32(action)})
        return result.obs["proprio"]

    moved = after([0.4, 0, 0, 0, 0, 0, -1], 10)
    assert 0.02 < moved[0] - start[0] < 0.2  # at most 0.4 x 0.05 m x 10 steps: the arm lags
    width = moved[6] - moved[7]
    assert 0.07 < width < 0.09  # -1 opens: m between the fingers
    closed = after([0, 0, 0, 0, 0, 0, 1], 12)
    assert closed[6] - closed[7] < 0.01


def test_the_specs_fit_their_libero_and_ours():
    server = MoselModelServer(Probes())
    sides = (server.get_action_spec(), server.get_observation_spec())
    for benchmark in (LIBEROBenchmark(**ASKED), MoselBenchmark(**ASKED)):
        action, seen = benchmark.get_action_spec(), benchmark.get_observation_spec()
        assert check_specs(sides[0], action, sides[1], seen) == []
    assert server.get_observation_params() == {**ASKED, "quat_no_antipodal": True}


@pytest.mark.parametrize(
    ("side", "name", "spec"),
    [
        ("seen", "agentview", replace(IMAGE_RGB, format="rgb_hwc_uint8_upright")),
        ("seen", "state", STATE_EEF_POS_EULER_GRIP),
        ("seen", "wrist", None),
        ("action", "gripper", GRIPPER_CLOSE_NEG),
    ],
)
def test_their_check_tells_what_does_not_fit(side, name, spec):
    server = MoselModelServer(Probes())
    benchmark = LIBEROBenchmark(**ASKED)
    specs = {"action": benchmark.get_action_spec(), "seen": benchmark.get_observation_spec()}
    if spec is None:
        del specs[side][name]
    else:
        specs[side][name] = spec
    told = check_specs(
        server.get_action_spec(), specs["action"], server.get_observation_spec(), specs["seen"]
    )
    assert len(told) == 1
    assert (spec.format if spec else name) in told[0]


def test_two_arms_are_declared_and_their_robotwin_is_not_taken_for_ours():
    delta = MoselModelServer(Probes(lambda: Probe(robot=ROBOTS["dual-panda-ee"])))
    joint = MoselModelServer(Probes(lambda: Probe(robot=ROBOTS["dual-panda-joint"])))
    for server, control in ((delta, "ee_delta"), (joint, "joint")):
        ours = MoselBenchmark("robotwin", **server.get_observation_params())
        assert ours.robot.control == control
        a, b = ours.get_action_spec(), ours.get_observation_spec()
        assert check_specs(server.get_action_spec(), a, server.get_observation_spec(), b) == []
    theirs = RoboTwinBenchmark("grab_roller")
    a, b = theirs.get_action_spec(), theirs.get_observation_spec()
    told = check_specs(joint.get_action_spec(), a, joint.get_observation_spec(), b)
    assert any("16D vs 14D" in line for line in told)
    assert check_specs(delta.get_action_spec(), a, delta.get_observation_spec(), b)


def test_robotwin_sends_joints_and_upright_pictures():
    made = MoselBenchmark("MOSEL-RoboTwin-PushBlock", camera_size=64, send_wrist_image=True)
    made._recorder = NullEpisodeRecorder()
    try:
        task = {**made.get_tasks()[0], "episode_idx": 1}
        raw = made.reset(task)
        told = made.make_obs(raw, task)
        assert set(told["images"]) == {"head_camera", "left_camera", "right_camera"}
        for camera, picture in told["images"].items():
            np.testing.assert_array_equal(picture, raw[camera])
        np.testing.assert_array_equal(told["joint_state"], raw["proprio"])
        hold = made.get_hold_action(None)["actions"]
        before = made.step({"actions": hold}).obs["proprio"]
        lifted = made.step({"actions": f32([0, 0, 1, 0, 0, 0, -1] * 2)}).obs["proprio"]
        assert np.abs(lifted - before).max() > 0.005
        assert made.get_metadata()["max_steps"] == 700
    finally:
        made.cleanup()


def test_an_episode_is_a_function_of_seed_and_number(ours):
    _, task = _begin(ours)
    first = ours.reset({**task, "episode_idx": 3})
    other = ours.reset({**task, "episode_idx": 4})
    again = ours.reset({**task, "episode_idx": 3})
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert any((first[name] != other[name]).any() for name in first)
    assert ours._info["init_state_id"] == 3


def test_metadata_and_tasks():
    made = MoselBenchmark()
    assert made.get_metadata()["max_steps"] == 520
    assert made.get_metadata()["max_episodes_per_task"] == 50
    assert len(made.get_tasks()) == 10
    ninety = MoselBenchmark("libero-90", protocol="mosel").get_tasks()
    assert len({task["name"] for task in ninety}) == 90  # vla-eval keeps results by name
    assert {task["goal"] for task in ninety} < {task["name"] for task in ninety} | {
        task["goal"] for task in ninety if task["name"].endswith(f"({task['env_id']})")
    }
    assert MoselBenchmark(protocol="mosel").get_metadata()["max_steps"] == 600


@pytest.mark.parametrize(
    ("error", "told", "params"),
    [
        (UnknownId, "allowed: ['libero-long'", {"suite": "libero_spatial"}),
        (UnknownId, "Unknown environment", {"suite": ["MOSEL-LiberoLong-Task77"]}),
        (UnknownId, "suite is []", {"suite": []}),
        (SpecMismatch, "several robots", {"suite": [ID, "MOSEL-RoboTwin-PushBlock"]}),
        (MoselError, "has no protocol", {"suite": "robotwin", "protocol": "openpi"}),
        (MoselError, "has no control", {"control": "joint"}),
        (MoselError, "Unknown protocol", {"protocol": "libero"}),
        (MoselError, "has no robot_color", {"env_kwargs": {"robot_color": "red"}}),
    ],
)
def test_arguments_that_are_wrong(error, told, params):
    with pytest.raises(error) as caught:
        MoselBenchmark(**params)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({}, "must have 'actions'"),
        ({"actions": np.zeros((8, 7))}, "not a chunk"),
        ({"actions": "left"}, "must have 'actions'"),
        ({"actions": np.zeros(14)}, "shape (14,)"),
        ({"actions": np.full(7, np.nan)}, "not finite"),
        ([0.0] * 7, "it has list"),
    ],
)
def test_actions_that_are_wrong(ours, action, told):
    _begin(ours)
    with pytest.raises(InvalidAction) as caught:
        ours.step(action)
    assert told in str(caught.value)


def test_holding_still_in_real_time(ours):
    _begin(ours)
    ours._last_result = ours.step({"actions": f32([0, 0, 0, 0, 0, 0, 1])})
    hold = ours.get_hold_action({"actions": f32([0.5, 0, 0, 0, 0, 0, 1])})["actions"]
    np.testing.assert_array_equal(hold, f32([0, 0, 0, 0, 0, 0, 1]))
    np.testing.assert_array_equal(
        ours.get_hold_action(None)["actions"], f32([0, 0, 0, 0, 0, 0, -1])
    )
