"""How an agent carries out a skill, changed for an evaluation: the rows tell each change."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

from mosel_gym.agents.base import SampledDynamics
from mosel_gym.benchmark.rollout import Agent
from mosel_gym.benchmark.specs import PretrainedAgent
from mosel_gym.errors import SpecMismatch

Choice = Literal["own", "on", "off"]
"""As the agent is stored, or otherwise."""
SURE = 0.9
"""`ExecutorConfig.done_above` of an early advance, for agents that are stored without one."""


@dataclass(frozen=True)
class Execution:
    """What is changed; by default nothing is."""

    early_advance: Choice = "own"
    """Whether a skill ends as soon as the judge is sure that its sub-goal is reached. The paper has
    no such thing: there a skill lasts until its last frame was followed, or its budget is used."""
    judge_in_loop: Choice = "own"
    """Whether the judge is asked at all while a skill is carried out."""
    sampling_steps: int | None = None
    """Of the video planner; None = its own number."""
    temperature: float | None = None
    """Scale of the policy's sampling noise; None = its own."""
    retry_temperature: float | None = None
    """The same in further tries of a skill that was missed; None = the agent's own, usually that of
    the first."""
    stalled_below: float | None = None
    """Largest change of an entry of proprioception since the chunk before, below which a chunk is
    carried out to its end; None = the agent's own, usually never."""
    guidance: float | None = None
    """How far the policy goes beyond what the goal frame changes; None = its own."""
    advance_below: float | None = None
    """Steps predicted to a goal frame, below which it counts as reached; None = the agent's own."""
    steps_per_frame: int | None = None
    """Steps after which a goal frame is given up for the next one; None = the agent's own."""
    more_tries: int | None = None
    """How often, after the plan, the skills that were not reached are begun once more; None = the
    agent's own, usually 0, as in the paper."""
    rise_steps: int | None = None
    """Steps of slow rise with which the arms begin their way home; None = the agent's own, usually
    20, as in the paper."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.early_advance == "on" and self.judge_in_loop == "off":
            raise SpecMismatch(
                "early_advance is 'on' and judge_in_loop is 'off', but nobody else can say that a "
                "sub-goal is reached early. Switch one of them."
            )
        if self.sampling_steps is not None and self.sampling_steps < 1:
            raise SpecMismatch(
                f"sampling_steps is {self.sampling_steps}; it must be a whole number of at least 1."
            )
        if self.temperature is not None and not 0 <= self.temperature < math.inf:
            raise SpecMismatch(f"temperature is {self.temperature}; it must be at least 0.")
        again = self.retry_temperature
        if again is not None and not 0 <= again < math.inf:
            raise SpecMismatch(f"retry_temperature is {again}; it must be at least 0.")
        stalled = self.stalled_below
        if stalled is not None and not 0 < stalled < math.inf:
            raise SpecMismatch(f"stalled_below is {stalled}; it must be above 0 and finite.")
        if self.guidance is not None and not 0 <= self.guidance < math.inf:
            raise SpecMismatch(f"guidance is {self.guidance}; it must be at least 0.")
        if self.advance_below is not None and not 0 <= self.advance_below < math.inf:
            raise SpecMismatch(
                f"advance_below is {self.advance_below}; it must be at least 0 env steps."
            )
        if self.steps_per_frame is not None and self.steps_per_frame < 1:
            raise SpecMismatch(
                f"steps_per_frame is {self.steps_per_frame}; it must be a whole number of at least "
                "1 env step."
            )
        if self.more_tries is not None and self.more_tries < 0:
            raise SpecMismatch(f"more_tries is {self.more_tries}; it must be at least 0.")
        if self.rise_steps is not None and self.rise_steps < 0:
            raise SpecMismatch(f"rise_steps is {self.rise_steps}; it must be at least 0 env steps.")

    @property
    def words(self) -> tuple[str, ...]:
        """The changes, as they stand behind an agent's label."""
        found = []
        if self.sampling_steps is not None:
            found.append(f"{self.sampling_steps} sampling steps")
        if self.temperature is not None:
            found.append(f"temperature {self.temperature:g}")
        if self.retry_temperature is not None:
            found.append(f"further tries at temperature {self.retry_temperature:g}")
        if self.stalled_below is not None:
            found.append(f"whole chunks where stalled below {self.stalled_below:g}")
        if self.guidance is not None:
            found.append(f"guidance {self.guidance:g}")
        if self.advance_below is not None:
            found.append(f"advance below {self.advance_below:g}")
        if self.steps_per_frame is not None:
            found.append(f"{self.steps_per_frame} steps a frame")
        if self.more_tries is not None:
            found.append(f"{self.more_tries} more tries")
        if self.rise_steps is not None:
            found.append(f"{self.rise_steps} steps of rise")
        if self.early_advance != "own":
            found.append(f"early advance {self.early_advance}")
        if self.judge_in_loop != "own":
            found.append(f"judge in loop {self.judge_in_loop}")
        return tuple(found)

    def label(self, label: str) -> str:
        """As "after round 2, early advance off"."""
        return ", ".join((label, *self.words))

    def apply(self, agent: Any) -> None:
        """Change a loaded agent.

        Raises:
            SpecMismatch: It has nothing that could be changed so.
        """
        if self.judge_in_loop != "own":
            if "judge_in_loop" not in _names(getattr(agent, "config", None)):
                raise SpecMismatch(
                    f"{agent.name} never asks a judge while it acts, so that --judge-in-loop "
                    "changes nothing. Leave it out."
                )
            agent.config = replace(agent.config, judge_in_loop=self.judge_in_loop == "on")
        if self.early_advance != "own":
            self._advance(agent)
        if self.sampling_steps is not None:
            set_sampling_steps(agent, self.sampling_steps)
        if self.temperature is not None:
            _set_policy(agent, "temperature", self.temperature)
        if self.retry_temperature is not None:
            policy = getattr(agent, "inverse_dynamics", None)
            if not isinstance(policy, SampledDynamics):
                raise SpecMismatch(
                    f"{agent.name} has no policy that draws its actions, so that "
                    "--retry-temperature changes nothing. Leave it out."
                )
            _set_executor(agent, retry_temperature=self.retry_temperature)
        if self.stalled_below is not None:
            _set_executor(agent, stalled_below=self.stalled_below)
        if self.guidance is not None:
            if not getattr(agent, "has_video", True):
                raise SpecMismatch(
                    f"{agent.name} shows its policy no goal frame, so that --guidance changes "
                    "nothing. Leave it out."
                )
            _set_policy(agent, "guidance", self.guidance)
        if self.advance_below is not None:
            _set_executor(agent, advance_below=self.advance_below)
        if self.steps_per_frame is not None:
            _set_executor(agent, max_steps_per_frame=self.steps_per_frame)
        if self.more_tries is not None:
            _set_part(agent, "follower", "carries out no plan", more_tries=self.more_tries)
        if self.rise_steps is not None:
            _set_part(agent, "transition", "never goes home", rise_steps=self.rise_steps)

    def _advance(self, agent: Any) -> None:
        executor = getattr(getattr(agent, "config", None), "executor", None)
        asks = getattr(agent.config, "judge_in_loop", False) and agent.judge is not None
        if executor is None or (self.early_advance == "on" and not asks):
            raise SpecMismatch(
                f"{agent.name} asks no judge while it carries out a skill, so that there is no "
                f"early advance to switch {self.early_advance}. Leave --early-advance out."
            )
        done_above = 1.0
        if self.early_advance == "on":
            done_above = executor.done_above if executor.done_above < 1.0 else SURE
        _set_executor(agent, done_above=done_above)


