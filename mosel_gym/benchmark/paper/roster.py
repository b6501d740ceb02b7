"""Which agents there are: folders by label and task, what they know, and what they need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.env_arguments import defaults
from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.benchmark.modules import uses_model
from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.paper.labels import BASELINE_FOLDERS, HIP, MOSEL, PALM_E
from mosel_gym.benchmark.specs import PretrainedAgent, env_kwargs
from mosel_gym.errors import DamagedFile, NotEnoughData, UnknownId
from mosel_gym.registry import task_of

SHIPPED = "libero-long"
_HOW = {
    "UniPi": "`mosel train video --whole-task`, `mosel train policy --whole-task` and `mosel pack "
    "--kind unipi` make one (docs/baselines.md)",
    "PaLM-E": "`mosel train policy --model.skill-id` and `mosel pack --kind palm-e` make one "
    "(docs/baselines.md)",
    "VLA-RL": "`mosel train vla` and `mosel train vla-rl` make one (docs/rl.md)",
    "MOSEL": "`mosel train video`, `mosel train policy`, `mosel train judge` and `mosel pack` make "
    "one",
}


@dataclass(frozen=True)
class Roster:
    """Finds agents below `--agents`.

    Args:
        config: Names the folder, planner and analyzer.
    """

    config: PaperConfig

    def source(self, label: str, env_id: str) -> str:
        """Name or folder of an agent before any improvement.

        Raises:
            NotEnoughData: There is none; says where it is looked for, and what makes it.
            UnknownId: Its networks do not know a skill of the task's plan.
        """
        name = "mosel" if label in (MOSEL, HIP) else BASELINE_FOLDERS[label]
        found = self._folder(name, env_id)
        if found is None and name == "mosel" and task_of(env_id).suite == "libero-long":
            found = SHIPPED
        if found is None:
            how = _HOW[MOSEL if name == "mosel" else label]
            raise NotEnoughData(  # the same words for every task, so that they stand there once
                f"no agent {name!r}: give --agents FOLDER with {name}/ in it, or <task id>/{name}/ "
                f"for one task alone; {how}"
            )
        unknown = unknown_skills(found, env_id) if name == "mosel" else ()
        if unknown:
            raise UnknownId(
                f"the agent {_shown(found)} does not know {', '.join(map(repr, unknown))}; give "
                f"one that does as {env_id}/mosel/ in --agents FOLDER"
            )
        return found

    def spec(self, label: str, env_id: str) -> PretrainedAgent:
        """The recipe of an agent before any improvement; errors as those of `source`."""
        source, config = self.source(label, env_id), self.config
        if label == MOSEL:
            return self.mosel(source)
        plans = label in (HIP, PALM_E)
        return PretrainedAgent(
            f"hip:{source}" if label == HIP else source,
            planner=config.planner if plans else "stored",
            llm=config.llm,
            shown=config.shown if plans and uses_model(config.planner) else ModuleOptions(),
        )

    def mosel(self, source: str, refined: bool = False) -> PretrainedAgent:
        """The recipe of an agent of the chain.

        Args:
            source: Name or folder.
            refined: It came out of a round: then the planner is stored in it, and with it the plan
                that it arrived at, which another planner would throw away.
        """
        config = self.config
        planner = "stored" if refined else config.planner
        models = uses_model(planner) or uses_model(config.analyzer)
        return PretrainedAgent(
            source,
            analyzer=config.analyzer,
            planner=planner,
            llm=config.llm,
            shown=config.shown if models else ModuleOptions(),
        )

    def knows(self, env_id: str) -> bool:
        """Whether there is a MOSEL agent for the task."""
        try:
            self.source(MOSEL, env_id)
        except (NotEnoughData, UnknownId, DamagedFile):
            return False
        return True

    def _folder(self, name: str, env_id: str) -> str | None:
        if self.config.agents is None:
            return None
        for place in (self.config.agents / env_id / name, self.config.agents / name):
            if (place / "agent.json").is_file():
                return str(place)
        return None


def unknown_skills(source: str, env_id: str) -> tuple[str, ...]:
    """Skills of the task's plan that an agent's video planner was not built for.

    Raises:
        UnknownId: No such agent.
        DamagedFile: Its video planner cannot be read.
    """
    from mosel_gym.agents.checkpoint import checkpoint_folder
    from mosel_gym.models.checkpoint import read_metadata

    metadata = read_metadata(checkpoint_folder(source) / "video.safetensors")
    known = json.loads(metadata["config"]).get("skills", [])
    return tuple(skill for skill in task_of(env_id).plan if skill not in known)


def arguments(env_id: str, source: str | None, **wanted: Any) -> dict[str, Any]:
    """Arguments of `gymnasium.make`, with the pictures and the control that an agent needs.

    Args:
        env_id: The task.
        source: The agent; None needs nothing of its own.
        wanted: Further ones; None means what the environment does by itself.
    """
    taken = defaults(env_id)
    needed: dict[str, Any] = {}
    if source is not None:
        from mosel_gym.agents.needs import needs_of

        needs = needs_of(source)
        own = tuple(taken.get("cameras") or ())
        if needs.cameras and not set(needs.cameras) <= set(own or _own_cameras(env_id)):
            needed["cameras"] = needs.cameras
        if "control" in taken and needs.control != taken["control"]:
            needed["control"] = needs.control
    if "layout_spread_m" not in taken:
        wanted.pop("layout_spread_m", None)
    return env_kwargs(**(wanted | needed))


def _own_cameras(env_id: str) -> tuple[str, ...]:
    """What is drawn where nothing is asked for."""
    return ("head_camera",) if "RoboTwin" in env_id else ("agentview", "wrist")


def _shown(source: str) -> str:
    """A folder by its last two names, which say which agent it is without this machine's paths."""
    return "/".join(Path(source).parts[-2:])
