"""Any of our agents as LeRobot's policy type "mosel"."""

# LeRobot is not installed where this is checked.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator"

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from mosel_gym.agents.checkpoint import checkpoint_folder
from mosel_gym.agents.pretrained import load_any
from mosel_gym.errors import MissingLibrary, MoselError
from mosel_gym.integrations.lerobot_layout import TASK, rows_of
from mosel_gym.integrations.lerobot_rows import AgentRows

try:
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.pretrained import PreTrainedPolicy
    from lerobot.processor import (
        AddBatchDimensionProcessorStep,
        DeviceProcessorStep,
        PolicyProcessorPipeline,
        RenameObservationsProcessorStep,
    )
    from lerobot.processor.converters import (
        policy_action_to_transition,
        transition_to_policy_action,
    )
    from lerobot.utils.constants import (
        POLICY_POSTPROCESSOR_DEFAULT_NAME,
        POLICY_PREPROCESSOR_DEFAULT_NAME,
    )
except ImportError as error:
    raise MissingLibrary(
        f"LeRobot cannot be imported ({error}). `pip install lerobot` in an environment of its "
        "own, and mosel-gym beside it: docs/integrations.md has the commands."
    ) from error

_AGENT_FOLDER = "agent"
_NOT_TRAINED_HERE = (
    "The policy type 'mosel' wraps a finished agent and is not trained by LeRobot. Train its "
    "networks with `mosel train video` and `mosel train policy`, from episodes that "
    "`mosel data import-lerobot` makes of a LeRobotDataset, and refine it with `mosel improve`."
)


# LeRobot finds the policy by this name: XConfig belongs to XPolicy and make_x_pre_post_processors,
# all in one module.
@PreTrainedConfig.register_subclass("mosel")
@dataclass
class MoselConfig(PreTrainedConfig):
    """Options of `--policy.type=mosel`."""

    agent: str = "libero-long"
    """An agent that ships, or a folder that `mosel pack`, `mosel improve` or `save` wrote."""
    skills: list[str] = field(default_factory=list)
    """Skill set S; needed for goal texts that the task tables do not know."""
    seed: int | None = None
    """Of the agents' sampling noise; None = the agent's own."""

    @property
    def observation_delta_indices(self) -> None:
        """No history: the agent keeps its own."""
        return None

    @property
    def action_delta_indices(self) -> None:
        """No actions ahead."""
        return None

    @property
    def reward_delta_indices(self) -> None:
        """No rewards."""
        return None

    def get_optimizer_preset(self) -> Any:
        """Asked by LeRobot's training, which is not for this policy.

        Raises:
            MoselError: Always.
        """
        raise MoselError(_NOT_TRAINED_HERE)

    def get_scheduler_preset(self) -> None:
        """No schedule."""
        return

    def validate_features(self) -> None:
        """Nothing to check before the first batch; that is checked against the agent's robot."""


