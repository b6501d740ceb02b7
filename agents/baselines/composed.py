"""What the baselines share: they act as MOSEL does, and neither reflect nor improve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from mosel_gym.agents import base
from mosel_gym.agents.acting import ActingAgent
from mosel_gym.agents.baselines.reflection import not_judged
from mosel_gym.agents.baselines.stored import StoredParts, load_parts, save_parts
from mosel_gym.agents.config import ActingConfig
from mosel_gym.agents.improvement.evidence import Memory
from mosel_gym.agents.trace import Trace
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.data.windows import Clip
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Episode, ImproveReport, Reflection, Target


class Baseline(ActingAgent):
    """An acting agent without self-reflection, of the parts that its kind has.

    Non-obvious behaviour:
        - Nobody judges while a skill is carried out, and no skill is tried twice: the policy's own
          word and the budget end it, whatever the config says.
        - An analyzer that is given only watches: `reflect` returns what it says, and nothing that
          the agent does depends on it. It is not stored.
        - `improve` changes nothing.

    Args:
        task_planner: Section 3.1, or what stands in for it.
        video_planner: Section 3.2, or what stands in for it.
        inverse_dynamics: Section 3.3.
        config: Numbers; of a `MoselConfig` only those of an acting agent are kept.
        analyzer: Watches; None = nobody does.
        buffer: Where `reflect` keeps episodes that were judged: a folder, or None for nowhere.

    Raises:
        SpecMismatch: The networks and the config name different robots or scene cameras.
    """

    kind: ClassVar[str]
    """In `agent.json`, a key of `agents.kinds.KINDS`."""
    has_planner: ClassVar[bool] = True
    """Whether a task planner is one of its parts."""
    has_video: ClassVar[bool] = True
    """Whether a video planner is one of its parts."""

    def __init__(
        self,
        task_planner: base.TaskPlanner,
        video_planner: base.VideoPlanner,
        inverse_dynamics: base.InverseDynamics,
        config: ActingConfig | None = None,
        *,
        analyzer: base.VideoAnalyzer | None = None,
        buffer: ReflectionBuffer | str | Path | None = None,
    ) -> None:
        self.config = without_reflection(config or ActingConfig())
        super().__init__(task_planner, video_planner, inverse_dynamics, self.config)
        self.analyzer = analyzer
        self.buffer = ReflectionBuffer(buffer) if isinstance(buffer, str | Path) else buffer
        self._reflected: tuple[Trace | None, int, Reflection] | None = None

    @property
    def name(self) -> str:
        """Kind and parts; whoever only watches is none of them."""
        parts = [self.task_planner.name] if self.has_planner else []
        parts += [self.video_planner.name] if self.has_video else []
        return f"{self.kind}({', '.join([*parts, self.inverse_dynamics.name])})"

    @property
    def acting_config(self) -> ActingConfig:
        """The config as it stands."""
        return self.config

    def reflect(self, episode: Episode | None = None) -> Reflection:
        """What a given analyzer says; without one, that nobody judged. Nothing is learned from it.

        Args:
            episode: Any recorded one; None = the agent's own last one, judged once.

        Returns:
            A reflection whose `judged` is False where this agent has no analyzer, or one that
            cannot judge what it did.
        """
        length = len(self._trace) if self._trace else 0
        own = episode is None
        if own and self._reflected and self._reflected[:2] == (self._trace, length):
            return self._reflected[2]
        episode = self.episode if episode is None else episode
        if self.analyzer is None:
            reflection = not_judged(self.name)
        else:
            reflection = self._watched(self.analyzer, episode)
            if self.buffer is not None and reflection.judged:
                self.buffer.add(episode, reflection)
        if own:
            self._reflected = (self._trace, length, reflection)
        return reflection

    def improve(
        self,
        buffer: ReflectionBuffer | Memory | None = None,
        target: Target = "auto",
        *,
        demos: Sequence[Clip] = (),
    ) -> ImproveReport:
        """Nothing, whatever is given: self-improvement is what this baseline is compared with."""
        return ImproveReport(
            target="none",
            reason=f"{self.name} is a baseline without self-reflection: it does not improve, and "
            "nothing was changed. The same parts in a `MoselAgent` can be improved.",
            episodes=0,
            accepted=0,
            rejected=0,
            analyzer="" if self.analyzer is None else self.analyzer.name,
        )

    def save(self, folder: str | Path) -> Path:
        """Write the parts that it has; `from_pretrained` reads them."""
        parts = StoredParts(
            self.config,
            self.inverse_dynamics,
            self.video_planner if self.has_video else None,
            self.task_planner if self.has_planner else None,
            self.card,
        )
        return save_parts(folder, self.kind, parts)

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str | Path,
        *,
        task_planner: base.TaskPlanner | None = None,
        analyzer: base.VideoAnalyzer | None = None,
        config: ActingConfig | None = None,
        buffer: ReflectionBuffer | str | Path | None = None,
        device: str = "cpu",
    ) -> Self:
        """Read a folder that `save` or `mosel pack` wrote.

        Args:
            name_or_dir: The folder.
            task_planner: Plans in place of the stored one.
            analyzer: Watches.
            config: In place of the stored one.
            buffer: Where `reflect` keeps episodes that were judged.
            device: "cpu" or "cuda".

        Raises:
            UnknownId: No such agent.
            SpecMismatch: It is of another kind, or has no place for a task planner that was given.
            DamagedFile: A file of it is missing or damaged; names its path.
        """
        if task_planner is not None and not cls.has_planner:
            raise SpecMismatch(
                f"An agent of the kind {cls.kind!r} has no task planner; {task_planner.name!r} "
                f"cannot plan for {str(name_or_dir)!r}. Leave the planner out."
            )
        stored = load_parts(
            name_or_dir, cls.kind, planner=cls.has_planner, video=cls.has_video, device=device
        )
        parts: dict[str, Any] = {"inverse_dynamics": stored.inverse_dynamics}
        if cls.has_planner:
            parts["task_planner"] = task_planner or stored.task_planner
        if cls.has_video:
            parts["video_planner"] = stored.video_planner
        agent = cls(**parts, config=config or stored.config, analyzer=analyzer, buffer=buffer)
        agent.card = stored.card
        return agent

    def _watched(self, analyzer: base.VideoAnalyzer, episode: Episode) -> Reflection:
        return analyzer.analyze(episode)


def without_reflection(config: ActingConfig) -> ActingConfig:
    """The numbers of an acting agent, with no second attempt at a skill."""
    values = {field.name: getattr(config, field.name) for field in fields(ActingConfig)}
    acting = ActingConfig(**values)
    return replace(acting, executor=replace(acting.executor, retry="never", done_above=1.0))
