"""bfloat16 where it helps."""

from __future__ import annotations

import functools
import logging

import torch

_LOG = logging.getLogger(__name__)


@functools.cache
def has_bf16(kind: str) -> bool:
    """Whether devices of a kind ("cpu", "cuda") compute in bfloat16 rather than imitate it.

    Imitated, it is several times slower than float32, and no more exact.
    """
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "cpu":
        # What torch itself asks before it hands bfloat16 to oneDNN; builds without it have no such.
        built: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        return built and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False


def autocast(device: str, wanted: bool) -> torch.autocast:
    """The precision of a forward pass: bfloat16 where it is wanted and there, else float32."""
    kind = torch.device(device).type
    if wanted and not has_bf16(kind):
        _tell_once(kind)
    return torch.autocast(kind, torch.bfloat16, enabled=wanted and has_bf16(kind))


@functools.cache
def _tell_once(kind: str) -> None:
    _LOG.warning("this %s has no bfloat16; training in float32, which is exact but slower", kind)
