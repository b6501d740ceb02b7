"""The three rooms: exact tables, floors, cameras and lights; furniture as a few boxes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from mosel_gym.envs.libero.assets import mjcf
from mosel_gym.envs.libero.assets.facts import ArenaFacts
from mosel_gym.envs.libero.assets.looks.rooms import room_parts

MATERIALS: Mapping[str, tuple[str, str]] = {
    "floorplane": ("texplane", "3 3"),
    "walls_mat": ("tex-wall", "3 3"),
    "table_texture": ("tex-table", "1 1"),
    "table_legs": ("tex-table", "1 1"),
}
"""Material name to its texture and repetition."""

AMBIENT = "0.12 0.12 0.12"
"""Light from all sides with each lamp: LIBERO's lamps hang above, and fronts would be black."""

DRAWN: Mapping[str, str] = {
    "group": "1",
    "contype": "0",
    "conaffinity": "0",
    "mass": "0",
    "rgba": "1 1 1 1",
    "material": "table_texture",
}
"""What turns a copy of a table's collision box into a visual."""

PARENTS: Mapping[str, str] = {"living_room_table_col": "living_room_table"}
"""Bodies that hang from another body than the world."""


def _add_assets(root: ET.Element) -> ET.Element:
    asset = ET.SubElement(root, "asset")
    ET.SubElement(
        asset,
        "texture",
        type="skybox",
        builtin="gradient",
        rgb1="0.9 0.9 1.0",
        rgb2="0.2 0.3 0.4",
        width="16",
        height="96",
    )
    for name, kind, file in (
        ("texplane", "2d", "tile_grigia_caldera_porcelain_floor.png"),
        ("tex-wall", "2d", "smooth_light_gray_plaster.png"),
        ("tex-table", "cube", "table_wood.png"),
    ):
        # LIBERO swaps the last part of the path and keeps the folder.
        ET.SubElement(asset, "texture", name=name, type=kind, file=f"../textures/{file}")
    for name, (texture, repeat) in MATERIALS.items():
        ET.SubElement(
            asset,
            "material",
            name=name,
            texture=texture,
            texrepeat=repeat,
            reflectance="0",
            specular="0.1",
            shininess="0.1",
        )
    return asset


def arena_xml(facts: ArenaFacts) -> str:
    """The scene file that LIBERO loads for one room."""
    root = ET.Element("mujoco", model=facts.name)
    asset = _add_assets(root)
    world = ET.SubElement(root, "worldbody")
    bodies = {"world": world}
    for name, pos, quat in facts.bodies:
        parent = bodies[PARENTS.get(name, "world")]
        bodies[name] = ET.SubElement(parent, "body", name=name, pos=pos)
        if quat is not None:
            bodies[name].set("quat", quat)
    for geom in facts.geoms:
        attributes = {key: value for key, value in geom.items() if key != "body"}
        ET.SubElement(bodies[geom["body"]], "geom", attributes)
        if geom.get("group") == "0" and geom["body"] != "table":
            # The kitchen draws its table itself; the others have a mesh, so the boxes are drawn.
            ET.SubElement(bodies[geom["body"]], "geom", {**attributes, **DRAWN})
    mjcf.add_parts(asset, bodies, room_parts(facts.name), facts.name)
    for name, pos, size in facts.sites:
        ET.SubElement(bodies["table"], "site", name=name, pos=pos, size=size, rgba="0 0 0 0")
    for name, pos, quat in facts.cameras:
        ET.SubElement(world, "camera", name=name, mode="fixed", pos=pos, quat=quat)
    for light in facts.lights:
        ET.SubElement(world, "light", {"ambient": AMBIENT, **light})
    return mjcf.text(root)
