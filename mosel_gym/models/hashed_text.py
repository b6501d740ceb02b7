"""A text as a fixed vector: no weights, no vocabulary, and every text has one."""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mosel_gym.models.text import normalized

_LENGTHS = (3, 4, 5)


@lru_cache(maxsize=256)
def hashed_text(text: str, size: int = 64) -> NDArray[np.float32]:
    """The bag of a text's character n-grams, hashed with signs: float32 `[size]` of length 1.

    Texts that share words lie near each other; a text that no training run has seen gets a vector
    as well, which says nothing of whether a network understands it. The array is read-only.

    Raises:
        ValueError: `size` is not positive.
    """
    if size < 1:
        raise ValueError(f"size is {size}; it must be at least 1.")
    padded = f" {normalized(text)} "
    bag = np.zeros(size, np.float32)
    for length in _LENGTHS:
        for start in range(max(0, len(padded) - length + 1)):
            code = zlib.crc32(padded[start : start + length].encode())
            bag[(code >> 1) % size] += 1.0 if code & 1 else -1.0
    length_of_bag = float(np.linalg.norm(bag))
    result = bag / length_of_bag if length_of_bag > 0 else bag
    result.flags.writeable = False
    return result
