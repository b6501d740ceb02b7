"""Furniture of the three rooms: boxes where LIBERO has scanned meshes, of the same size and place.

All of it stands behind or beside the table and touches nothing.
"""

from __future__ import annotations

from mosel_gym.envs.libero.assets.part import Colour, Part
from mosel_gym.envs.libero.assets.shapes import box, joined, lathe

WHITE: Colour = (0.86, 0.86, 0.85)
GREY: Colour = (0.55, 0.56, 0.58)
DARK: Colour = (0.15, 0.15, 0.16)
WALNUT: Colour = (0.33, 0.22, 0.15)
LEAF: Colour = (0.16, 0.38, 0.15)


def kitchen() -> list[Part]:
    """Worktop with hob and pots, wall cupboards, fridge."""
    counter = box((-1.954, -1.8, 0), (-1.36, 1.8, 0.86))
    cupboards = box((-1.954, -1.8, 1.65), (-1.60, 1.8, 2.5))
    worktop = box((-1.954, -1.8, 0.86), (-1.345, 1.8, 0.9))
    hob = box((-1.935, -0.4, 0.9), (-1.364, 0.402, 0.925))
    pot = lathe([(0.115, 0.93), (0.12, 1.07)], 12).moved((-1.55, 0.26, 0))
    pans = joined(
        [
            lathe([(0.07, 0.9), (0.08, 1.02)], 10).moved((-1.85, -1.05, 0)),
            lathe([(0.08, 0.9), (0.09, 1.15)], 10).moved((-1.85, -0.70, 0)),
        ]
    )
    fridge = box((-1.971, -2.836, 0), (-1.529, -1.967, 1.774))
    return [
        Part(counter + cupboards, WHITE, "world"),
        Part(worktop, (0.36, 0.30, 0.26), "world"),
        Part(hob, DARK, "world"),
        Part(pot + pans, (0.40, 0.40, 0.41), "world"),
        Part(fridge, GREY, "world"),
    ]


def living_room() -> list[Part]:
    """Wall unit with a screen, and a picture."""
    board = box((-1.91, -1.177, 0), (-1.527, 1.155, 0.45))
    towers = joined([box((-1.91, y, 0.45), (-1.65, y + 0.35, 1.596)) for y in (-1.177, 0.805)])
    screen = box((-1.88, -0.62, 0.5), (-1.83, 0.60, 1.2))
    frame = box((-1.95, 0.149, 1.28), (-1.946, 1.012, 1.966))
    canvas = box((-1.946, 0.20, 1.33), (-1.944, 0.96, 1.915))
    return [
        Part(board + towers, (0.72, 0.70, 0.67), "world"),
        Part(screen, DARK, "world"),
        Part(frame, WALNUT, "world"),
        Part(canvas, (0.62, 0.68, 0.66), "world"),
    ]


def study() -> list[Part]:
    """Bookshelf, painting, plant, two books and the lamp on the desk."""
    shelf = joined(
        [box((-1.87, -1.606, z), (-1.555, -0.383, z + 0.03)) for z in (0.0, 0.44, 0.87, 1.3, 1.763)]
        + [box((-1.87, y, 0), (-1.555, y + 0.03, 1.793)) for y in (-1.606, -0.413)]
    )
    books = joined([box((-1.82, y, 0.9), (-1.622, y + 0.04, 1.142)) for y in (-0.52, -0.47)])
    frame = box((-1.948, 0.005, 1.0), (-1.94, 0.984, 1.979))
    canvas = box((-1.94, 0.06, 1.06), (-1.935, 0.93, 1.92))
    trunk = lathe([(0.11, 0), (0.14, 0.3)], 10).moved((-1.82, 0.57, 0))
    leaves = lathe([(0.10, 0.3), (0.29, 0.65), (0.22, 1.0), (0.02, 1.269)], 8).moved(
        (-1.82, 0.57, 0)
    )
    foot = lathe([(0.07, 0.885), (0.07, 0.905), (0.012, 0.91), (0.012, 1.5)], 10)
    shade = lathe([(0.126, 1.40), (0.08, 1.66)], 12)
    return [
        Part(shelf, WALNUT, "world"),
        Part(books, (0.06, 0.05, 0.05), "world"),
        Part(frame, DARK, "world"),
        Part(canvas, (0.68, 0.58, 0.45), "world"),
        Part(trunk, (0.60, 0.36, 0.24), "world"),
        Part(leaves, LEAF, "world"),
        Part(foot.moved((0.3, -0.6, 0)), DARK, "world"),
        Part(shade.moved((0.3, -0.6, 0)), (0.93, 0.88, 0.74), "world"),
    ]


ROOMS = {"kitchen": kitchen, "living_room": living_room, "study": study}


def room_parts(name: str) -> list[Part]:
    """What is drawn in one room besides its tables, floor and walls."""
    return ROOMS[name]()
