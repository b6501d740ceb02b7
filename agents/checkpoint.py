"""An agent on disk: `agent.json` and one safetensors file for each network.

A planner or an analyzer that asks a foundation model is an entry in `agent.json` with the model's
text, such as "openai:gpt-4.1", and never a key; the model is made when it is first asked.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

from mosel_gym.agents.analysis.noise import VerdictNoise
from mosel_gym.agents.analysis.pixel import PixelAnalyzer, PixelAnalyzerConfig
from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.agents.base import (
    InverseDynamics,
    SkillJudge,
    TaskPlanner,
    VideoAnalyzer,
    VideoPlanner,
)
from mosel_gym.agents.config import MoselConfig, from_plain
from mosel_gym.agents.improvement.language import History
from mosel_gym.agents.kinds import MOSEL, read_index, require_kind
from mosel_gym.agents.planning.offline import OfflinePlanner, OfflinePlannerConfig
from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.cameras import Cameras
from mosel_gym.errors import DamagedFile, MissingLibrary, SpecMismatch, UnknownId
from mosel_gym.llm.extra import require
from mosel_gym.models.checkpoint import ConfiguredModule, load_module, save_module
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.models.judge import SubgoalJudge
from mosel_gym.models.policies import load_policy
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.models.video_planners import load_planner
from mosel_gym.types import TaskPlan

FORMAT = "mosel-agent/1"
INDEX = "agent.json"
VIDEO, POLICY, _JUDGE = "video.safetensors", "policy.safetensors", "judge.safetensors"
_LOOP_JUDGE = "loop_judge.safetensors"


@dataclass
class StoredAgent:
    """Everything that `MoselAgent` is made of."""

    task_planner: TaskPlanner
    video_planner: VideoPlanner
    inverse_dynamics: InverseDynamics
    analyzer: VideoAnalyzer
    judge: SkillJudge | None
    """Asked while a skill is carried out; the analyzer itself, where it can be asked."""
    config: MoselConfig
    plans: dict[str, TaskPlan] = field(default_factory=dict)
    """Goal text -> the plan that language refinement arrived at."""
    history: dict[str, History] = field(default_factory=dict)
    """Goal text -> plans that failed, with their rationales."""
    refined: dict[str, int] = field(default_factory=dict)
    """Goal text -> rounds of language refinement done."""
    rounds: int = 0
    card: dict[str, Any] = field(default_factory=dict)
    """How the weights were made and what they reach; carried along, never read."""


def embedded_names() -> list[str]:
    """Names of the checkpoints that ship with the package."""
    folder = resources.files("mosel_gym") / "checkpoints"
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if (entry / INDEX).is_file())


def checkpoint_folder(name_or_dir: str | Path) -> Path:
    """The folder of an embedded checkpoint, or the given folder.

    Raises:
        UnknownId: Neither a checkpoint of that name nor a folder.
    """
    if isinstance(name_or_dir, str) and name_or_dir in embedded_names():
        return Path(str(resources.files("mosel_gym") / "checkpoints" / name_or_dir))
    folder = Path(name_or_dir)
    if folder.is_dir():
        return folder
    names = embedded_names()
    near = difflib.get_close_matches(str(name_or_dir), names, n=3, cutoff=0.3)
    raise UnknownId(
        f"No checkpoint {str(name_or_dir)!r}: neither a folder nor one of the embedded names. "
        f"Nearest: {near or names}. `MoselAgent.save(folder)` writes a folder that can be given."
    )


def save_agent(folder: str | Path, agent: StoredAgent, *, half: bool = True) -> Path:
    """Write an agent; the index comes last, so a killed run leaves no half-new agent.

    Args:
        folder: Made if missing.
        agent: The parts; the networks must be those of `mosel_gym.models`.
        half: Store weights as float16.

    Raises:
        SpecMismatch: A part is of a class that this format has no name for.
    """
    folder = Path(folder)
    networks = network_files(agent.video_planner, agent.inverse_dynamics)
    planner = planner_entry(agent.task_planner)
    analyzer = _analyzer_entry(agent.analyzer, _JUDGE, networks)
    # Asked while a skill is carried out; it is stored by itself unless it is the analyzer.
    judge: object = agent.judge
    apart = judge is not None and judge is not agent.analyzer
    loop_judge = _analyzer_entry(judge, _LOOP_JUDGE, networks) if apart else None
    for file, network in networks.items():
        save_module(folder / file, network, half=half)
    index = {
        "format": FORMAT,
        "kind": MOSEL,
        "task_planner": planner,
        "analyzer": analyzer,
        "judge": loop_judge,
        "config": asdict(agent.config),
        "rounds": agent.rounds,
        "plans": {goal: asdict(plan) for goal, plan in agent.plans.items()},
        "history": {
            goal: [{"plan": asdict(plan), "rationale": why} for plan, why in entries]
            for goal, entries in agent.history.items()
        },
        "refined": agent.refined,
        "card": agent.card,
    }
    with atomic_path(folder / INDEX) as draft:
        draft.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return folder


def load_agent(name_or_dir: str | Path, device: str = "cpu") -> StoredAgent:
    """Read what `save_agent` wrote.

    Raises:
        UnknownId: No such checkpoint.
        SpecMismatch: It is an agent of another kind.
        DamagedFile: A file of it is missing or damaged; the message names its path.
    """
    folder = checkpoint_folder(name_or_dir)
    path = folder / INDEX
    index = read_index(path)
    require_kind(MOSEL, index, path)
    try:
        if index["format"] != FORMAT:
            raise ValueError(f"its format is {index['format']!r}, not {FORMAT!r}")
        planner = planner_of(index["task_planner"])
        analyzer = _analyzer(folder / _JUDGE, index["analyzer"], device)
        judge: object = analyzer
        if index.get("judge") is not None:  # older files have none
            judge = _analyzer(folder / _LOOP_JUDGE, index["judge"], device)
        plans = {goal: _plan(plan) for goal, plan in index["plans"].items()}
        history = {
            goal: [(_plan(entry["plan"]), str(entry["rationale"])) for entry in entries]
            for goal, entries in index["history"].items()
        }
        config = from_plain(MoselConfig, index["config"])
        refined = {goal: int(count) for goal, count in index.get("refined", {}).items()}
        rounds, card = int(index["rounds"]), dict(index["card"])
    except DamagedFile:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(
            f"{path} cannot be read as an agent: {type(error).__name__}: {error}. "
            "Give a folder that `MoselAgent.save` wrote, or train the agent again."
        ) from error
    return StoredAgent(
        task_planner=planner,
        video_planner=load_planner(folder / VIDEO, device),
        inverse_dynamics=load_policy(folder / POLICY, device),
        analyzer=analyzer,
        judge=judge if isinstance(judge, SkillJudge) else None,
        config=config,
        plans=plans,
        history=history,
        refined=refined,
        rounds=rounds,
        card=card,
    )


def network_files(
    video: VideoPlanner | None, policy: InverseDynamics
) -> dict[str, ConfiguredModule]:
    """The networks of an agent by the names of their files; None stands for a part that it lacks.

    Raises:
        SpecMismatch: One is of a class that the format has no name for.
    """
    networks: dict[str, ConfiguredModule] = {}
    for file, part, kind in (
        (VIDEO, video, VideoPlannerNetwork),
        (POLICY, policy, GoalConditionedPolicy),
    ):
        if part is None:
            continue
        if not isinstance(part, kind):
            raise SpecMismatch(_unsaveable(part, kind.__name__))
        networks[file] = part
    return networks


def planner_entry(planner: TaskPlanner) -> dict[str, Any]:
    """What `agent.json` says of a task planner.

    Raises:
        SpecMismatch: The format has no name for it.
    """
    if isinstance(planner, OfflinePlanner):
        return {"kind": "offline", "config": asdict(planner.config)}
    models = _model_parts()
    entry: dict[str, Any] | None = models.planner_entry(planner) if models else None
    if not entry:
        raise SpecMismatch(_unsaveable(planner, "OfflinePlanner and LanguageModelPlanner"))
    return entry


def _analyzer_entry(
    analyzer: object, file: str, networks: dict[str, ConfiguredModule]
) -> dict[str, Any]:
    """Its entry; a network that it needs is put into `networks` under the name `file`."""
    if isinstance(analyzer, PixelAnalyzer) and isinstance(analyzer.judge, SubgoalJudge):
        networks[file] = analyzer.judge
        return {"kind": "pixel", "config": asdict(analyzer.config)}
    if isinstance(analyzer, PrivilegedAnalyzer):
        return {
            "kind": "privileged",
            "noise": asdict(analyzer.noise),
            "hold_steps": analyzer.hold_steps,
        }
    models = _model_parts()
    entry: dict[str, Any] | None = models.analyzer_entry(analyzer) if models else None
    if not entry:
        known = "PixelAnalyzer, PrivilegedAnalyzer and VideoLanguageAnalyzer"
        raise SpecMismatch(_unsaveable(analyzer, known))
    return entry


def _model_parts() -> ModuleType | None:
    """The parts that ask a foundation model; without the extra `llm` there are none."""
    try:
        require("pydantic")
    except MissingLibrary:
        return None
    from mosel_gym.agents import stored_models

    return stored_models


def planner_of(stored: Mapping[str, Any]) -> TaskPlanner:
    """The task planner behind an entry.

    Raises:
        ValueError, KeyError, TypeError: It is no such entry.
        MissingLibrary: It asks a foundation model, and the extra `llm` is not installed.
    """
    if stored["kind"] == "offline":
        return OfflinePlanner(OfflinePlannerConfig(**stored["config"]))
    if stored["kind"] == "lvlm":
        require("pydantic")
        from mosel_gym.agents.stored_models import stored_planner

        return stored_planner(stored)
    raise ValueError(f"unknown task planner {stored['kind']!r}")


def _analyzer(network: Path, stored: Mapping[str, Any], device: str) -> VideoAnalyzer:
    if stored["kind"] == "pixel":
        judge = load_module(network, SubgoalJudge, device=device)
        return PixelAnalyzer(judge, _pixel_config(stored["config"], judge.cameras))
    if stored["kind"] == "privileged":
        noise = VerdictNoise(**stored["noise"])
        return PrivilegedAnalyzer(noise=noise, hold_steps=int(stored["hold_steps"]))
    if stored["kind"] == "videollm":
        require("pydantic")
        from mosel_gym.agents.stored_models import stored_analyzer

        return stored_analyzer(stored)
    raise ValueError(f"unknown analyzer {stored['kind']!r}")


def _pixel_config(stored: Mapping[str, Any], cameras: Cameras) -> PixelAnalyzerConfig:
    """Older files name the cameras here; now the judge does, and both must agree."""
    values = dict(stored)
    scene = values.pop("scene_camera", cameras.scene)
    wrist = values.pop("wrist_camera", None)
    hands = cameras.hands if wrist is None else (wrist,)
    if Cameras(scene, hands) != cameras:
        raise ValueError(f"its analyzer looks at {scene!r} and {hands}, its judge at {cameras}")
    return PixelAnalyzerConfig(**values)


def _plan(stored: Mapping[str, Any]) -> TaskPlan:
    return TaskPlan(tuple(stored["skills"]), str(stored["reasoning"]), str(stored["planner"]))


def _unsaveable(part: object, wanted: str) -> str:
    return (
        f"A {type(part).__name__} cannot be saved with the agent: the format knows {wanted}. "
        "Save it yourself and compose the agent with `MoselAgent(...)`."
    )
