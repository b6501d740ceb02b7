"""PPO that fine-tunes a cloned policy: stable-baselines3's, with a warm-up of the value alone."""

from __future__ import annotations

from typing import Any

from stable_baselines3 import PPO

from mosel_gym.agents.baselines.rl_networks import MonolithicPolicy


class WarmStartPPO(PPO):
    """For its first updates only the value learns; a critic of noise would undo the cloning.

    Args:
        arguments: As those of `PPO`.
        value_updates: Rollouts after which only the value is fitted.
        **keywords: As those of `PPO`.
    """

    def __init__(self, *arguments: Any, value_updates: int = 2, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.value_updates = value_updates
        self.rollouts = 0
        """Rollouts that were learned from."""

    def train(self) -> None:
        """One update; see `PPO.train`."""
        assert isinstance(self.policy, MonolithicPolicy)
        frozen = self.policy.actor_parameters() if self.rollouts < self.value_updates else []
        for parameter in frozen:
            parameter.requires_grad_(False)
        try:
            super().train()
        finally:
            for parameter in frozen:
                parameter.requires_grad_(True)
        self.rollouts += 1
