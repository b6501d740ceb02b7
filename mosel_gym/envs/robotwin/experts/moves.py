"""What several skills are made of: taking hold, lifting, putting down, handing over."""

from __future__ import annotations

import numpy as np

from mosel_gym.envs.aim_errors import AimErrors
from mosel_gym.envs.robotwin.experts.arms import Actions, Arms
from mosel_gym.envs.robotwin.experts.holds import hold_pose
from mosel_gym.envs.robotwin.experts.poses import Array, backed, moved

_APPROACH_M, _LIFT_M = 0.10, 0.14
_STILL_STEPS = 4
"""Before fingers close. Who imitates it is a step or two off in when, and one that closes on the
way down holds a hammer by its fingertips, where it turns."""
_MEETING_M = np.array([-0.10, -0.05, 0.98])
"""Where hands meet: world position of the brush's head; a bar's middle is 6 cm further right."""


def pick(arms: Arms, arm: str, thing: str, errors: AimErrors, lift_m: float = _LIFT_M) -> Actions:
    """Take a thing from the table and lift it."""
    hold = moved(hold_pose(arm, thing, arms.body(thing)), errors.grasp)
    if arms.closed[arm]:  # whatever is in the hand falls: a hand holds one thing
        yield from arms.grip(arm, closed=False)
    above = backed(hold, _APPROACH_M)
    above[2, 3] = max(above[2, 3], hold[2, 3] + _APPROACH_M)
    yield from arms.move({arm: above})
    yield from arms.move({arm: hold}, speed=0.8)
    yield from arms.wait(_STILL_STEPS)
    yield from arms.grip(arm, closed=True)
    yield from arms.move({arm: moved(hold, [0.0, 0.0, lift_m])}, speed=0.8)


def put(arms: Arms, arm: str, thing: str, wanted: Array, above_m: float = 0.08) -> Actions:
    """Carry the thing in a hand to a pose from above, let go, and retreat.

    Args:
        arms: The arms.
        arm: The hand that holds the thing.
        thing: What it holds.
        wanted: World pose of the thing, `[4, 4]`.
        above_m: Height from which it comes down.
    """
    yield from carry(arms, arm, thing, moved(wanted, [0.0, 0.0, above_m]))
    yield from carry(arms, arm, thing, wanted, speed=0.6)
    yield from release(arms, arm)


def carry(arms: Arms, arm: str, thing: str, wanted: Array, speed: float = 0.8) -> Actions:
    """Move a hand so that the thing in it gets to a pose; how it is held is measured anew."""
    yield from arms.move({arm: arms.hand_for(arm, thing, wanted)}, speed=speed)


def release(arms: Arms, arm: str, back_m: float = 0.10) -> Actions:
    """Open a hand and draw it back."""
    yield from arms.grip(arm, closed=False)
    yield from arms.move({arm: backed(arms.here(arm), back_m)})


def hand_over(arms: Arms, thing: str, offset_m: float, errors: AimErrors) -> Actions:
    """From the left hand to the right one, in the air before the robot.

    Args:
        arms: The arms; the left hand holds the thing.
        thing: Long enough for two hands, see `holds`.
        offset_m: Where its frame is, right of the meeting point.
        errors: How far beside it the right hand aims.
    """
    meeting = np.eye(4)
    meeting[:3, 3] = _MEETING_M + [offset_m, 0.0, 0.0]
    yield from carry(arms, "left", thing, meeting)
    hold = moved(hold_pose("right", thing, arms.body(thing)), errors.grasp)
    yield from arms.move({"right": backed(hold, _APPROACH_M)})
    yield from arms.move({"right": hold}, speed=0.8)
    yield from arms.grip("right", closed=True)
    yield from arms.grip("left", closed=False)
    yield from arms.move({"left": backed(arms.here("left"), 0.12)})
    yield from arms.move({"right": moved(arms.here("right"), [0.05, 0.0, 0.03])})
