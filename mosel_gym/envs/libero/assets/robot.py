"""Light visual meshes for robosuite's arm: the same robot with about a twentieth of the triangles.

Rendering in software costs time per vertex, and nearly all vertices of a LIBERO scene are the
robot's. Only geoms that touch nothing and weigh nothing are changed, so physics stays the same bit
by bit. Smaller meshes are made once, from the meshes of the installed robosuite, and kept on disk.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

from mosel_gym.envs.libero.assets.decimate import KEPT, light_mesh

ROBOT_PARTS = re.compile(r"(robot|gripper|mount)\d+_")
"""robosuite's name prefixes."""


KEPT_OF_GRIPPER = 0.3
"""The wrist camera sees the fingers from near, so they stay finer than the arm."""


def _is_visual(geom: ET.Element) -> bool:
    return (
        geom.get("group") == "1" and geom.get("contype") == "0" and geom.get("conaffinity") == "0"
    )


def light_robot_xml(xml: str) -> str:
    """Swap the robot's visual meshes for light ones, and set the cheap rendering options.

    Args:
        xml: The MJCF that robosuite compiles, `env.model.get_xml()`, with absolute file names.

    Returns:
        The MJCF with the same bodies, joints, geoms and names. Collision meshes are left alone;
        meshes that no geom uses are dropped.

    Raises:
        AssetError: A mesh cannot be made smaller, or the cache cannot be written.
    """
    root = ET.fromstring(xml)
    users: dict[str, list[ET.Element]] = defaultdict(list)
    for geom in root.iter("geom"):
        name = geom.get("mesh")
        if name is not None:
            users[name].append(geom)
    for asset in root.iter("asset"):
        for mesh in list(asset.findall("mesh")):
            name = mesh.get("name", "")
            if mesh.get("file") is None or not ROBOT_PARTS.match(name):
                continue
            visual = [geom for geom in users[name] if _is_visual(geom)]
            if visual:
                light = ET.SubElement(asset, "mesh", mesh.attrib)
                light.set("name", f"{name}_light")
                kept = KEPT_OF_GRIPPER if name.startswith("gripper") else KEPT
                light.set("file", str(light_mesh(Path(mesh.attrib["file"]), kept)))
                light.set("inertia", "shell")  # a mesh with a hole has no volume; it needs none
                for geom in visual:
                    geom.set("mesh", f"{name}_light")
            if len(visual) == len(users[name]):
                asset.remove(mesh)
    _set_cheap_quality(root)
    return ET.tostring(root, encoding="unicode")


def _set_cheap_quality(root: ET.Element) -> None:
    """No multi-sampling, no shadow map (LIBERO's lights cast none), fewer slices of primitives."""
    visual = root.find("visual")
    if visual is None:
        visual = ET.SubElement(root, "visual")
    quality = visual.find("quality")
    if quality is None:
        quality = ET.SubElement(visual, "quality")
    for key, value in (
        ("offsamples", "0"),
        ("shadowsize", "0"),
        ("numslices", "12"),
        ("numstacks", "6"),
        ("numquads", "2"),
    ):
        quality.set(key, value)
