"""A stable-baselines3 policy on disk without a pickle: names from a fixed table, JSON, safetensors.

stable-baselines3's own zip holds pickled objects, which run code when they are read. Nothing here
writes or reads one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import safetensors.torch
import stable_baselines3 as sb3
import torch
from stable_baselines3.common import policies, torch_layers
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.dqn import policies as dqn_policies
from stable_baselines3.sac import policies as sac_policies
from stable_baselines3.td3 import policies as td3_policies
from torch import nn

from mosel_gym.agents.baselines.rl_networks import MonolithicPolicy, PictureFeatures
from mosel_gym.agents.baselines.rl_views import View, view_from
from mosel_gym.agents.checkpoint import checkpoint_folder
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import DamagedFile, SpecMismatch

FORMAT = "mosel-rl/1"
_INDEX, _WEIGHTS = "agent.json", "policy.safetensors"


def _table(*classes: type[Any]) -> dict[str, type[Any]]:
    return {known.__name__: known for known in classes}


ALGORITHMS: dict[str, type[BaseAlgorithm]] = _table(
    sb3.A2C, sb3.DDPG, sb3.DQN, sb3.PPO, sb3.SAC, sb3.TD3
)
"""Algorithms by name."""
CLASSES: dict[str, type[Any]] = _table(
    MonolithicPolicy,
    policies.ActorCriticPolicy,
    policies.ActorCriticCnnPolicy,
    policies.MultiInputActorCriticPolicy,
    *(sac_policies.SACPolicy, sac_policies.CnnPolicy, sac_policies.MultiInputPolicy),
    *(td3_policies.TD3Policy, dqn_policies.DQNPolicy),
    PictureFeatures,
    *(torch_layers.FlattenExtractor, torch_layers.NatureCNN, torch_layers.CombinedExtractor),
    *(nn.ReLU, nn.Tanh, nn.SiLU, nn.ELU, nn.GELU, nn.LeakyReLU),
    *(torch.optim.Adam, torch.optim.AdamW),
)
"""Classes that a policy may be built from, by name; nothing else is ever built from a file."""


@dataclass
class StoredPolicy:
    """Everything that `RLAgent` is made of."""

    policy: BasePolicy
    algorithm: str
    view: View
    label: str = "rl"
    card: dict[str, Any] = field(default_factory=dict)


def save_policy(folder: str | Path, stored: StoredPolicy) -> Path:
    """Write `policy.safetensors` and, last, `agent.json`.

    Raises:
        SpecMismatch: The policy is built from a class that the table does not name.
    """
    folder = Path(folder)
    index = {
        "format": FORMAT,
        "kind": "rl",
        "label": stored.label,
        "algorithm": stored.algorithm,
        "policy": type(stored.policy).__name__,
        "arguments": _arguments(stored.policy),
        "observation_space": space_to_plain(stored.policy.observation_space),
        "action_space": space_to_plain(stored.policy.action_space),
        "view": stored.view.plain(),
        "card": stored.card,
    }
    _known(type(stored.policy))
    weights = {name: value.detach().cpu().contiguous() for name, value in _tensors(stored.policy)}
    with atomic_path(folder / _WEIGHTS) as draft:
        draft.write_bytes(safetensors.torch.save(weights))
    with atomic_path(folder / _INDEX) as draft:
        draft.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return folder


def load_policy(name_or_dir: str | Path, device: str = "cpu") -> StoredPolicy:
    """Read what `save_policy` wrote.

    Raises:
        UnknownId: No such agent.
        DamagedFile: A file is missing or damaged, or names a class that the table does not.
    """
    folder = checkpoint_folder(name_or_dir)
    path = folder / _INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise ValueError(f"its format is {index['format']!r}, not {FORMAT!r}")
        if index["algorithm"] not in ALGORITHMS:
            raise ValueError(f"{index['algorithm']!r} is none of {sorted(ALGORITHMS)}")
        policy = build_policy(
            index["policy"],
            space_from_plain(index["observation_space"]),
            space_from_plain(index["action_space"]),
            index["arguments"],
        )
        load_weights(policy, safetensors.torch.load_file(folder / _WEIGHTS))
        view = view_from(index["view"])
        label, card = str(index["label"]), dict(index["card"])
    except Exception as error:  # whatever is wrong inside, the user needs the path
        raise DamagedFile(
            f"{path} or {_WEIGHTS} beside it cannot be read as a reinforcement learning agent: "
            f"{type(error).__name__}: {error}. Give a folder that `RLAgent.save` wrote."
        ) from error
    policy.set_training_mode(False)
    return StoredPolicy(policy.to(device), index["algorithm"], view, label, card)


def build_policy(
    name: str,
    observation_space: gym.spaces.Space[Any],
    action_space: gym.spaces.Space[Any],
    arguments: Mapping[str, Any],
) -> BasePolicy:
    """A policy with fresh weights; `arguments` as `agent.json` keeps them.

    Raises:
        ValueError: A class is not in the table.
    """
    given = {key: _from_plain(value) for key, value in arguments.items()}
    policy: BasePolicy = _class(name)(
        observation_space=observation_space,
        action_space=action_space,
        lr_schedule=lambda _: 0.0,  # it sets the optimiser that only training needs
        **given,
    )
    return policy


def load_weights(policy: BasePolicy, weights: Mapping[str, torch.Tensor]) -> None:
    """Take over stored weights.

    Raises:
        ValueError: They are not those of this policy.
    """
    wanted = {name for name, _ in _tensors(policy)}
    if wanted != set(weights):
        raise ValueError(f"the weights {sorted(wanted ^ set(weights))[:4]} are missing or foreign")
    policy.load_state_dict(weights, strict=False)  # modules that share weights are stored once


def _tensors(policy: BasePolicy) -> list[tuple[str, torch.Tensor]]:
    """Weights and statistics, each once; safetensors refuses tensors that share memory."""
    return [*policy.named_parameters(), *policy.named_buffers()]


def policy_kwargs(policy: BasePolicy) -> dict[str, Any]:
    """What an algorithm needs to build such a policy again, for `policy_kwargs`."""
    given = {key: _from_plain(value) for key, value in _arguments(policy).items()}
    given.pop("use_sde", None)  # an argument of the algorithm
    return given


def _arguments(policy: BasePolicy) -> dict[str, Any]:
    given = policy._get_constructor_parameters()  # what SB3 itself stores of a policy
    for name in ("observation_space", "action_space", "lr_schedule"):
        given.pop(name, None)
    for name in ("share_features_extractor",):  # which SB3 leaves out
        if hasattr(policy, name):
            given[name] = getattr(policy, name)
    return {key: _to_plain(value) for key, value in given.items() if value is not None}


def _to_plain(value: Any) -> Any:
    if isinstance(value, type):
        _known(value)
        return {"class": value.__name__}
    if isinstance(value, Mapping):
        return {str(key): _to_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise SpecMismatch(
        f"policy_kwargs holds {value!r}; an agent on disk holds numbers, texts, lists and the "
        f"classes {sorted(CLASSES)}."
    )


def _from_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"class"}:
            return _class(str(value["class"]))
        return {key: _from_plain(inner) for key, inner in value.items()}
    return [_from_plain(inner) for inner in value] if isinstance(value, list) else value


def _known(given: type[Any]) -> None:
    if CLASSES.get(given.__name__) is not given:
        raise SpecMismatch(
            f"A policy with the class {given.__name__!r} cannot be saved: the format knows "
            f"{sorted(CLASSES)}. Use one of those, or keep the model yourself."
        )


def _class(name: str) -> type[Any]:
    if name not in CLASSES:
        raise ValueError(f"it names the class {name!r}; allowed: {sorted(CLASSES)}")
    return CLASSES[name]


def space_to_plain(space: gym.spaces.Space[Any]) -> dict[str, Any]:
    """A Box or a Dict of such as JSON.

    Raises:
        SpecMismatch: Another kind of space.
    """
    if isinstance(space, gym.spaces.Dict):
        return {"dict": {name: space_to_plain(inner) for name, inner in space.spaces.items()}}
    if isinstance(space, gym.spaces.Box):
        bounds = {name: _bound(getattr(space, name)) for name in ("low", "high")}
        return {"shape": list(space.shape), "dtype": str(space.dtype), **bounds}
    raise SpecMismatch(
        f"A policy on {space} cannot be saved: the format knows Box and Dict of Box, which is what "
        "the views of this package have."
    )


def space_from_plain(plain: Mapping[str, Any]) -> gym.spaces.Space[Any]:
    """The space that `space_to_plain` described."""
    if "dict" in plain:
        inner = {name: space_from_plain(value) for name, value in plain["dict"].items()}
        return gym.spaces.Dict(inner)
    shape, dtype = tuple(plain["shape"]), np.dtype(plain["dtype"])
    low, high = (_bounds(plain[name], shape).astype(dtype) for name in ("low", "high"))
    return gym.spaces.Box(low, high, shape, dtype.type)


def _bound(values: Any) -> Any:
    """One text where all are equal; texts, because JSON has no infinity."""
    flat = np.asarray(values, float).ravel()
    texts = [repr(float(value)) for value in flat]
    return texts[0] if len(set(texts)) == 1 else texts


def _bounds(plain: Any, shape: tuple[int, ...]) -> Any:
    values = np.array(plain, dtype=object).astype(float)
    return np.broadcast_to(values, shape) if values.ndim == 0 else values.reshape(shape)
