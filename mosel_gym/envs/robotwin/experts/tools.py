"""Skills with a tool in hand: beating, pushing, sweeping."""

from __future__ import annotations

import numpy as np

from mosel_gym.envs.aim_errors import AimErrors
from mosel_gym.envs.robotwin import objects
from mosel_gym.envs.robotwin.experts.arms import Actions, Arms
from mosel_gym.envs.robotwin.experts.moves import carry
from mosel_gym.envs.robotwin.experts.poses import moved, pose, yaw_of
from mosel_gym.envs.robotwin.objects import TABLE_Z_M
from mosel_gym.rotations import axis_angle_to_matrix

_PRESS_M = 0.018
"""The hammer is sent this far below the top of the block; what it meets stops it."""
_BRUSH_HALF_M = 0.015
_START_GAP_M = 0.03
_SWEEP_HEIGHT_M = 0.008
"""Of the brush over the table: it must neither scrape nor pass over the block."""
_PAN_BEFORE_BLOCK_M = 0.19


def _level(position: object, yaw_rad: float = 0.0) -> np.ndarray:
    return pose(np.asarray(position), axis_angle_to_matrix([0.0, 0.0, yaw_rad]))


def beat(arms: Arms, arm: str, errors: AimErrors) -> Actions:
    """Bring the hammer down on the block, and stay close above it.

    Lifted again, it would be where it was before the blow: the last picture would tell nothing.
    """
    block = arms.body("block")[:3, 3] + errors.place
    yaw = yaw_of(arms.body("hammer"))
    touching = block[2] + objects.BEAT_BLOCK_HALF_M - objects.HAMMER_FACE_M[2]
    above = _level([block[0], block[1], touching + 0.08], yaw)
    yield from carry(arms, arm, "hammer", above)
    down = arms.hand_for(arm, "hammer", _level([block[0], block[1], touching - _PRESS_M], yaw))
    for action in arms.move({arm: down}, speed=1.5):
        yield action
        if arms.env.predicates.holds((("struck", arm),)):
            break
    yield from arms.move({arm: arms.here(arm)})


def push(arms: Arms, errors: AimErrors) -> Actions:
    """Push the block with the brush in the right hand, until it is in the blue region."""
    goal = arms.body("target")[:2, 3] + errors.place[:2]
    yield from _drive_block(arms, goal)


def sweep(arms: Arms, errors: AimErrors) -> Actions:
    """Set the dustpan down beside the block with the left hand, and sweep the block into it."""
    block = arms.body("block")[:3, 3]
    pan = _level([block[0] - _PAN_BEFORE_BLOCK_M, block[1], TABLE_Z_M + 0.001])
    pan[:2, 3] += errors.place[:2]
    yield from carry(arms, "left", "dustpan", moved(pan, [0.0, 0.0, 0.06]))
    yield from carry(arms, "left", "dustpan", pan, speed=0.6)
    inside = arms.body("dustpan")[:2, 3] + [0.02, 0.0]
    yield from _drive_block(arms, inside)


def _drive_block(arms: Arms, goal: np.ndarray) -> Actions:
    """Push the block in a straight line until its middle is at `goal`, world x and y."""
    block = arms.body("block")[:3, 3]
    way = goal - block[:2]
    direction = way / np.linalg.norm(way)
    yaw = float(np.arctan2(direction[1], direction[0])) - np.pi  # the brush's -x face goes ahead
    yaw = (yaw + np.pi) % (2 * np.pi) - np.pi
    reach = objects.PUSH_BLOCK_HALF_M + _BRUSH_HALF_M
    height = TABLE_Z_M + objects.BRUSH_HALF_HEIGHT_M + _SWEEP_HEIGHT_M
    start = block[:2] - (reach + _START_GAP_M) * direction
    end = goal - reach * direction
    yield from carry(arms, "right", "brush", _level([*start, height + 0.08], yaw))
    yield from carry(arms, "right", "brush", _level([*start, height], yaw), speed=0.6)
    yield from carry(arms, "right", "brush", _level([*end, height], yaw), speed=0.5)
    missing = float((goal - arms.body("block")[:2, 3]) @ direction)
    if 0.005 < missing < 0.08:  # what the arm lags behind
        end = arms.body("brush")[:2, 3] + missing * direction
        yield from carry(arms, "right", "brush", _level([*end, height], yaw), speed=0.5)
    yield from arms.wait(4)
    yield from arms.move({"right": moved(arms.here("right"), [0.05, 0.0, 0.0])}, speed=0.5)