def _set_executor(agent: Any, **changes: float) -> None:
    _set_part(agent, "executor", "follows no goal frames", **changes)


def _set_part(agent: Any, name: str, lack: str, **changes: float) -> None:
    part: Any = getattr(getattr(agent, "config", None), name, None)
    if part is None:
        raise SpecMismatch(
            f"{agent.name} {lack}, so that {sorted(changes)} change nothing. Leave the options out."
        )
    agent.config = replace(agent.config, **{name: replace(part, **changes)})


def set_sampling_steps(agent: Any, steps: int) -> None:
    """Let the video planner of a loaded agent sample in so many steps.

    Raises:
        SpecMismatch: Its video planner does not sample in steps.
    """
    planner = getattr(agent, "video_planner", None)
    config: Any = getattr(planner, "config", None)
    if "num_steps" not in _names(config) or getattr(config, "objective", "") == "regression":
        raise SpecMismatch(
            f"{agent.name} has no video planner that samples in steps, so that their number cannot "
            "be varied. A `LatentVideoPlanner` with the objective 'flow' has."
        )
    assert planner is not None
    planner.config = replace(config, num_steps=steps)


def _set_policy(agent: Any, name: str, value: float) -> None:
    """Change a number of a loaded agent's policy.

    Raises:
        SpecMismatch: Its policy has no such number, or does not allow that value.
    """
    policy = getattr(agent, "inverse_dynamics", None)
    config: Any = getattr(policy, "config", None)
    if name not in _names(config):
        raise SpecMismatch(
            f"{agent.name} has no policy that is shown goal frames and samples its actions, so "
            f"that its {name} cannot be varied. A `GoalPolicy` has one, and a `TokenPolicy`."
        )
    assert policy is not None
    try:
        policy.config = replace(config, **{name: value})
    except ValueError as error:
        raise SpecMismatch(str(error)) from error


@dataclass(frozen=True)
class ExecutedAgent:
    """A stored agent whose execution is changed."""

    agent: PretrainedAgent
    execution: Execution

    @property
    def source(self) -> str:
        """Name or folder of the stored one."""
        return self.agent.source

    def build(self) -> Agent:
        """Load it and change it; errors as those of both."""
        agent = self.agent.build()
        self.execution.apply(agent)
        return agent

    def asked(self) -> tuple[str, ...]:
        """The foundation models that it will ask."""
        return self.agent.asked()

    def fingerprint(self) -> str:
        """That of the stored one, and the changes."""
        return self.execution.label(self.agent.fingerprint())


def _names(config: Any) -> set[str]:
    known = is_dataclass(config) and not isinstance(config, type)
    return {field.name for field in fields(config)} if known else set()
