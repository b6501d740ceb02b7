"""The procedural asset pack: the folder that LIBERO takes for its own assets.

Everything is generated from `facts.json`: nothing is downloaded. Physics is LIBERO's own (exact
collision geoms, inertials, joints and sites), the visuals are this package's.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from mosel_gym.envs.libero.assets.arenas import arena_xml
from mosel_gym.envs.libero.assets.cache import cache_dir, write_folder
from mosel_gym.envs.libero.assets.facts import arenas, objects
from mosel_gym.envs.libero.assets.looks import object_parts
from mosel_gym.envs.libero.assets.mjcf import object_xml
from mosel_gym.envs.libero.assets.textures import texture_files
from mosel_gym.errors import AssetError

MARKER = "pack.json"
"""Names the pack and the size of each file, so that a damaged pack is noticed."""


@lru_cache(maxsize=1)
def _contents() -> dict[str, bytes]:
    """Every file of the pack but the marker: relative path to bytes."""
    files = {
        facts.xml: object_xml(facts, object_parts(facts)).encode() for facts in objects().values()
    }
    files.update({facts.xml: arena_xml(facts).encode() for facts in arenas().values()})
    files.update({f"textures/{name}": data for name, data in texture_files().items()})
    return dict(sorted(files.items()))


@lru_cache(maxsize=1)
def pack_hash() -> str:
    """Name of the pack's content, 12 hex digits: equal packs, equal results."""
    digest = hashlib.sha256()
    for name, data in _contents().items():
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:12]


def _marker() -> bytes:
    sizes = {name: len(data) for name, data in _contents().items()}
    return json.dumps({"hash": pack_hash(), "files": sizes}, indent=1).encode()


def _is_valid(directory: Path) -> bool:
    """Whether `directory` holds this very pack, with every file at its full size."""
    try:
        if (directory / MARKER).read_bytes() != _marker():
            return False
        return all(
            (directory / name).stat().st_size == len(data) for name, data in _contents().items()
        )
    except OSError:
        return False


def build_pack(directory: Path) -> Path:
    """Write the pack into `directory`, or keep what is there if it is the same pack.

    Args:
        directory: The pack's own folder; missing parents are made. An older or damaged pack in it
            is replaced; a folder with other files is left alone.

    Returns:
        The absolute path of the folder, ready for `libero.libero._assets_path_cache`.

    Raises:
        AssetError: The folder holds something else, or cannot be written.
    """
    directory = Path(directory).expanduser().absolute()
    if _is_valid(directory):
        return directory
    try:
        if directory.exists() and not (directory / MARKER).exists() and any(directory.iterdir()):
            raise AssetError(
                f"{directory} is no asset pack and is not empty; give a new or an empty folder"
            )
        write_folder(directory, {**_contents(), MARKER: _marker()}, _is_valid)
    except OSError as error:
        raise AssetError(
            f"cannot write the asset pack to {directory} ({error}); "
            "set MOSEL_CACHE to a folder that you may write to"
        ) from error
    return directory


def default_pack() -> Path:
    """The pack in the user's cache, built on first use; safe when several processes start at once.

    Raises:
        AssetError: The cache folder cannot be written.
    """
    return build_pack(cache_dir() / f"libero-{pack_hash()}")
