"""Mugs, bowls, plate, pan and moka pot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mosel_gym.envs.libero.assets.facts import ObjectFacts
from mosel_gym.envs.libero.assets.part import Colour, Mesh, Part
from mosel_gym.envs.libero.assets.shapes import bar, box, lathe

PORCELAIN: Colour = (0.95, 0.95, 0.93)
RED: Colour = (0.72, 0.08, 0.08)
YELLOW: Colour = (0.93, 0.76, 0.12)
BLACK: Colour = (0.07, 0.07, 0.08)
METAL: Colour = (0.80, 0.79, 0.78)
IRON: Colour = (0.17, 0.18, 0.18)

QUARTER_TURN = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
"""Turns x into y."""


def _cup(outside: Sequence[tuple[float, float]], wall: float) -> Mesh:
    """A hollow vessel: the outside profile (radius, z) from foot to rim, and a wall (m)."""
    inside = [(max(r - wall, 0.004), z) for r, z in outside[:0:-1]]
    floor = outside[0][1] + 2 * wall
    return lathe([*outside, *inside, (max(outside[0][0] - wall, 0.004), floor), (0, floor)])


def _handle(reach: float, low: float, high: float, start: float) -> Mesh:
    """A mug's handle in +x: an arc from the wall at x = `start` out to x = `reach`."""
    bend = 0.3 * (high - low)
    path = [
        (start, high),
        (reach - 0.4 * bend, high),
        (reach, high - bend),
        (reach, low + bend),
        (reach - 0.4 * bend, low),
        (start, low),
    ]
    return bar(path, width=0.013, thickness=0.008)


def porcelain_mug(facts: ObjectFacts) -> list[Part]:
    """The white mug: handle towards -x."""
    cup = _cup([(0.032, 0.001), (0.036, 0.02), (0.047, 0.045), (0.048, 0.113)], 0.004)
    handle = _handle(0.077, 0.035, 0.092, 0.044).turned(np.diag([-1.0, -1, 1]))
    return [Part((cup + handle).moved((0.0165, -0.0015, 0)), PORCELAIN)]


def red_coffee_mug(facts: ObjectFacts) -> list[Part]:
    """The tall red mug: handle towards +x."""
    cup = _cup([(0.032, 0.001), (0.046, 0.134)], 0.004)
    return [Part((cup + _handle(0.074, 0.045, 0.112, 0.037)).moved((-0.0165, -0.001, 0)), RED)]


def white_yellow_mug(facts: ObjectFacts) -> list[Part]:
    """The yellow and white mug: white outside, yellow rim, inside and handle; handle in +x."""
    offset = (-0.018, -0.001, 0.0)
    white = _cup([(0.030, 0.001), (0.040, 0.018), (0.048, 0.075)], 0.002)
    inside = [(0.0455, 0.104), (0.044, 0.07), (0.034, 0.014), (0, 0.014)]
    yellow = lathe([(0, 0.012), (0.034, 0.012), (0.0485, 0.07), (0.0505, 0.104), *inside])
    handle = _handle(0.083, 0.032, 0.084, 0.043)
    return [Part(white.moved(offset), PORCELAIN), Part((yellow + handle).moved(offset), YELLOW)]


def akita_black_bowl(facts: ObjectFacts) -> list[Part]:
    """The black bowl."""
    outside = lathe([(0.022, 0.002), (0.027, 0.004), (0.043, 0.022), (0.053, 0.052), (0, 0.006)])
    inside = lathe([(0.024, 0.0045), (0.052, 0.0523), (0.050, 0.0523), (0.040, 0.022), (0, 0.008)])
    return [Part(outside, BLACK), Part(inside, IRON)]


def white_bowl(facts: ObjectFacts) -> list[Part]:
    """The small white bowl, shaded inside: plain white is a blot from above."""
    outside = [(0.017, 0.0), (0.022, 0.004), (0.034, 0.015), (0.0415, 0.035)]
    hollow = lathe([(0, 0.0056), (0.020, 0.0056), (0.0325, 0.0165), (0.038, 0.031), (0, 0.0066)])
    return [Part(_cup(outside, 0.0025), PORCELAIN), Part(hollow, (0.66, 0.67, 0.69))]


def plate(facts: ObjectFacts) -> list[Part]:
    """The plate: off-white with a broad grey-blue rim, so that a white mug shows on it."""
    rim = lathe(
        [(0, 0.001), (0.04, 0.001), (0.0685, 0.0155), (0.067, 0.0165), (0.046, 0.0065), (0, 0.003)],
        sides=24,
    )
    well = lathe([(0.03, 0.004), (0.049, 0.009), (0.042, 0.0068), (0, 0.0062)], sides=24)
    return [Part(rim, (0.40, 0.50, 0.66)), Part(well, (0.76, 0.77, 0.78))]


def chefmate_8_frypan(facts: ObjectFacts) -> list[Part]:
    """The frying pan: handle towards +x, rising."""
    wall = lathe([(0.072, 0.0), (0.098, 0.045), (0.094, 0.045), (0.070, 0.004), (0, 0.004)])
    floor = lathe([(0.069, 0.004), (0.069, 0.0055)])
    handle = bar([(0.09, 0.034), (0.14, 0.040), (0.26, 0.054)], width=0.022, thickness=0.009)
    return [
        Part(wall.moved((0.004, 0, 0)), IRON),
        Part(floor.moved((0.004, 0, 0)), (0.30, 0.31, 0.31)),
        Part(handle, BLACK),
    ]


def moka_pot(facts: ObjectFacts) -> list[Part]:
    """The moka pot: eight sides, waist, spout towards -y, black handle towards +y."""
    body = lathe(
        [
            (0.038, -0.067),
            (0.033, -0.005),
            (0.030, 0.0),
            (0.033, 0.005),
            (0.038, 0.066),
            (0.018, 0.073),
        ],
        sides=8,
    ).turned(QUARTER_TURN)
    spout = box((-0.008, -0.055, 0.042), (0.008, -0.03, 0.066))
    handle = bar([(0.03, 0.06), (0.06, 0.062), (0.082, 0.055), (0.066, 0.0)], 0.014, 0.012)
    knob = lathe([(0.007, 0.073), (0.007, 0.087)], sides=8)
    return [Part(body + spout, METAL), Part(handle.turned(QUARTER_TURN) + knob, BLACK)]
