"""Environments and agents as recipes: small, picklable, and comparable between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import gymnasium as gym

from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.benchmark.modules import (
    Models,
    identity,
    make_analyzer,
    make_planner,
    uses_model,
)
from mosel_gym.benchmark.provenance import read_json
from mosel_gym.benchmark.rollout import Agent
from mosel_gym.errors import DamagedFile
from mosel_gym.llm.config import ChatConfig
from mosel_gym.registry import TASKS, task_of

if TYPE_CHECKING:
    from mosel_gym.agents.base import TaskPlanner, VideoAnalyzer


class AgentSpec(Protocol):
    """Builds an agent inside whichever process needs one. A frozen dataclass does well."""

    def build(self) -> Agent:
        """A new agent."""
        ...

    def fingerprint(self) -> str:
        """Differs where the agent would behave differently, weights included."""
        ...


@dataclass(frozen=True)
class EnvSpec:
    """An id and the arguments of `gymnasium.make`."""

    id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    disturbed: bool = False
    """Pictures with the visual disturbances of the paper's G.1."""

    def make(self) -> gym.Env[Any, Any]:
        """A new environment.

        Gymnasium's own checkers are left out: they cost time on every step and have nothing to say
        about environments that the test suite has checked.
        """
        import mosel_gym  # noqa: F401  # a spawned process has registered no ids yet

        env = gym.make(self.id, disable_env_checker=True, **self.kwargs)
        if not self.disturbed:
            return env
        from mosel_gym.wrappers import VisualDisturbance

        return VisualDisturbance(env)

    def fingerprint(self) -> str:
        """The same for the same id and arguments."""
        said = f"{self.id} {sorted(self.kwargs.items())!r}"
        return f"{said}, disturbed" if self.disturbed else said


@dataclass(frozen=True)
class PretrainedAgent:
    """An agent of any kind from an embedded checkpoint or a folder."""

    source: str = "libero-long"
    """Name or folder; "hip:libero-long" is the shipped agent without its reflection."""
    analyzer: str = "stored"
    """"stored", or what `make_analyzer` takes; it reflects, while the stored one goes on judging
    during execution."""
    buffer: str | None = None
    """Folder of a `ReflectionBuffer` that every reflection goes into."""
    planner: str = "stored"
    """"stored", or what `make_planner` takes; it plans anew, whatever plan was refined before."""
    llm: ChatConfig = field(default_factory=ChatConfig)
    """How foundation models are called."""
    shown: ModuleOptions = field(default_factory=ModuleOptions)
    """What the models that are named here are shown; a stored one has settings of its own."""

    def build(self) -> Agent:
        """Load it; a model that it asks needs its key and its package now."""
        from mosel_gym.agents import MoselAgent
        from mosel_gym.agents.lazy_model import LazyModel
        from mosel_gym.agents.pretrained import load_any

        models = Models(self.llm)
        planner, analyzer = _modules(self.planner, self.analyzer, models, self.shown)
        agent = load_any(self.source, task_planner=planner, analyzer=analyzer, buffer=self.buffer)
        if isinstance(agent, MoselAgent):
            agent.remembers = False  # 60 MB an episode, and nobody would ask for them
            if planner is not None:
                agent.plans = {}
        own, judges = (getattr(agent, name, None) for name in ("task_planner", "analyzer"))
        for part in (own, judges, getattr(judges, "subgoals", None)):
            model = getattr(part, "model", None)
            if part is not None and isinstance(
                model, LazyModel
            ):  # of the file; here it gets this run's budget
                part.model = models.get(model.name)
        return agent

    def asked(self) -> tuple[str, ...]:
        """The foundation models that it will ask, those of its file included."""
        from mosel_gym.agents.checkpoint import checkpoint_folder
        from mosel_gym.agents.kinds import split_source
        from mosel_gym.agents.pretrained import kind_of

        kind, (_, source) = kind_of(self.source), split_source(self.source)
        stored = read_json(checkpoint_folder(source) / "agent.json")
        if kind != "mosel":  # no other kind has an analyzer of its own
            stored = {name: value for name, value in stored.items() if name != "analyzer"}
        found = []
        for said, part in ((self.planner, "task_planner"), (self.analyzer, "analyzer")):
            if said == "stored":
                entry = stored.get(part, {})
                found += [entry[key] for key in ("model", "subgoal_model") if entry.get(key)]
            elif uses_model(said):
                found.append(said)
        return tuple(dict.fromkeys(found))

    def fingerprint(self) -> str:
        """A digest of weights and settings, the planner and the analyzer."""
        from mosel_gym.agents.checkpoint import checkpoint_folder
        from mosel_gym.agents.kinds import split_source
        from mosel_gym.agents.pretrained import kind_of

        kind, (_, source) = kind_of(self.source), split_source(self.source)
        digest = hashlib.sha256()
        for file in sorted(checkpoint_folder(source).iterdir()):
            if file.suffix == ".safetensors" or file.name == "agent.json":
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
        planner, analyzer = _identities(self)
        said = f"{digest.hexdigest()[:16]} {analyzer}"
        if kind != kind_of(source):  # the same files, read as another kind
            said = f"{kind} {said}"
        if self.planner == "stored":  # as it was before planners could be chosen
            return said
        return f"{said}, planned by {planner}"


