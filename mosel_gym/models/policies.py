"""Which kinds of inverse dynamics there are, and reading one from disk, of whichever kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.checkpoint import load_module, read_metadata
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.models.inverse_dynamics import GoalPolicy
from mosel_gym.models.token_policy import TokenPolicy

POLICIES: dict[str, type[GoalConditionedPolicy]] = {
    policy.kind: policy for policy in (GoalPolicy, TokenPolicy)
}
"""Kind, as `mosel train policy --kind` names it -> class."""


def load_policy(
    path: str | Path, device: str = "cpu", kind: str | None = None
) -> GoalConditionedPolicy:
    """Read a policy, ready for inference.

    Args:
        path: policy.safetensors of `mosel train policy`.
        device: "cpu" or "cuda".
        kind: Insist on this kind; None takes either.

    Raises:
        DamagedFile: The file is missing or damaged.
        SpecMismatch: It holds no policy, or one of another kind.
    """
    named = read_metadata(path)["class"]
    found = {policy.__name__: policy for policy in POLICIES.values()}.get(named)
    if found is None:
        raise SpecMismatch(
            f"{path} holds a {named}, not a policy. Give the policy.safetensors that "
            "`mosel train policy` wrote."
        )
    if kind is not None and found.kind != kind:
        raise SpecMismatch(
            f"{path} holds a policy of the kind {found.kind!r} ({named}), and one of the kind "
            f"{kind!r} is asked for. Give a {POLICIES[kind].__name__}, or ask for "
            f"`--kind {found.kind}`."
        )
    return load_module(path, found, device=device)


def mean_policy(paths: Sequence[str | Path]) -> GoalConditionedPolicy:
    """The policy whose weights are the mean of several policies' weights; of one, that one.

    It is for policies that were trained on from the same one: only then does what lies between
    their weights act as they do.

    Raises:
        DamagedFile: A file is missing or damaged.
        SpecMismatch: One holds no policy, or two differ in kind, settings or normalisation.
    """
    first, *others = [load_policy(path) for path in paths]
    for path, other in zip(paths[1:], others, strict=True):
        if (other.kind, other.config) != (first.kind, first.config):
            raise SpecMismatch(
                f"{path} and {paths[0]} are policies of different kinds or settings, so that there "
                "is no mean of their weights. Give policies that were trained on from the same one."
            )
        theirs = dict(other.named_buffers())
        if any(not torch.equal(mine, theirs[name]) for name, mine in first.named_buffers()):
            raise SpecMismatch(
                f"{path} and {paths[0]} normalise differently, so that there is no mean of their "
                "weights. Give policies that were trained on from the same one (--start)."
            )
    weights = [dict(policy.named_parameters()) for policy in (first, *others)]
    with torch.no_grad():
        for name, mine in first.named_parameters():
            mine.copy_(torch.stack([one[name] for one in weights]).mean(dim=0))
    return first
