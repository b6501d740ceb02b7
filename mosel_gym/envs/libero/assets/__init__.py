"""The procedural pack of LIBERO assets, and light meshes for the robot."""

from __future__ import annotations

from mosel_gym.envs.libero.assets.choose import resolve_pack
from mosel_gym.envs.libero.assets.pack import build_pack, default_pack, pack_hash
from mosel_gym.envs.libero.assets.robot import light_robot_xml

__all__ = ["build_pack", "default_pack", "light_robot_xml", "pack_hash", "resolve_pack"]
