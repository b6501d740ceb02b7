"""The second inverse dynamics: a transformer over action tokens, after QueST (Mete et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.action_tokens import (
    ActionTokens,
    ActionTokensConfig,
    check_heads,
    encoder_layer,
    later_hidden,
)
from mosel_gym.models.goal_conditioned import GoalConditionedConfig, GoalConditionedPolicy
from mosel_gym.models.policy_batch import PolicyBatch, SampleLosses


@dataclass(frozen=True)
class TokenPolicyConfig(GoalConditionedConfig):
    """Shape and sampling of the policy."""

    chunk: int = 32
    """Actions predicted at once, a multiple of what a token stands for (4)."""
    width: int = 256
    """Width of the condition, and of the prior."""
    depth: int = 4
    """Transformer layers of the prior; QueST has 6, of width 384."""
    heads: int = 4
    top_k: int = 5
    """Sample among the so many likeliest tokens, as QueST; 1 always takes the likeliest."""
    temperature: float = 1.0
    """Below 1, likely tokens become likelier still."""
    tokens: ActionTokensConfig = field(default_factory=ActionTokensConfig)

    def __post_init__(self) -> None:
        """Check what no network could be built from."""
        super().__post_init__()
        self.tokens.check(self.chunk)
        check_heads("the token policy", self.width, self.heads)
        if self.top_k < 1 or not self.temperature > 0:
            raise SpecMismatch(
                f"top_k is {self.top_k} and temperature {self.temperature}; top_k must be at least "
                "1, and the temperature above 0. To take the likeliest token, set top_k=1."
            )


class TokenPolicy(GoalConditionedPolicy):
    """A policy that writes its chunk of actions as a few tokens, one after the other.

    The paper's policy on RoboTwin (Appendix F). The condition takes the place of the start token;
    a causal transformer, the prior, then predicts token after token, and the frozen decoder of
    stage 0 turns them into actions.
    """

    config_class: ClassVar[type[TokenPolicyConfig]] = TokenPolicyConfig
    config: TokenPolicyConfig
    kind: ClassVar[str] = "tokens"
    base_name: ClassVar[str] = "token-policy"
    loss_name: ClassVar[str] = "cross_entropy"
    earlier: Tensor

    def _build_decoder(self) -> None:
        config = self.config
        self.tokens = ActionTokens(self.robot.action_size, config.chunk, config.tokens)
        # Stage 0 is over when the prior learns: other tokens would mean other actions.
        self.tokens.requires_grad_(False)
        self.embedding = nn.Embedding(self.tokens.codes, config.width)
        self.positions = nn.Parameter(0.02 * torch.randn(self.tokens.count, config.width))
        self.prior = nn.ModuleList(
            encoder_layer(config.width, config.heads) for _ in range(config.depth)
        )
        self.head = nn.Sequential(
            nn.LayerNorm(config.width), nn.Linear(config.width, self.tokens.codes)
        )
        self.register_buffer("earlier", later_hidden(self.tokens.count), persistent=False)

    def logits(self, condition: Tensor, before: Tensor) -> Tensor:
        """How likely each token is at each place.

        Args:
            condition: `[B, width]`.
            before: The k first tokens, int64 `[B, k]`; k may be 0, and is less than n.

        Returns:
            Unnormalised, `[B, k + 1, C]`: of the first k tokens and of the one after them.
        """
        length = before.shape[1] + 1
        hidden = torch.cat([condition[:, None], self.embedding(before)], dim=1)
        hidden = hidden + self.positions[:length]
        for layer in self.prior:
            hidden = layer(hidden, self.earlier[:length, :length])
        logits: Tensor = self.head(hidden)
        return logits.float()

    def losses(self, batch: PolicyBatch, generator: torch.Generator, draws: int) -> SampleLosses:
        """Cross-entropy of the tokens of the actions, averaged over tokens; nothing is drawn."""
        condition = self.encode_batch(batch)
        count, size = len(batch.actions), self.robot.action_size
        tokens = self.tokens.encode(batch.actions.view(count, self.config.chunk, size))
        logits = self.logits(condition, tokens[:, :-1])
        each = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none")
        entropy = each.view(count, -1).mean(dim=1, keepdim=True)
        return SampleLosses(
            entropy, torch.zeros_like(entropy), self.progress_errors(condition, batch)
        )

    @torch.no_grad()
    def sample_tokens(
        self, condition: Tensor, generator: torch.Generator, without_goal: Tensor | None = None
    ) -> Tensor:
        """Tokens int64 `[B, n]`, each drawn among the `top_k` likeliest; see `sample`."""
        config = self.config
        temperature = config.temperature if self._temperature is None else self._temperature
        tokens = torch.zeros((len(condition), 0), dtype=torch.int64, device=condition.device)
        for _ in range(self.tokens.count):
            last = self.logits(condition, tokens)[:, -1]
            if without_goal is not None:
                untold = self.logits(without_goal, tokens)[:, -1]
                last = last + config.guidance * (last - untold)
            values, choices = last.topk(min(config.top_k, last.shape[1]))
            # Drawn where the generator lives, so that a seed is a seed anywhere.
            chances = (values / temperature).softmax(dim=1).to(generator.device)
            drawn = torch.multinomial(chances, 1, generator=generator).to(choices.device)
            tokens = torch.cat([tokens, choices.gather(1, drawn)], dim=1)
        return tokens

    @torch.no_grad()
    def sample(
        self, condition: Tensor, generator: torch.Generator, without_goal: Tensor | None = None
    ) -> Tensor:
        """Actions `[B, chunk, A]`; guidance changes the logits of every token."""
        actions = self.tokens.decode(self.sample_tokens(condition, generator, without_goal))
        # never beyond what the demonstrations did
        return self.action_scaling.decode(actions.clamp(-1, 1))