class MoselPolicy(PreTrainedPolicy):
    """One agent for every row of the batch.

    Non-obvious behaviour:
        - LIBERO's pictures are expected turned by 180 degrees, as LeRobot's processor for LIBERO,
          our environment type "mosel" and LeRobot's LIBERO datasets have them.
        - The text of a row decides the task; see `AgentRows` for when a row begins anew.
        - An agent decides at every step, so that an action chunk is one action long.
        - The networks are the agents' own: `parameters()` is empty.
    """

    config_class = MoselConfig
    name = "mosel"

    def __init__(self, config: MoselConfig, **_: Any) -> None:
        """Load the agent.

        Args:
            config: Which agent.
            **_: What LeRobot adds for policies that it trains: statistics, dataset metadata.

        Raises:
            UnknownId: No such agent.
            DamagedFile: A file of it is missing or damaged.
        """
        super().__init__(config)
        self.rows = AgentRows(
            lambda: load_any(config.agent, device=str(config.device)), config.skills, config.seed
        )

    def reset(self) -> None:
        """Every row begins a new episode at the next batch."""
        self.rows.reset()

    @torch.no_grad()
    def select_action(self, batch: dict[str, Any], **_: Any) -> Tensor:
        """The next action of every row, float32 `[B, A]`.

        Args:
            batch: `observation.images.<camera>` float32 `[B, 3, H, W]` in 0..1,
                `observation.state` float32 `[B, P]`, `task` B texts.

        Raises:
            SpecMismatch: The batch is not what the agent's robot sends; the message names the key.
            UnknownId: The task tables do not know a text, and `config.skills` is empty.
        """
        arrays = {
            key: value.detach().float().cpu().numpy() if isinstance(value, Tensor) else value
            for key, value in batch.items()
            if key == TASK or key.startswith("observation.")
        }
        actions = self.rows.act(rows_of(arrays, self.rows.robot))
        return torch.from_numpy(np.ascontiguousarray(actions)).to(str(self.config.device))

    def predict_action_chunk(self, batch: dict[str, Any], **_: Any) -> Tensor:
        """`select_action` as a chunk of one, float32 `[B, 1, A]`; it counts as a step."""
        return self.select_action(batch)[:, None]

    def forward(self, batch: dict[str, Any]) -> Any:
        """Asked by LeRobot's training, which is not for this policy.

        Raises:
            MoselError: Always.
        """
        raise MoselError(_NOT_TRAINED_HERE)

    def get_optim_params(self) -> dict[str, Any]:
        """Nothing for an optimizer."""
        return {}

    def _save_pretrained(self, save_directory: Path, **_: Any) -> None:
        """The whole agent beside LeRobot's own files, so that `--policy.path` needs no more."""
        stored, source = save_directory / _AGENT_FOLDER, checkpoint_folder(self.config.agent)
        if stored.resolve() != source.resolve():
            shutil.copytree(source, stored, dirs_exist_ok=True)
        replace(self.config, agent=_AGENT_FOLDER)._save_pretrained(save_directory)
        for part in make_mosel_pre_post_processors(self.config):
            part.save_pretrained(save_directory)

    @classmethod
    def from_pretrained(
        cls, pretrained_name_or_path: str | Path, *, config: MoselConfig | None = None, **_: Any
    ) -> Self:
        """Read a folder that `save_pretrained` wrote.

        Raises:
            FileNotFoundError: There is no such folder, or it holds no agent.
        """
        folder = Path(pretrained_name_or_path)
        if not (folder / _AGENT_FOLDER / "agent.json").is_file():
            raise FileNotFoundError(
                f"{folder} holds no {_AGENT_FOLDER}/agent.json. Name a folder that this policy's "
                "`save_pretrained` wrote, or use `--policy.type=mosel --policy.agent=NAME`."
            )
        config = config or PreTrainedConfig.from_pretrained(folder)
        policy = cls(replace(config, agent=str(folder / _AGENT_FOLDER)))
        policy.eval()
        return policy


def make_mosel_pre_post_processors(
    config: MoselConfig, dataset_stats: Any = None, **_: Any
) -> tuple[Any, Any]:
    """LeRobot's processors around the policy: nothing is normalised on the way in or out.

    Args:
        config: For the device.
        dataset_stats: Not used: the agent has its own.

    Returns:
        What LeRobot applies to a batch, and to an action.
    """
    before = [
        RenameObservationsProcessorStep(rename_map={}),
        AddBatchDimensionProcessorStep(),
        DeviceProcessorStep(device=str(config.device)),
    ]
    return (
        PolicyProcessorPipeline(steps=before, name=POLICY_PREPROCESSOR_DEFAULT_NAME),
        PolicyProcessorPipeline(
            steps=[DeviceProcessorStep(device="cpu")],
            name=POLICY_POSTPROCESSOR_DEFAULT_NAME,
            to_transition=policy_action_to_transition,
            to_output=transition_to_policy_action,
        ),
    )
