"""MJCF of one object: exact collision geoms, inertials, joints and sites, with light visuals."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from mosel_gym.envs.libero.assets.facts import Body, Geom, ObjectFacts
from mosel_gym.envs.libero.assets.part import Colour, Part

COLLISION_GROUP = "0"
VISUAL_GROUP = "1"
"""robosuite draws this group off-screen, and takes inertia from group 0 alone."""

STATE_SITES = ("burner",)
STATE_SITE_GROUP = "2"
"""Sites that LIBERO shows or hides with the state (a stove's glow) and the group they are in."""


def numbers(values: Iterable[float]) -> str:
    """Numbers as MJCF writes them, to seven significant digits."""
    return " ".join(f"{value:.7g}" for value in values)


def text(root: ET.Element) -> str:
    """The tree as an indented document."""
    ET.indent(root, space=" ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _surface(asset: ET.Element, prefix: str, colour: Colour) -> str:
    """Name of the material of one colour, added where it is new.

    The colour is a texture of one pixel, as LIBERO's own objects have textures: light is cut off at
    full brightness before a texture, so that colours stay true under its strong lamps.
    """
    name = prefix + "_" + "".join(f"{round(channel * 255):02x}" for channel in colour)
    if not any(element.get("name") == name for element in asset.iter("material")):
        ET.SubElement(
            asset,
            "texture",
            name=name,
            type="cube",
            builtin="flat",
            rgb1=numbers(colour),
            rgb2=numbers(colour),
            width="1",
            height="1",
        )
        ET.SubElement(asset, "material", name=name, texture=name, specular="0.2", shininess="0.3")
    return name


def add_parts(
    asset: ET.Element, bodies: dict[str, ET.Element], parts: Sequence[Part], prefix: str
) -> None:
    """Add visual parts: one inline mesh under `asset` and one geom in its body for each.

    Args:
        asset: The `<asset>` element.
        bodies: Body elements by name.
        parts: What to draw.
        prefix: Start of the mesh names, unique in the model.
    """
    for index, part in enumerate(parts):
        name = f"{prefix}_look{index}"
        ET.SubElement(
            asset,
            "mesh",
            name=name,
            vertex=" ".join(f"{value:.5g}" for value in part.mesh.vertices.ravel()),
            face=" ".join(str(value) for value in part.mesh.faces.ravel()),
        )
        ET.SubElement(
            bodies[part.body],
            "geom",
            type="mesh",
            mesh=name,
            group=VISUAL_GROUP,
            contype="0",
            conaffinity="0",
            mass="0",
            material=_surface(asset, prefix, part.colour),
        )


def _add_body(parent: ET.Element, body: Body) -> ET.Element:
    name = "object" if body.parent == "ROOT" else body.name
    element = ET.SubElement(
        parent, "body", name=name, pos=numbers(body.pos), quat=numbers(body.quat)
    )
    if body.mass > 0:
        ET.SubElement(
            element,
            "inertial",
            pos=numbers(body.ipos),
            quat=numbers(body.iquat),
            mass=numbers((body.mass,)),
            diaginertia=numbers(body.inertia),
        )
    return element


def _add_collision(parent: ET.Element, geom: Geom) -> None:
    size = geom.size[:2] if geom.type == "capsule" else geom.size
    element = ET.SubElement(
        parent,
        "geom",
        type=geom.type,
        pos=numbers(geom.pos),
        quat=numbers(geom.quat),
        size=numbers(size),
        group=COLLISION_GROUP,
        density="100",
        rgba="0.8 0.8 0.8 0.3",
    )
    for key, value in geom.contact.items():
        element.set(key, numbers(value if isinstance(value, tuple) else (value,)))


def object_xml(facts: ObjectFacts, parts: Sequence[Part]) -> str:
    """The file that LIBERO loads for one object class.

    Bodies come in the order of the facts: LIBERO looks for region sites in document order and
    stops at the first body without any, so a drawer's sites must sit in the drawer.

    Args:
        facts: Collision geoms, inertials, joints and sites.
        parts: What to draw.

    Returns:
        The MJCF document.
    """
    root = ET.Element("mujoco", model=facts.category)
    asset = ET.SubElement(root, "asset")
    outer = ET.SubElement(ET.SubElement(root, "worldbody"), "body")
    bodies: dict[str, ET.Element] = {}
    for body in facts.bodies:
        bodies[body.name] = _add_body(bodies.get(body.parent, outer), body)
    for joint in facts.joints:
        ET.SubElement(
            bodies[joint.body],
            "joint",
            name=joint.name,
            type=joint.type,
            pos=numbers(joint.pos),
            axis=numbers(joint.axis),
            range=numbers(joint.range),
            limited="true",
            damping=numbers((joint.damping,)),
        )
    for geom in facts.geoms:
        _add_collision(bodies[geom.body], geom)
    add_parts(asset, bodies, parts, facts.category)
    for site in facts.sites:
        ET.SubElement(
            bodies[site.body],
            "site",
            name=site.name,
            type=site.type,
            pos=numbers(site.pos),
            quat=numbers(site.quat),
            size=numbers(site.size),
            rgba=numbers(site.rgba),
            group=STATE_SITE_GROUP if site.name in STATE_SITES else "0",
        )
    for name, pos in facts.placement_sites.items():
        ET.SubElement(outer, "site", name=name, pos=numbers(pos), size="0.005", rgba="0 0 0 0")
    return text(root)
