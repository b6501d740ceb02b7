"""Which kinds of inverse dynamics there are, and reading one from disk, of whichever kind."""

from __future__ import annotations

from pathlib import Path

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
