"""Which assets a scene is built on: the generated pack, or LIBERO's own where it is on disk."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import xml.etree.ElementTree as ET
from functools import lru_cache
from pathlib import Path

from mosel_gym.envs.libero.assets.facts import arenas, objects
from mosel_gym.envs.libero.assets.pack import default_pack, pack_hash
from mosel_gym.errors import AssetError

PATH_VARIABLE = "MOSEL_LIBERO_ASSETS"
"""Environment variable that names the folder of the real assets."""


def resolve_pack(assets: str) -> tuple[Path, str]:
    """The asset folder, and its name for `info["assets"]`.

    Args:
        assets: "procedural"; "real" for what `$MOSEL_LIBERO_ASSETS` names or hf-libero has
            downloaded (nothing is downloaded here); else the path of a folder.

    Returns:
        The folder, and "procedural-<hash>", "real-<hash>" or "<folder's name>-<hash>". The hash of
        a folder is that of its file names and sizes.

    Raises:
        AssetError: There is no such folder, or it lacks classes or arenas, or a file is damaged.
    """
    if assets == "procedural":
        return default_pack(), f"procedural-{pack_hash()}"
    if assets == "real":
        folder = _downloaded()
    else:
        folder = Path(assets).expanduser().absolute()
        if not folder.is_dir():
            raise AssetError(
                f"There is no asset folder {folder}. Allowed: 'procedural', 'real', or the path of "
                "a folder."
            )
    _check(folder)
    name = "real" if assets == "real" else folder.name
    return folder, f"{name}-{_content_hash(folder)}"


def real_pack_folders() -> list[Path]:
    """Where LIBERO's own assets may lie, likeliest first."""
    found = []
    if os.environ.get(PATH_VARIABLE):
        found.append(Path(os.environ[PATH_VARIABLE]).expanduser().absolute())
    spec = importlib.util.find_spec("libero")
    for root in (spec.submodule_search_locations or []) if spec else []:
        found.append(Path(root) / "libero" / "assets")
    found.append(Path.home() / ".cache" / "libero" / "assets")
    hub = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")) / "hub"
    found += sorted(hub.glob("*--lerobot--libero-assets/snapshots/*"))
    return found


def _downloaded() -> Path:
    folders = real_pack_folders()
    for folder in folders:
        # The download may have put everything one level down; an empty folder is no pack.
        for candidate in (folder, folder / "assets"):
            if (candidate / "stable_scanned_objects").is_dir():
                return candidate
    raise AssetError(
        "LIBERO's own assets are not on this machine. Looked in "
        f"{', '.join(map(str, folders))}. Download them with hf-libero, or name their folder in "
        f"${PATH_VARIABLE}; assets='procedural' needs no download."
    )


@lru_cache(maxsize=8)
def _check(folder: Path) -> None:
    wanted = {name: facts.xml for name, facts in objects().items()}
    wanted |= {name: facts.xml for name, facts in arenas().items()}
    missing = [name for name, file in wanted.items() if not (folder / file).is_file()]
    if missing:
        raise AssetError(
            f"The asset folder {folder} lacks {', '.join(missing)}: for example "
            f"{wanted[missing[0]]}. Is the download complete?"
        )
    for file in wanted.values():
        try:
            ET.parse(folder / file)
        except ET.ParseError as error:
            raise AssetError(f"{folder / file} is no readable XML: {error}.") from error


@lru_cache(maxsize=8)
def _content_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode())
    return digest.hexdigest()[:12]
