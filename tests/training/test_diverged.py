"""What is not finite stops a run before it does harm."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mosel_gym.agents.improvement.networks import restored_on_error
from mosel_gym.data.windows import Clip
from mosel_gym.errors import TrainingDiverged
from mosel_gym.models.checkpoint import load_module
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig, finetune_policy
from mosel_gym.training.loop import Draws, LoopConfig, draws_at, fit
from mosel_gym.training.policy import PolicyTrainConfig, train_policy
from tests.training.tiny_run import CONFIG, Losses, losses_of, network, weights

MakeClips = Callable[..., list[Clip]]
TINY = GoalPolicyConfig(size=16, features=8, width=16, depth=1, chunk=4)


def spoilt(module: nn.Module, at: int, how: str) -> Losses:
    """The tiny losses, until the batch of step `at` comes."""
    plain, last = losses_of(module), list(module.parameters())[-1]
    batch = draws_at(0, at).torch.initial_seed()

    def losses(draw: Draws) -> Mapping[str, Tensor]:
        named = dict(plain(draw))
        if draw.torch.initial_seed() != batch:
            return named
        if how == "loss":
            named["loss"] = named["loss"] * torch.nan
        else:
            named["loss"] = named["loss"] + (last * 0).sqrt().sum()  # 0, with gradient 0 / 0
        return named

    return losses


@pytest.mark.parametrize(
    ("how", "said"),
    [("loss", r"the loss became nan \(largest"), ("gradient", r"the gradient of 2\.bias is not")],
)
def test_the_state_of_before_it_is_stored_and_the_run_says_where(
    tmp_path: Path, how: str, said: str
) -> None:
    config = replace(CONFIG, checkpoint_every_s=1e9)
    module = network()
    with pytest.raises(TrainingDiverged, match=said) as caught:
        fit(module, spoilt(module, 17, how), config, tmp_path, label="tiny", progress=False)
    message = str(caught.value)
    assert (caught.value.step, caught.value.seed) == (17, 0)
    for part in ("tiny, step 17 of 40 (seed 0)", "draws_at(0, 17)", "state.pt", "--loop.lr, now"):
        assert part in message
    assert not module.training
    assert all(p.grad is None for p in module.parameters())
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["step"] == 17
    assert all(torch.isfinite(tensor).all() for tensor in state["weights"].values())
    average = torch.cat([tensor.flatten() for tensor in state["ema"].values()]).numpy()
    np.testing.assert_array_equal(weights(module), average)

    again = network()  # straight to the same batch
    with pytest.raises(TrainingDiverged, match="step 17 of 40"):
        fit(again, spoilt(again, 17, how), config, tmp_path, progress=False)
    whole, healed = network(), network()  # what came before is as if nothing had been
    fit(whole, losses_of(whole), config, progress=False)
    fit(healed, losses_of(healed), config, tmp_path, progress=False)
    np.testing.assert_array_equal(weights(healed), weights(whole))


def test_spoilt_weights_are_never_stored(tmp_path: Path) -> None:
    healthy = replace(CONFIG, steps=4)
    for folder in (None, tmp_path):
        module = network()
        with pytest.raises(TrainingDiverged, match=r"the weights of 0\.weight.*Kept: nothing"):
            fit(
                module,
                losses_of(module),
                replace(healthy, lr=float("inf"), checkpoint_every_s=1e9, steps=1),
                folder,
                progress=False,
            )
    assert not (tmp_path / "state.pt").exists()


def test_the_error_survives_a_pickle() -> None:
    error = TrainingDiverged("what happened", step=3, seed=4)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.step, again.seed) == ("what happened", 3, 4)


def policy_config(lr: float) -> PolicyTrainConfig:
    loop = LoopConfig(steps=3, batch_size=4, lr=lr, grad_clip=1e38, bf16=False, tensorboard=False)
    return PolicyTrainConfig(model=TINY, loop=loop)


def test_a_policy_that_diverges_leaves_a_network_to_start_from(
    make_clips: MakeClips, tmp_path: Path
) -> None:
    with pytest.raises(TrainingDiverged, match=r"last_good\.safetensors") as caught:
        train_policy(make_clips(), policy_config(1e30), tmp_path, progress=False)
    assert caught.value.step >= 1
    assert not (tmp_path / "policy.safetensors").exists()
    last_good = load_module(tmp_path / "last_good.safetensors", GoalPolicy)
    assert all(torch.isfinite(p).all() for p in last_good.parameters())


def test_a_refinement_that_diverges_leaves_the_old_policy(
    make_clips: MakeClips, tmp_path: Path
) -> None:
    clips = make_clips()
    policy, _ = train_policy(clips, policy_config(1e-3), tmp_path, progress=False)
    before = weights(policy)
    config = PolicyFinetuneConfig(loop=policy_config(1e30).loop, alpha=0.0)
    with pytest.raises(TrainingDiverged, match="refining policy"), restored_on_error(policy):
        finetune_policy(policy, clips, [], [], config, progress=False)
    np.testing.assert_array_equal(weights(policy), before)