@dataclass(frozen=True)
class ScriptedExpert:
    """PRIVILEGED: an `ExpertAgent`, which plans and reflects, and acts on simulator truth."""

    planner: str = "offline"
    """What `make_planner` takes."""
    analyzer: str = "privileged"
    """What `make_analyzer` takes."""
    buffer: str | None = None
    """Folder of a `ReflectionBuffer` that every reflection goes into."""
    llm: ChatConfig = field(default_factory=ChatConfig)
    """How foundation models are called."""
    shown: ModuleOptions = field(default_factory=ModuleOptions)
    """What the models that are named here are shown; a stored one has settings of its own."""

    def build(self) -> Agent:
        """Compose it; a model that it asks needs its key and its package now."""
        from mosel_gym.benchmark.expert_agent import ExpertAgent

        models = Models(self.llm)
        planner, analyzer = _modules(self.planner, self.analyzer, models, self.shown)
        assert planner is not None
        assert analyzer is not None
        return ExpertAgent(planner, analyzer, buffer=self.buffer)

    def asked(self) -> tuple[str, ...]:
        """The foundation models that it will ask."""
        return tuple(spec for spec in (self.planner, self.analyzer) if uses_model(spec))

    def fingerprint(self) -> str:
        """The planner and the analyzer."""
        return "expert, planned by {}, judged by {}".format(*_identities(self))


def _modules(
    planner: str, analyzer: str, models: Models, shown: ModuleOptions
) -> tuple[TaskPlanner | None, VideoAnalyzer | None]:
    """The modules that two texts name, on one budget; None for "stored"."""
    return (
        None if planner == "stored" else make_planner(planner, models, shown),
        None if analyzer == "stored" else make_analyzer(analyzer, models, shown),
    )


def _identities(spec: PretrainedAgent | ScriptedExpert) -> tuple[str, str]:
    """Of its planner and its analyzer, with what they are shown if they are models."""
    shown = spec.shown
    return (
        identity(spec.planner, spec.llm, shown.planner_identity()),
        identity(spec.analyzer, spec.llm, shown.analyzer_identity()),
    )


def card_information(source: str) -> str:
    """What a stored agent was given to learn from, as its card says; "" if it does not.

    Args:
        source: Name or folder, with or without a kind in front.
    """
    from mosel_gym.agents.checkpoint import checkpoint_folder
    from mosel_gym.agents.kinds import split_source

    try:
        path = checkpoint_folder(split_source(source)[1]) / "agent.json"
        card = read_json(path).get("card") or {}
        return str(card.get("information", ""))
    except (DamagedFile, AttributeError):
        return ""


def env_id(task: str) -> str:
    """The id of a task given by number ("6") or by id.

    Raises:
        UnknownId: No such task; names the nearest.
    """
    return task_of(f"MOSEL-LiberoLong-Task{task}" if task.isdigit() else task).id


def env_ids(tasks: Iterable[str]) -> list[str]:
    """The ids of several tasks, each given as for `env_id`, or a suite's name for all of its tasks.

    Raises:
        UnknownId: No such task; names the nearest.
    """
    found: dict[str, None] = {}
    for text in tasks:
        suite = [task.id for task in TASKS.values() if task.suite == text]
        found |= dict.fromkeys(suite or [env_id(text)])
    return list(found)


def env_kwargs(**wanted: Any) -> dict[str, Any]:
    """Arguments of `gymnasium.make`, without those that are None.

    So an argument that only some suites have is passed only where it was asked for.
    """
    return {name: value for name, value in wanted.items() if value is not None}
