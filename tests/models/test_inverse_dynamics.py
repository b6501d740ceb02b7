"""The goal policy, untrained: shapes, determinism, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mosel_gym.agents.base import InverseDynamics
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig

SMALL = GoalPolicyConfig(size=16, features=16, width=32, depth=2, num_steps=2)


def picture(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


@pytest.fixture
def observation() -> dict[str, Any]:
    proprio = np.array([0, 0, 1, 3.1, 0, 0, 0.04, -0.04], np.float32)
    return {"agentview": picture(0), "wrist": picture(1), "proprio": proprio}


@pytest.fixture
def policy() -> GoalPolicy:
    rng = np.random.default_rng(0)
    policy = GoalPolicy(SMALL).eval()
    proprio = rng.normal(size=(40, 8)).astype(np.float32)
    policy.fit_statistics(rng.uniform(-0.5, 0.5, (40, 7)).astype(np.float32), proprio)
    return policy


def test_a_chunk_is_in_the_environments_units(
    policy: GoalPolicy, observation: dict[str, Any]
) -> None:
    assert isinstance(policy, InverseDynamics)
    chunk = policy.act(observation, picture(2, 16), None)
    assert chunk.actions.shape == (16, 7)
    assert chunk.actions.dtype == np.float32
    assert np.abs(chunk.actions[:, :6]).max() <= 0.5 + 1e-6  # never beyond the demonstrations
    assert set(np.unique(chunk.actions[:, 6])) <= {-1.0, 1.0}
    assert 0 <= chunk.steps_to_goal <= 32


def test_the_seed_decides_the_actions(policy: GoalPolicy, observation: dict[str, Any]) -> None:
    def two_chunks(seed: int) -> np.ndarray:
        policy.reset(seed)
        return np.stack([policy.act(observation, picture(2), None).actions for _ in range(2)])

    first, second = two_chunks(1)
    np.testing.assert_array_equal(first, second)  # the middle of the noise, whatever the seed
    np.testing.assert_array_equal(first, two_chunks(2)[0])
    policy.config = replace(policy.config, temperature=1.0)
    np.testing.assert_array_equal(two_chunks(1), two_chunks(1))
    assert (two_chunks(1) != two_chunks(2)).any()


def test_noise_set_for_a_while_ends_with_reset(
    policy: GoalPolicy, observation: dict[str, Any]
) -> None:
    def chunk() -> np.ndarray:
        return policy.act(observation, picture(2), None).actions

    usual = chunk()
    policy.sample_at(1.0)
    assert (chunk() != chunk()).any()
    policy.sample_at(None)
    np.testing.assert_array_equal(chunk(), usual)
    policy.sample_at(1.0)
    policy.reset(0)
    np.testing.assert_array_equal(chunk(), usual)


def test_guidance_goes_on_from_what_the_goal_changes(
    policy: GoalPolicy, observation: dict[str, Any]
) -> None:
    def actions(guidance: float, goal: np.ndarray | None) -> np.ndarray:
        # One Euler step from zero noise, so that actions are linear in the velocity.
        policy.config = replace(policy.config, guidance=guidance, num_steps=1)
        return policy.act(observation, goal, None).actions[:, :6]

    generator = torch.Generator().manual_seed(0)
    for weights in policy.parameters():  # fresh blocks let no condition through
        weights.data += 0.05 * torch.randn(weights.shape, generator=generator)
    untold = actions(0, None)
    plain, guided = actions(0, picture(2)), actions(0.5, picture(2))
    low, high = (policy.action_scaling.decode(torch.full((7,), end))[:6].numpy() for end in (-1, 1))
    inside = np.ones(plain.shape, bool)
    for answer in (untold, plain, guided):  # what is clipped to the demonstrations' range is not
        inside &= (answer > low + 1e-3) & (answer < high - 1e-3)
    assert inside.any()
    assert np.abs(plain - untold)[inside].max() > 1e-3
    np.testing.assert_allclose(guided[inside], (plain + 0.5 * (plain - untold))[inside], atol=1e-5)
    np.testing.assert_array_equal(actions(0.5, None), untold)  # nothing to be guided by
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(SpecMismatch, match="guidance is"):
            replace(policy.config, guidance=wrong)


def test_without_a_goal_its_distance_is_the_horizon(
    policy: GoalPolicy, observation: dict[str, Any]
) -> None:
    assert policy.act(observation, None, None).steps_to_goal == 32


def test_a_saved_policy_acts_the_same(
    policy: GoalPolicy, observation: dict[str, Any], tmp_path: Path
) -> None:
    again = GoalPolicy.load(save_module(tmp_path / "policy.safetensors", policy))
    policy.reset(0)
    again.reset(0)
    one, two = (p.act(observation, picture(2), None) for p in (policy, again))
    np.testing.assert_array_equal(one.actions, two.actions)
    assert one.steps_to_goal == two.steps_to_goal


def test_bad_observations_are_refused(policy: GoalPolicy, observation: dict[str, Any]) -> None:
    with pytest.raises(SpecMismatch, match="wrist"):
        policy.act({k: v for k, v in observation.items() if k != "wrist"}, None, None)
    with pytest.raises(SpecMismatch, match="8 finite"):
        policy.act({**observation, "proprio": np.full(8, np.nan, np.float32)}, None, None)
    with pytest.raises(SpecMismatch, match="uint8"):
        policy.act(observation, np.zeros((16, 16, 3), np.float32), None)


def test_a_skill_id_is_an_option(observation: dict[str, Any]) -> None:
    policy = GoalPolicy(replace(SMALL, skill_id=True, skills=("open", "close"))).eval()
    assert policy.name != GoalPolicy(SMALL).name
    policy.act(observation, None, "open")
    with pytest.raises(SpecMismatch, match="needs a skill"):
        policy.act(observation, None, None)
    with pytest.raises(UnknownId, match="nearest"):
        policy.act(observation, None, "shut")


def test_the_default_policy_has_about_five_million_parameters() -> None:
    count = sum(p.numel() for p in GoalPolicy(GoalPolicyConfig()).parameters())
    assert 4.5e6 < count < 5.5e6
