"""What `mosel train policy --kind tokens` asks beyond what both kinds of policy share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.action_tokens import ActionTokensConfig
from mosel_gym.models.goal_conditioned import GoalConditionedConfig
from mosel_gym.models.token_policy import TokenPolicyConfig
from mosel_gym.training.loop import LoopConfig
from mosel_gym.training.policy import PolicyTrainConfig
from mosel_gym.training.token_policy import TokenPolicyTrainConfig

_OWN_SHAPE = ("chunk", "width")
"""Of what both kinds have, that which each sizes for itself."""


@dataclass(frozen=True)
class TokenOptions:
    """The network behind the picture encoders, and stage 0; with `--kind tokens` only."""

    chunk: int = TokenPolicyConfig.chunk
    """Actions predicted at once, a multiple of what a token stands for (4)."""
    width: int = TokenPolicyConfig.width
    """Width of the condition, and of the prior."""
    depth: int = TokenPolicyConfig.depth
    """Transformer layers of the prior; QueST has 6, of width 384."""
    heads: int = TokenPolicyConfig.heads
    top_k: int = TokenPolicyConfig.top_k
    """Sample among the so many likeliest tokens, as QueST; 1 always takes the likeliest."""
    temperature: float = TokenPolicyConfig.temperature
    """Below 1, likely tokens become likelier still."""
    autoencoder: ActionTokensConfig = field(default_factory=ActionTokensConfig)
    """Stage 0."""
    loop: LoopConfig = field(default_factory=lambda: TokenPolicyTrainConfig().tokens_loop)
    """Of stage 0; `--loop` is that of stage 1."""

    def recipe(self, shared: PolicyTrainConfig) -> TokenPolicyTrainConfig:
        """The token policy's recipe: what it sees from `shared`, the rest from here.

        Raises:
            SpecMismatch: An option of the diffusion policy was set, or numbers do not fit.
        """
        plain = PolicyTrainConfig()
        wrong = _changed(shared.model, plain.model, _diffusion_only())
        wrong += [name for name in ("draws",) if shared.draws != plain.draws]
        if wrong:
            raise SpecMismatch(
                f"--kind tokens has no place for {_flags(wrong)}, which are the diffusion "
                f"policy's. Leave them out; its own sizes are {_flags(_own(), 'tokens')}."
            )
        seen = {
            name: getattr(shared.model, name)
            for name in _names(GoalConditionedConfig)
            if name not in _OWN_SHAPE
        }
        own = {name: getattr(self, name) for name in _own()}
        model = TokenPolicyConfig(**seen, **own, tokens=self.autoencoder)
        return TokenPolicyTrainConfig(
            model=model,
            tokens_loop=self.loop,
            loop=shared.loop,
            augmentation=shared.augmentation,
            progress_weight=shared.progress_weight,
            past_end=shared.past_end,
        )

    def require_unused(self) -> None:
        """Insist that nothing here was set, for the other kind.

        Raises:
            SpecMismatch: Something was.
        """
        changed = _changed(self, TokenOptions(), _names(TokenOptions))
        if changed:
            raise SpecMismatch(
                f"{_flags(changed, 'tokens')} are options of the token policy; add "
                "`--kind tokens`, or leave them out."
            )


def require_same(
    given: GoalConditionedConfig, stored: GoalConditionedConfig, source: object
) -> None:
    """Insist that a policy to go on from is what was asked for, where something was.

    Args:
        given: As the command says, its preset included.
        stored: Of the policy to go on from.
        source: Where that was read, for the message.

    Raises:
        SpecMismatch: The two differ in something that is not at its default in `given`.
    """
    asked = _changed(given, type(given)(), _names(type(given)))
    differing = [name for name in asked if getattr(given, name) != getattr(stored, name)]
    if differing:
        pairs = ", ".join(
            f"{name} {getattr(stored, name)!r} and not {getattr(given, name)!r}"
            for name in differing
        )
        raise SpecMismatch(
            f"{source} was made for {pairs}. A policy to go on from brings its own settings: leave "
            "those options out, take the `--preset` it was trained with, or train without --start."
        )


def _diffusion_only() -> list[str]:
    """What a diffusion policy's config has that a token policy is not asked, or asked elsewhere."""
    own = [name for name in _names(type(PolicyTrainConfig().model)) if name not in _shared()]
    return [*own, *_OWN_SHAPE]


def _shared() -> list[str]:
    return _names(GoalConditionedConfig)


def _own() -> list[str]:
    return [name for name in _names(TokenOptions) if name not in ("autoencoder", "loop")]


def _names(config: type[Any]) -> list[str]:
    return [field.name for field in fields(config)]


def _changed(config: Any, plain: Any, names: Sequence[str]) -> list[str]:
    return [name for name in names if getattr(config, name) != getattr(plain, name)]


def _flags(names: Sequence[str], group: str = "model") -> str:
    dashed = [name.replace("_", "-") for name in names]
    return ", ".join(f"--{name}" if name == "draws" else f"--{group}.{name}" for name in dashed)
