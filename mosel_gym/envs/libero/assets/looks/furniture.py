"""Cabinets, stove, microwave, rack, shelf, caddy, tray, basket and books.

Where LIBERO's collision boxes follow the real shape closely, they are what is drawn.
"""

from __future__ import annotations

from mosel_gym.envs.libero.assets.facts import Geom, ObjectFacts
from mosel_gym.envs.libero.assets.part import Colour, Part
from mosel_gym.envs.libero.assets.shapes import box, joined, lathe, solids

DARK: Colour = (0.13, 0.13, 0.14)
STEEL: Colour = (0.62, 0.62, 0.63)
PAGES: Colour = (0.93, 0.91, 0.85)


def _of(facts: ObjectFacts, body: str) -> list[Geom]:
    return [geom for geom in facts.geoms if geom.body == body]


def _cabinet(facts: ObjectFacts, case: Colour, front: Colour, handle: Colour) -> list[Part]:
    """Case, and for each of three drawers its box, its front and its handle."""
    parts = [Part(solids(_of(facts, "base")), case, "base")]
    for drawer in ("cabinet_top", "cabinet_middle", "cabinet_bottom"):
        geoms = _of(facts, drawer)
        handles = [geom for geom in geoms if geom.pos[1] < -0.08]
        fronts = [geom for geom in geoms if -0.08 < geom.pos[1] < -0.07]
        box_geoms = [geom for geom in geoms if geom.pos[1] >= -0.07]
        parts += [
            Part(solids(box_geoms), case, drawer),
            Part(solids(fronts), front, drawer),
            Part(solids(handles), handle, drawer),
        ]
    return parts


def white_cabinet(facts: ObjectFacts) -> list[Part]:
    """White, with dark handles."""
    return _cabinet(facts, (0.80, 0.80, 0.80), (0.92, 0.92, 0.91), (0.20, 0.20, 0.21))


def wooden_cabinet(facts: ObjectFacts) -> list[Part]:
    """Dark wood, with bright handles."""
    return _cabinet(facts, (0.22, 0.17, 0.13), (0.33, 0.25, 0.19), (0.75, 0.74, 0.72))


def flat_stove(facts: ObjectFacts) -> list[Part]:
    """A grey hob with a dark plate, and a knob whose fin shows its angle."""
    hob = box((-0.095, -0.095, -0.02), (0.095, 0.095, 0.02))
    plate = lathe([(0.065, 0.019), (0.065, 0.0235)], 20)
    coil = lathe([(0.046, 0.0235), (0.046, 0.0245)], 16)
    eye = lathe([(0.026, 0.0245), (0.026, 0.0254)], 12)
    disc = lathe([(0.046, 0.0), (0.042, 0.013)], 16)
    fin = [geom for geom in _of(facts, "button") if geom.pos[2] > 0.015]
    return [
        Part(hob, (0.47, 0.47, 0.48), "burner"),
        Part(plate + eye, DARK, "burner_plate"),
        Part(coil, (0.27, 0.26, 0.26), "burner_plate"),
        Part(disc, (0.25, 0.25, 0.26), "button"),
        Part(solids(fin), (0.85, 0.85, 0.85), "button"),
    ]


def microwave(facts: ObjectFacts) -> list[Part]:
    """A dark oven: black window and bright handle on the door, a display beside it."""
    door = [geom for geom in _of(facts, "microdoorroot") if geom.type == "box"]
    handle = [geom for geom in _of(facts, "microdoorroot") if geom.type == "capsule"]
    display = box((0.098, -0.1125, 0.135), (0.158, -0.110, 0.165))
    buttons = joined(
        [box((0.098, -0.1125, z), (0.158, -0.110, z + 0.016)) for z in (0.02, 0.05, 0.08)]
    )
    return [
        Part(solids(_of(facts, "main")), (0.34, 0.34, 0.35)),
        Part(display, (0.20, 0.75, 0.55)),
        Part(buttons, STEEL),
        Part(solids(door), (0.27, 0.27, 0.28), "microdoorroot"),
        Part(
            box((0.03, -0.0262, -0.065), (0.20, -0.024, 0.065)), (0.05, 0.05, 0.06), "microdoorroot"
        ),
        Part(solids(handle), (0.85, 0.85, 0.86), "microdoorroot"),
    ]


def wine_rack(facts: ObjectFacts) -> list[Part]:
    """Two leaning planes of light wood; the stand and the edges that stop a bottle in dark wood."""
    planes = [geom for geom in facts.geoms if sorted(geom.size)[1] > 0.07 and max(geom.size) > 0.1]
    frame = [geom for geom in facts.geoms if geom not in planes]
    return [Part(solids(planes), (0.80, 0.65, 0.48)), Part(solids(frame), (0.30, 0.13, 0.06))]


def desk_caddy(facts: ObjectFacts) -> list[Part]:
    """Light wood compartments."""
    return [Part(solids(facts.geoms), (0.86, 0.73, 0.53))]


def wooden_tray(facts: ObjectFacts) -> list[Part]:
    """A tray of warm wood."""
    return [Part(solids(facts.geoms), (0.62, 0.40, 0.20))]


def wooden_two_layer_shelf(facts: ObjectFacts) -> list[Part]:
    """A shelf of dark wood."""
    return [Part(solids(facts.geoms), (0.26, 0.20, 0.15))]


def basket(facts: ObjectFacts) -> list[Part]:
    """A basket with tan walls and a dark floor."""
    floor = min(facts.geoms, key=lambda geom: geom.pos[2])
    walls = [geom for geom in facts.geoms if geom is not floor]
    return [Part(solids(walls), (0.80, 0.62, 0.40)), Part(solids([floor]), (0.42, 0.28, 0.15))]


def _book(facts: ObjectFacts, cover: Colour) -> list[Part]:
    """An upright book: covers in y and z, pages inside, spine at the low y side.

    The covers are thick, so that their colour is seen from the side of the pages too.
    """
    x0, y0, z0, x1, y1, z1 = facts.bbox
    board = 0.005
    boards = joined(
        [
            box((x0, y0, z0), (x0 + board, y1, z1)),
            box((x1 - board, y0, z0), (x1, y1, z1)),
            box((x0 + board, y0, z0), (x1 - board, y0 + board, z1)),
        ]
    )
    pages = box((x0 + board, y0 + board, z0 + 0.003), (x1 - board, y1 - 0.004, z1 - 0.003))
    return [Part(boards, cover), Part(pages, PAGES)]


def black_book(facts: ObjectFacts) -> list[Part]:
    """A black cover."""
    return _book(facts, (0.06, 0.05, 0.05))


def yellow_book(facts: ObjectFacts) -> list[Part]:
    """A yellow cover."""
    return _book(facts, (0.92, 0.78, 0.25))
