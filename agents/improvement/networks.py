"""What the refinement of either network shares: a failed run leaves the old weights in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mosel_gym.models.checkpoint import ConfiguredModule


@contextmanager
def restored_on_error(network: ConfiguredModule) -> Iterator[None]:
    """Put the old weights back if the block raises, Ctrl-C included; training works in place."""
    before = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    try:
        yield
    except BaseException:
        network.load_state_dict(before)
        network.eval()
        raise
