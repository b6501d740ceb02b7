"""Cans, cartons, bottles and small boxes, told apart by their labels' colours.

Their files lie with y up; colours follow the means that were measured on LIBERO's textures.
"""

from __future__ import annotations

from mosel_gym.envs.libero.assets.facts import ObjectFacts
from mosel_gym.envs.libero.assets.part import Colour, Mesh, Part, Vector
from mosel_gym.envs.libero.assets.shapes import Y_UP, box, extrusion, lathe

WHITE: Colour = (0.92, 0.91, 0.88)
TIN: Colour = (0.66, 0.67, 0.69)
RED: Colour = (0.74, 0.10, 0.06)
GREEN: Colour = (0.13, 0.38, 0.17)
BLUE: Colour = (0.16, 0.30, 0.62)
GOLD: Colour = (0.86, 0.60, 0.12)
ORANGE: Colour = (0.95, 0.52, 0.05)


def _can(label: Colour, stripe: Colour) -> list[Part]:
    """A tin with a label and a stripe around its middle."""
    tin = lathe([(0.0322, -0.042), (0.0322, 0.0415)], sides=16).turned(Y_UP)
    paper = lathe([(0.0330, -0.035), (0.0330, 0.036)], sides=16).turned(Y_UP)
    band = lathe([(0.0336, -0.012), (0.0336, 0.012)], sides=16).turned(Y_UP)
    return [Part(tin, TIN), Part(paper, label), Part(band, stripe)]


def alphabet_soup(facts: ObjectFacts) -> list[Part]:
    """Blue label with a golden stripe."""
    return _can(BLUE, GOLD)


def tomato_sauce(facts: ObjectFacts) -> list[Part]:
    """Red label with a green stripe."""
    return _can(RED, GREEN)


def _packet(
    facts: ObjectFacts, colour: Colour, bands: list[tuple[float, float, Colour]]
) -> list[Part]:
    """A flat box with bands around it: (start, stop) as fractions of its length along x."""
    x0, y0, z0, x1, y1, z1 = facts.bbox
    parts = [Part(box((x0, y0, z0), (x1, y1, z1)), colour)]
    for start, stop, band in bands:
        low: Vector = (x0 + start * (x1 - x0), y0 - 0.0006, z0 - 0.0006)
        high: Vector = (x0 + stop * (x1 - x0), y1 + 0.0006, z1 + 0.0006)
        parts.append(Part(box(low, high), band))
    return parts


def chocolate_pudding(facts: ObjectFacts) -> list[Part]:
    """Dark brown with a light blue band and a tan one."""
    bands = [(0.10, 0.40, (0.55, 0.70, 0.86)), (0.62, 0.86, (0.80, 0.62, 0.42))]
    return _packet(facts, (0.24, 0.11, 0.07), bands)


def butter(facts: ObjectFacts) -> list[Part]:
    """Cream with broad red ends."""
    bands = [(-0.01, 0.28, (0.78, 0.22, 0.06)), (0.72, 1.01, (0.78, 0.22, 0.06))]
    return _packet(facts, (0.95, 0.88, 0.62), bands)


def cream_cheese(facts: ObjectFacts) -> list[Part]:
    """White with a dark blue middle."""
    return _packet(facts, (0.86, 0.89, 0.93), [(0.25, 0.75, (0.22, 0.26, 0.55))])


def _carton(facts: ObjectFacts, paper: Colour, front: Colour, cap: Colour) -> list[Part]:
    """A gable-top carton: y up, ridge along x."""
    x0, y0, z0, x1, y1, z1 = facts.bbox
    shoulder = y0 + 0.70 * (y1 - y0)
    middle = (z0 + z1) / 2
    body = box((x0, y0, z0), (x1, shoulder, z1))
    outline = [(z0, shoulder), (z1, shoulder), (middle + 0.003, y1), (middle - 0.003, y1)]
    gable = _along_x(outline, x0, x1)
    low: Vector = (x0 - 0.0006, y0 + 0.12 * (y1 - y0), z0 - 0.0006)
    high: Vector = (x1 + 0.0006, y0 + 0.48 * (y1 - y0), z1 + 0.0006)
    return [Part(body, paper), Part(gable, cap), Part(box(low, high), front)]


def _along_x(outline: list[tuple[float, float]], low: float, high: float) -> Mesh:
    """A prism along x; the outline is in z, y, seen against x."""
    mesh = extrusion([(y, z) for z, y in reversed(outline)], low, high)
    return Mesh(mesh.vertices[:, [2, 0, 1]], mesh.faces)


def milk(facts: ObjectFacts) -> list[Part]:
    """White with a red band and a dark green gable."""
    return _carton(facts, WHITE, RED, (0.08, 0.22, 0.14))


def orange_juice(facts: ObjectFacts) -> list[Part]:
    """Orange with a white band."""
    return _carton(facts, ORANGE, WHITE, (0.98, 0.70, 0.12))


def ketchup(facts: ObjectFacts) -> list[Part]:
    """A flat red bottle with a white label and cap."""
    flat = (1.0, 0.67, 1.0)
    bottle = lathe([(0.032, -0.074), (0.032, 0.02), (0.014, 0.055)], 12, flat).turned(Y_UP)
    cap = lathe([(0.013, 0.052), (0.012, 0.074)], 12).turned(Y_UP)
    label = lathe([(0.0326, -0.045), (0.0326, -0.005)], 12, flat).turned(Y_UP)
    return [Part(bottle, RED), Part(cap + label, WHITE)]


def new_salad_dressing(facts: ObjectFacts) -> list[Part]:
    """A flat dark bottle with a pale green label."""
    flat = (1.0, 0.68, 1.0)
    offset = (-0.0007, 0.0, 0.0)
    bottle = lathe([(0.032, -0.073), (0.032, 0.005), (0.012, 0.04)], 12, flat).turned(Y_UP)
    cap = lathe([(0.016, 0.036), (0.016, 0.073)], 12).turned(Y_UP)
    label = lathe([(0.0326, -0.055), (0.0326, -0.01)], 12, flat).turned(Y_UP)
    body = "sald_dressing_body"
    return [
        Part(bottle.moved(offset), (0.10, 0.11, 0.07), body),
        Part(cap.moved(offset), (0.16, 0.30, 0.12), body),
        Part(label.moved(offset), (0.70, 0.78, 0.55), body),
    ]


def wine_bottle(facts: ObjectFacts) -> list[Part]:
    """A dark green bottle with a cream label and a dark red capsule; z up."""
    glass = lathe([(0.0215, 0.0), (0.0215, 0.085), (0.0075, 0.115), (0.0075, 0.14)], 12)
    capsule = lathe([(0.0082, 0.125), (0.0082, 0.158)], 12)
    label = lathe([(0.0219, 0.015), (0.0219, 0.062)], 12)
    return [
        Part(glass, (0.05, 0.14, 0.06)),
        Part(capsule, (0.42, 0.08, 0.10)),
        Part(label, (0.87, 0.80, 0.64)),
    ]
