"""What is known about LIBERO's assets, as numbers: `facts.json` with types around it.

Lengths in m, masses in kg, angles in rad, quaternions wxyz, box sizes as half sizes. Every object
is described in the frame of its root body, called `main` (the file calls it `object`, and
robosuite renames it). Inertials are those that MuJoCo compiles from LIBERO's own files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Body:
    """One body of an object, with its compiled inertial."""

    name: str
    parent: str
    """`ROOT` for the first body, else the name of an earlier one."""
    pos: Numbers
    quat: Numbers
    mass: float
    """kg; 0 where the body has no mass of its own."""
    ipos: Numbers
    iquat: Numbers
    inertia: Numbers
    """Diagonal inertia in the frame (ipos, iquat), kg m^2."""


@dataclass(frozen=True)
class Joint:
    """An articulated joint (drawer, door, knob); free joints are added by robosuite."""

    name: str
    type: str
    body: str
    pos: Numbers
    axis: Numbers
    range: Numbers
    damping: float


@dataclass(frozen=True)
class Geom:
    """One collision geom: a box, or a capsule in the microwave's handle."""

    body: str
    type: str
    pos: Numbers
    quat: Numbers
    size: Numbers
    contact: Mapping[str, float | Numbers]
    """Contact attributes, those common to all geoms overridden by this one's own."""


@dataclass(frozen=True)
class Site:
    """A named region that LIBERO's predicates ask for."""

    name: str
    body: str
    type: str
    pos: Numbers
    quat: Numbers
    size: Numbers
    rgba: Numbers


@dataclass(frozen=True)
class ObjectFacts:
    """One object class of LIBERO-90/10."""

    category: str
    """LIBERO's category name, such as `porcelain_mug`."""
    xml: str
    """Path of the file inside the pack."""
    kind: str
    """`free` or `fixed`."""
    mass: float
    """All bodies together, kg, rounded to 1e-5."""
    bbox: Numbers
    """What one sees, in the frame of `main`: xmin, ymin, zmin, xmax, ymax, zmax (m)."""
    bodies: tuple[Body, ...]
    joints: tuple[Joint, ...]
    sites: tuple[Site, ...]
    geoms: tuple[Geom, ...]
    placement_sites: Mapping[str, Numbers]
    """Where `bottom_site`, `top_site`, `horizontal_radius_site` are: spawn height and spacing."""


@dataclass(frozen=True)
class ArenaFacts:
    """One room: LIBERO-90/10 uses three."""

    name: str
    xml: str
    bodies: tuple[tuple[str, str, str | None], ...]
    """Name, position, quaternion, as MJCF strings."""
    geoms: tuple[Mapping[str, str], ...]
    """MJCF attributes of every geom that is no mesh; `body` names its parent."""
    cameras: tuple[tuple[str, str, str], ...]
    lights: tuple[Mapping[str, str], ...]
    sites: tuple[tuple[str, str, str], ...]


def _numbers(values: list[float]) -> Numbers:
    return tuple(float(value) for value in values)


def _value(value: float | list[float]) -> float | Numbers:
    return _numbers(value) if isinstance(value, list) else float(value)


def _geom(row: list[Any], common: Mapping[str, list[float]]) -> Geom:
    own: Mapping[str, float | list[float]] = row[5] if len(row) > 5 else {}
    contact = {key: _value(value) for key, value in {**common, **own}.items()}
    return Geom(row[0], row[1], _numbers(row[2]), _numbers(row[3]), _numbers(row[4]), contact)


def _object(
    category: str, raw: Mapping[str, Any], common: Mapping[str, list[float]]
) -> ObjectFacts:
    return ObjectFacts(
        category=category,
        xml=raw["xml"],
        kind=raw["kind"],
        mass=raw["mass"],
        bbox=_numbers(raw["bbox"]),
        bodies=tuple(
            Body(
                row[0],
                row[1],
                _numbers(row[2]),
                _numbers(row[3]),
                float(row[4]),
                _numbers(row[5]),
                _numbers(row[6]),
                _numbers(row[7]),
            )
            for row in raw["bodies"]
        ),
        joints=tuple(
            Joint(
                joint["name"],
                joint["type"],
                joint["body"],
                _numbers(joint["pos"]),
                _numbers(joint["axis"]),
                _numbers(joint["range"]),
                float(joint["damping"]),
            )
            for joint in raw["joints"]
        ),
        sites=tuple(
            Site(row[0], row[1], row[2], *(_numbers(values) for values in row[3:7]))
            for row in raw["sites"]
        ),
        geoms=tuple(_geom(row, common) for row in raw["geoms"]),
        placement_sites={name: _numbers(pos) for name, pos in raw["placement_sites"].items()},
    )


def _arena(name: str, raw: Mapping[str, Any]) -> ArenaFacts:
    return ArenaFacts(
        name=name,
        xml=raw["xml"],
        bodies=tuple((row[0], row[1], row[2]) for row in raw["bodies"]),
        geoms=tuple(raw["geoms"]),
        cameras=tuple((row[0], row[1], row[2]) for row in raw["cameras"]),
        lights=tuple(raw["lights"]),
        sites=tuple((row[0], row[1], row[2]) for row in raw["sites"]),
    )


@lru_cache(maxsize=1)
def _raw() -> Mapping[str, Any]:
    text = files(__package__).joinpath("facts.json").read_text(encoding="utf-8")
    raw: Mapping[str, Any] = json.loads(text)
    return raw


@lru_cache(maxsize=1)
def objects() -> Mapping[str, ObjectFacts]:
    """The 29 object classes by LIBERO category name."""
    raw = _raw()
    common = raw["common_contact"]
    return {name: _object(name, entry, common) for name, entry in raw["objects"].items()}


@lru_cache(maxsize=1)
def arenas() -> Mapping[str, ArenaFacts]:
    """The three rooms: `kitchen`, `living_room`, `study`."""
    return {name: _arena(name, entry) for name, entry in _raw()["arenas"].items()}
