"""The token policy, untrained: shapes on every robot, determinism, storage, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mosel_gym.agents.base import InverseDynamics
from mosel_gym.data.cameras import Cameras
from mosel_gym.errors import DamagedFile, SpecMismatch, UnknownId
from mosel_gym.models.action_tokens import ActionTokensConfig
from mosel_gym.models.actions import grips
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.policies import load_policy
from mosel_gym.models.token_policy import TokenPolicy, TokenPolicyConfig
from mosel_gym.specs import ROBOTS

TOKENS = ActionTokensConfig(width=16, heads=2, encoder_depth=1, decoder_depth=1)
SMALL = TokenPolicyConfig(size=16, features=16, width=32, depth=1, heads=2, tokens=TOKENS)


def picture(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def observation(robot: str) -> dict[str, Any]:
    spec = ROBOTS[robot]
    proprio = np.linspace(-0.5, 0.5, spec.proprio_size).astype(np.float32)
    pictures = {"agentview": picture(0), "wrist": picture(1)}
    return {**(pictures if robot == "panda" else {"head_camera": picture(0)}), "proprio": proprio}


def make(robot: str = "panda", **changes: Any) -> TokenPolicy:
    cameras = Cameras() if robot == "panda" else Cameras("head_camera", ())
    rng, spec = np.random.default_rng(0), ROBOTS[robot]
    torch.manual_seed(0)
    policy = TokenPolicy(replace(SMALL, robot=robot, cameras=cameras, **changes)).eval()
    policy.fit_statistics(
        rng.uniform(-0.5, 0.5, (40, spec.action_size)).astype(np.float32),
        rng.normal(size=(40, spec.proprio_size)).astype(np.float32),
    )
    return policy


@pytest.mark.parametrize("robot", list(ROBOTS))
def test_a_chunk_is_in_the_environments_units(robot: str) -> None:
    policy, spec = make(robot), ROBOTS[robot]
    assert isinstance(policy, InverseDynamics)
    chunk = policy.act(observation(robot), picture(2, 16), None)
    assert chunk.actions.shape == (32, spec.action_size)
    assert chunk.actions.dtype == np.float32
    hands = list(spec.gripper_dims)
    assert np.abs(np.delete(chunk.actions, hands, axis=1)).max() <= 0.5 + 1e-6
    assert set(np.unique(chunk.actions[:, hands])) <= set(grips(spec))
    assert 0 <= chunk.steps_to_goal <= 32
    assert policy.act(observation(robot), None, None).steps_to_goal == 32


def test_the_seed_decides_the_tokens() -> None:
    policy = make()

    def two_chunks(seed: int) -> np.ndarray:
        policy.reset(seed)
        chunks = [policy.act(observation("panda"), picture(2), None).actions for _ in range(2)]
        return np.stack(chunks)

    np.testing.assert_array_equal(two_chunks(1), two_chunks(1))
    assert (two_chunks(1) != two_chunks(2)).any()
    greedy = make(top_k=1)
    first, second = (greedy.act(observation("panda"), picture(2), None) for _ in range(2))
    np.testing.assert_array_equal(first.actions, second.actions)


def test_only_the_likeliest_tokens_are_drawn() -> None:
    policy = make(top_k=2)
    condition = torch.randn(1, 32, generator=torch.Generator().manual_seed(0)).expand(64, -1)
    tokens = policy.sample_tokens(condition, torch.Generator().manual_seed(0))
    assert tokens.shape == (64, 8)
    likeliest = policy.logits(condition[:1], tokens[:1, :0])[0, -1].topk(2).indices
    assert set(tokens[:, 0].tolist()) == set(likeliest.tolist())
    cold = replace(policy.config, temperature=1e-4)
    policy.config = cold
    drawn = policy.sample_tokens(condition, torch.Generator().manual_seed(0))
    assert drawn[:, 0].tolist() == [int(likeliest[0])] * 64


def test_a_scale_set_for_further_tries_is_the_configs_own_in_effect() -> None:
    policy = make()
    condition = torch.randn(8, policy.config.width, generator=torch.Generator().manual_seed(1))

    def drawn() -> torch.Tensor:
        return policy.sample_tokens(condition, torch.Generator().manual_seed(0))

    usual = drawn()
    policy.sample_at(1e-4)
    cold = drawn()
    assert (cold != usual).any()
    policy.reset(0)
    assert torch.equal(drawn(), usual)
    policy.config = replace(policy.config, temperature=1e-4)
    assert torch.equal(drawn(), cold)
    with pytest.raises(SpecMismatch, match="temperature 0.0"):
        policy.sample_at(0.0)


def test_guidance_moves_the_likeliest_token_away_from_that_without_the_goal() -> None:
    policy = make(top_k=1, guidance=50.0)
    told, untold = torch.randn(2, 1, 32, generator=torch.Generator().manual_seed(0)) * 5
    empty = torch.zeros((1, 0), dtype=torch.int64)
    with_goal, without = (policy.logits(one, empty)[0, -1] for one in (told, untold))
    expected = (with_goal + 50.0 * (with_goal - without)).argmax()
    tokens = policy.sample_tokens(told, torch.Generator().manual_seed(0), untold)
    assert int(tokens[0, 0]) == int(expected) != int(with_goal.argmax())


def test_a_token_depends_on_those_before_it_only() -> None:
    policy = make()
    condition = torch.randn(1, 32, generator=torch.Generator().manual_seed(0))
    before = torch.tensor([[1, 2, 3, 4, 5, 6, 7]])
    logits = policy.logits(condition, before)
    assert logits.shape == (1, 8, 1000)
    changed = policy.logits(condition, torch.tensor([[1, 2, 3, 900, 5, 6, 7]]))
    torch.testing.assert_close(changed[:, :4], logits[:, :4])
    assert (changed[:, 4:] - logits[:, 4:]).abs().max() > 1e-4
    torch.testing.assert_close(policy.logits(condition, before[:, :2]), logits[:, :3])


@pytest.mark.parametrize("half", [False, True])
def test_a_saved_policy_acts_the_same(half: bool, tmp_path: Path) -> None:
    policy = make(temperature=0.5, top_k=3)
    path = save_module(tmp_path / "policy.safetensors", policy, half=half)
    again = load_policy(path)
    assert isinstance(again, TokenPolicy)
    assert again.config == policy.config
    seen = observation("panda")
    for one in (policy, again):
        one.reset(0)
    first, second = (one.act(seen, picture(2), None) for one in (policy, again))
    if half:
        assert first.steps_to_goal == pytest.approx(second.steps_to_goal, abs=0.1)
    else:
        np.testing.assert_array_equal(first.actions, second.actions)
        assert first.steps_to_goal == second.steps_to_goal


def test_a_skill_id_is_an_option() -> None:
    policy = make(skill_id=True, skills=("open", "close"))
    assert (policy.name, make().name) == ("token-policy+skill-id", "token-policy")
    policy.act(observation("panda"), None, "open")
    with pytest.raises(SpecMismatch, match="needs a skill"):
        policy.act(observation("panda"), None, None)
    with pytest.raises(UnknownId, match="nearest"):
        policy.act(observation("panda"), None, "shut")


def test_bad_observations_and_numbers_are_refused() -> None:
    policy, seen = make(), observation("panda")
    with pytest.raises(SpecMismatch, match="wrist"):
        policy.act({k: v for k, v in seen.items() if k != "wrist"}, None, None)
    with pytest.raises(SpecMismatch, match="8 finite"):
        policy.act({**seen, "proprio": np.full(8, np.nan, np.float32)}, None, None)
    for changes in ({"chunk": 30}, {"heads": 5}, {"top_k": 0}, {"temperature": 0.0}):
        with pytest.raises(SpecMismatch):
            replace(SMALL, **changes)


def test_the_other_kind_in_its_place_is_named(tmp_path: Path) -> None:
    torch.manual_seed(0)
    diffusion = GoalPolicy(GoalPolicyConfig(size=16, features=16, width=32, depth=1))
    other = save_module(tmp_path / "diffusion.safetensors", diffusion)
    mine = save_module(tmp_path / "tokens.safetensors", make())
    assert isinstance(load_policy(other), GoalPolicy)
    with pytest.raises(SpecMismatch, match=r"diffusion\.safetensors.*'diffusion'.*--kind diff"):
        load_policy(other, kind="tokens")
    with pytest.raises(SpecMismatch, match=r"'tokens' \(TokenPolicy\).*GoalPolicy"):
        load_policy(mine, kind="diffusion")
    with pytest.raises(DamagedFile, match="holds a TokenPolicy"):
        GoalPolicy.load(mine)
    other.write_bytes(other.read_bytes()[:100])
    with pytest.raises(DamagedFile, match=r"diffusion\.safetensors"):
        load_policy(other)


def test_the_default_policy_has_about_six_million_parameters() -> None:
    count = sum(p.numel() for p in TokenPolicy(TokenPolicyConfig()).parameters())
    assert 5e6 < count < 7.5e6
