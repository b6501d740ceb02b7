"""The few textures of the rooms, drawn with numpy: floors, walls and wood.

LIBERO replaces the file name of two textures (`texplane`, `tex-wall`) by the names in its
`arenas/style.py`, so a picture exists here for each of those names.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mosel_gym.envs.libero.assets.part import Colour

SIZE = 64
"""Edge of every texture, pixels."""

Picture = NDArray[np.uint8]

TILES: Mapping[str, Colour] = {
    "light-gray-floor-tile.png": (0.72, 0.72, 0.72),
    "white_marble_floor.png": (0.88, 0.88, 0.87),
    "brown_ceramic_tile.png": (0.55, 0.42, 0.33),
    "gray_ceramic_tile.png": (0.58, 0.58, 0.58),
    "tile_grigia_caldera_porcelain_floor.png": (0.50, 0.50, 0.52),
    "ceramic.png": (0.82, 0.82, 0.80),
}
"""Tile colours: a grid of joints on a plain ground."""

PLANKS: Mapping[str, Colour] = {
    "dark_floor_texture.png": (0.25, 0.19, 0.15),
    "rustic_floor.png": (0.45, 0.33, 0.24),
    "seamless_wood_planks_floor.png": (0.62, 0.47, 0.33),
}
"""Plank colours: wood in strips."""

PLASTERS: Mapping[str, Colour] = {
    "light_blue_wall.png": (0.70, 0.80, 0.88),
    "dark_blue_wall.png": (0.22, 0.29, 0.42),
    "dark_gray_plaster.png": (0.36, 0.36, 0.37),
    "gray_plaster.png": (0.58, 0.58, 0.58),
    "dark_green_plaster_wall.png": (0.22, 0.34, 0.27),
    "light-gray-plaster.png": (0.78, 0.78, 0.77),
    "smooth_light_gray_plaster.png": (0.80, 0.80, 0.79),
    "white_wall.png": (0.93, 0.93, 0.92),
    "yellow_linen_wall_texture.png": (0.87, 0.80, 0.62),
}
"""Wall colours: an almost plain ground."""

WOODS: Mapping[str, Colour] = {
    "table_wood.png": (0.58, 0.45, 0.32),
}
"""Table tops: soft grain, no joints."""


def _shade(colour: Colour, light: NDArray[np.float64]) -> Picture:
    picture = np.asarray(colour) * light[..., None] * 255
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _tiles(colour: Colour) -> Picture:
    light = np.ones((SIZE, SIZE))
    light[::32] = light[:, ::32] = 0.78
    light[:32, :32] = np.where(light[:32, :32] == 1, 0.97, light[:32, :32])
    light[32:, 32:] = np.where(light[32:, 32:] == 1, 0.97, light[32:, 32:])
    return _shade(colour, light)


def _grain(rows: int) -> NDArray[np.float64]:
    """Slow waves along the grain, `[rows, SIZE]`, periodic, mean 0, within +-1."""
    along = np.linspace(0, 2 * np.pi, SIZE, endpoint=False)
    across = np.linspace(0, 2 * np.pi, rows, endpoint=False)[:, None]
    wave = np.sin(5 * across + 0.6 * np.sin(along)) + 0.5 * np.sin(
        11 * across - 0.5 * np.cos(along)
    )
    return np.asarray(wave / 1.5)


def _planks(colour: Colour) -> Picture:
    light = 1 + 0.03 * _grain(SIZE)
    for index, tone in enumerate((1.0, 0.93, 1.04, 0.97)):
        light[index * 16 : index * 16 + 16] *= tone
    light[::16] *= 0.8
    return _shade(colour, light)


def _wood(colour: Colour) -> Picture:
    return _shade(colour, 1 + 0.02 * _grain(SIZE))


def _plaster(colour: Colour) -> Picture:
    wave = np.linspace(0, 2 * np.pi, SIZE, endpoint=False)
    return _shade(colour, 1 + 0.012 * np.sin(wave)[:, None] * np.sin(2 * wave)[None])


def png(picture: Picture) -> bytes:
    """A PNG file of an RGB picture, uint8 `[H, W, 3]`.

    The pixels are stored, not compressed: the bytes are the same with every zlib.
    """
    height, width = picture.shape[:2]
    rows = b"".join(b"\0" + picture[row].tobytes() for row in range(height))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 0))
        + chunk(b"IEND", b"")
    )


def texture_files() -> dict[str, bytes]:
    """All textures of the pack: file name to PNG bytes."""
    pictures: dict[str, Picture] = {}
    for draw, table in (
        (_tiles, TILES),
        (_planks, PLANKS),
        (_plaster, PLASTERS),
        (_wood, WOODS),
    ):
        pictures.update({name: draw(colour) for name, colour in table.items()})
    return {name: png(picture) for name, picture in sorted(pictures.items())}
