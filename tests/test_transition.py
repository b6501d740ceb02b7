"""Rotations as properties over random samples, and the transition of Appendix J."""

from __future__ import annotations

import numpy as np
import pytest
import quaternion

from mosel_gym import panda
from mosel_gym.errors import SpecMismatch
from mosel_gym.rotations import (
    axis_angle_to_quat,
    quat_to_axis_angle,
    quat_xyzw_to_axis_angle,
    relative_axis_angle,
    shortest_axis_angle,
)
from mosel_gym.specs import robot
from mosel_gym.transition import MAX_JOINT_STEP_RAD, TransitionConfig, TransitionController

HOME = np.array([-0.05, 0.0, 0.9])
DOWN = np.array([np.pi - 0.01, 0.02, 0.0])  # the hand points down: an angle near pi
HOME_PROPRIO = np.concatenate([HOME, DOWN, [0.04, -0.04]])


def random_axis_angles(count: int, largest: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return axes * rng.uniform(1e-6, largest, size=(count, 1))


@pytest.mark.parametrize("axis_angle", random_axis_angles(20, 2 * np.pi - 1e-3))
def test_axis_angle_survives_the_round_trip(axis_angle):
    rotation = axis_angle_to_quat(axis_angle)
    np.testing.assert_allclose(quat_to_axis_angle(rotation), axis_angle, atol=1e-9)
    w, x, y, z = quaternion.as_float_array(rotation)
    np.testing.assert_allclose(quat_xyzw_to_axis_angle([x, y, z, w]), axis_angle, atol=1e-9)


@pytest.mark.parametrize("axis_angle", random_axis_angles(20, 2 * np.pi - 1e-3))
def test_shortest_is_antipodal_safe(axis_angle):
    rotation = axis_angle_to_quat(axis_angle)
    shortest = shortest_axis_angle(rotation)
    np.testing.assert_allclose(shortest, shortest_axis_angle(-rotation), atol=1e-9)
    assert np.linalg.norm(shortest) <= np.pi + 1e-9
    matrix = quaternion.as_rotation_matrix(rotation)
    np.testing.assert_allclose(
        quaternion.as_rotation_matrix(axis_angle_to_quat(shortest)), matrix, atol=1e-9
    )


def test_robosuites_convention_keeps_the_sign():
    np.testing.assert_allclose(quat_xyzw_to_axis_angle([0, 0, 0, 1]), np.zeros(3))
    np.testing.assert_allclose(quat_xyzw_to_axis_angle([1, 0, 0, 0]), [np.pi, 0, 0])
    np.testing.assert_allclose(
        quat_xyzw_to_axis_angle([np.sin(2.0), 0, 0, np.cos(2.0)]), [4.0, 0, 0]
    )


def test_relative_rotation_leads_from_current_to_target():
    samples = random_axis_angles(20, np.pi)
    for target, current in zip(samples, samples[::-1], strict=True):
        step = axis_angle_to_quat(relative_axis_angle(target, current))
        reached = quaternion.as_rotation_matrix(step * axis_angle_to_quat(current))
        wanted = quaternion.as_rotation_matrix(axis_angle_to_quat(target))
        np.testing.assert_allclose(reached, wanted, atol=1e-9)
    flipped = DOWN * (1 - 2 * np.pi / np.linalg.norm(DOWN))  # the same rotation, other sign
    np.testing.assert_allclose(relative_axis_angle(DOWN, flipped), np.zeros(3), atol=1e-9)


@pytest.mark.parametrize("bad", [[0, 0], [0, 0, np.nan], [np.inf, 0, 0], 3.0])
def test_refuses_what_is_no_vector(bad):
    with pytest.raises(ValueError, match="3 finite numbers"):
        axis_angle_to_quat(bad)
    with pytest.raises(SpecMismatch, match="8 finite numbers"):
        TransitionController(np.asarray(bad))


class LaggingArm:
    """A point that moves by half of each commanded delta, as an OSC arm roughly does."""

    def __init__(self, position, axis_angle):
        self.proprio = np.concatenate([position, axis_angle, [0.01, -0.01]]).astype(np.float32)

    def step(self, action: np.ndarray) -> None:
        self.proprio[:3] += 0.5 * 0.05 * action[:3]
        turned = axis_angle_to_quat(0.25 * action[3:6]) * axis_angle_to_quat(self.proprio[3:6])
        self.proprio[3:6] = quat_to_axis_angle(turned)


def run(arm: LaggingArm, controller: TransitionController) -> list[np.ndarray]:
    actions = []
    while not controller.finished(arm.proprio):
        actions.append(controller.act(arm.proprio))
        arm.step(actions[-1])
    return actions


def test_rises_first_then_corrects_the_pose():
    arm = LaggingArm([0.2, 0.2, 0.6], [-3.0, 0.4, 0.3])
    controller = TransitionController(HOME_PROPRIO)
    actions = run(arm, controller)
    assert all(a.shape == (7,) and a.dtype == np.float32 and np.abs(a).max() <= 1 for a in actions)
    np.testing.assert_allclose(actions[0], [0, 0, 1 / 5, 0, 0, 0, -1])
    for action in actions[:20]:
        np.testing.assert_array_equal(action[[0, 1, 3, 4, 5]], 0)
    assert np.abs(actions[20][:2]).max() > 0.5
    assert {float(action[6]) for action in actions} == {-1.0}
    assert 20 < len(actions) < 50
    assert controller.is_there(arm.proprio)
    np.testing.assert_allclose(arm.proprio[:3], HOME, atol=0.01)


def test_takes_all_steps_where_asked_and_starts_anew_after_reset():
    arm = LaggingArm(HOME, DOWN)
    paper = TransitionController(HOME_PROPRIO, TransitionConfig(stop_when_there=False))
    assert len(run(arm, paper)) == 50
    assert run(arm, paper) == []
    paper.reset()
    assert len(run(arm, paper)) == 50
    assert run(LaggingArm(HOME, DOWN), TransitionController(HOME_PROPRIO)) == []


def test_gives_up_after_max_steps_and_can_keep_the_grip():
    config = TransitionConfig(rise_steps=2, max_steps=5, keep_grip=True)
    actions = run(LaggingArm([5.0, 5.0, 5.0], DOWN), TransitionController(HOME_PROPRIO, config))
    assert len(actions) == 5
    assert {float(action[6]) for action in actions} == {0.0}


def test_refuses_numbers_that_make_no_transition():
    with pytest.raises(ValueError, match="rise_steps=30"):
        TransitionConfig(rise_steps=30, max_steps=20)
    with pytest.raises(ValueError, match="rise_divisor"):
        TransitionConfig(rise_divisor=0)


TWO_HOME = np.tile([*panda.HOME_RAD, 1.0], 2)


def test_two_arms_go_home_together_in_joint_angles():
    away = TWO_HOME.copy()
    away[[1, 9]] += [0.5, -0.25]
    away[7] = 0.3  # something in the left hand
    config = TransitionConfig(keep_grip=True)
    controller = TransitionController(TWO_HOME, config, robot("dual-panda-joint"))
    count = 0
    while not controller.finished(away):
        action = controller.act(away).astype(np.float64)
        assert np.abs(action - away)[[1, 9]].max() <= MAX_JOINT_STEP_RAD + 1e-6
        assert (action[7], action[15]) == (0.0, 1.0), "it holds on, and leaves the other open"
        away[:7], away[8:15] = action[:7], action[8:15]
        count += 1
    assert count == 5
    assert controller.is_there(away)


def test_two_hands_rise_first_and_each_goes_its_own_way():
    away = TWO_HOME.copy()
    away[1] += 0.4  # the left hand forward and down, the right one at home
    controller = TransitionController(TWO_HOME, None, robot("dual-panda-ee"))
    first = controller.act(away)
    assert first.shape == (14,)
    assert first[2] > 0
    np.testing.assert_array_equal(first[[0, 1, 3, 4, 5]], 0)
    np.testing.assert_allclose(first[7:13], 0, atol=1e-6)
    assert (first[6], first[13]) == (-1.0, -1.0)


@pytest.mark.parametrize("name", ["dual-panda-ee", "dual-panda-joint"])
def test_keeping_the_grip_opens_a_hand_that_closed_on_nothing(name):
    spec, proprio = robot(name), TWO_HOME.copy()
    proprio[[7, 15]] = [0.0, 0.22]  # left: nothing; right: a handle
    still = spec.still(proprio, "keep")
    assert still[spec.gripper_dims[0]] == spec.open_grip
    assert still[spec.gripper_dims[1]] == (0.0 if name == "dual-panda-ee" else spec.close_grip)


@pytest.mark.parametrize("name", ["dual-panda-ee", "dual-panda-joint"])
def test_a_hand_that_closed_on_nothing_opens_all_the_way(name):
    controller = TransitionController(TWO_HOME, TransitionConfig(keep_grip=True), robot(name))
    left, right = controller.robot.gripper_dims
    held, opens = controller.robot.close_grip, controller.robot.open_grip
    kept = 0.0 if name == "dual-panda-ee" else held
    now = TWO_HOME.copy()
    for opening in (0.0, 0.12, 0.25):  # left: nothing, then on its way; right: a handle
        now[[7, 15]] = [opening, 0.22]
        assert controller.act(now)[[left, right]].tolist() == [opens, kept]
    controller.reset()
    assert controller.act(now)[[left, right]].tolist() == [kept, kept]  # what is held stays held


def test_proprio_of_another_robot_is_refused():
    with pytest.raises(SpecMismatch, match="16 finite numbers"):
        TransitionController(HOME_PROPRIO, None, robot("dual-panda-ee"))
