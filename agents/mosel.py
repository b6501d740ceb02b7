"""The MOSEL agent: plan in language, imagine, act, reflect, improve. It composes, no more.

task planner        goal, S                  -> skills           section 3.1  planning/
video planner       picture, skill           -> imagined frames  section 3.2  models/
inverse dynamics    picture, next frame      -> actions          section 3.3  models/
video analyzer      recorded episode         -> what failed      section 3.4  analysis/
improvement         reflected episodes       -> better modules   Algorithm 1  improvement/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

from mosel_gym.agents import base
from mosel_gym.agents.acting import ActingAgent
from mosel_gym.agents.checkpoint import StoredAgent, load_agent, save_agent
from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.improvement.evidence import Evidence, Memory
from mosel_gym.agents.improvement.language import History, refine_plan
from mosel_gym.agents.improvement.policy import refine_policy, with_imagined
from mosel_gym.agents.improvement.route import choose
from mosel_gym.agents.improvement.video import refine_video
from mosel_gym.agents.trace import Trace
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.data.windows import Clip
from mosel_gym.errors import InvalidPlan, MoselError
from mosel_gym.types import (
    Episode,
    ImproveReport,
    Observation,
    Reflection,
    Target,
    Task,
    TaskPlan,
)


class MoselAgent(ActingAgent):
    """Four modules and the loop around them; knows no environment.

    Example:
        agent = MoselAgent.from_pretrained("libero-long")
        observation, info = env.reset(seed=0)
        agent.reset(info["task"])
        while not done:
            observation, _, terminated, truncated, info = env.step(agent.act(observation, info))
            done = terminated or truncated
        agent.finish(observation, info)
        reflection = agent.reflect()

    Non-obvious behaviour:
        - The plan is written at the first `act`, when there is a picture to plan from.
        - `info` is optional. The age of the pictures, success and provenance are taken from it, and
          the simulator's predicates, which only a privileged analyzer reads. Where it names the
          robot, that must be the agent's.
        - Without `finish` the last action is left out of the episode: nobody showed its result.
        - One agent drives one environment at a time; `predict` is `act` for stable-baselines3.

    Args:
        task_planner: Section 3.1.
        video_planner: Section 3.2.
        inverse_dynamics: Section 3.3.
        analyzer: Section 3.4.
        config: Numbers.
        judge: Asked while a skill is carried out; None takes the analyzer, if it can be asked.
        buffer: Where `reflect` keeps episodes: a folder, or None for memory, until `improve`. An
            episode of 600 steps takes about 60 MB there.

    Raises:
        SpecMismatch: The networks and the config name different robots or scene cameras.
    """

    def __init__(
        self,
        task_planner: base.TaskPlanner,
        video_planner: base.VideoPlanner,
        inverse_dynamics: base.InverseDynamics,
        analyzer: base.VideoAnalyzer,
        config: MoselConfig | None = None,
        *,
        judge: base.SkillJudge | None = None,
        buffer: ReflectionBuffer | str | Path | None = None,
    ) -> None:
        self.config = config or MoselConfig()
        judge = judge or (analyzer if isinstance(analyzer, base.SkillJudge) else None)
        super().__init__(task_planner, video_planner, inverse_dynamics, self.config, judge)
        self.analyzer = analyzer
        self.buffer = ReflectionBuffer(buffer) if isinstance(buffer, str | Path) else buffer
        self.plans: dict[str, TaskPlan] = {}
        """Goal text -> the plan that language refinement arrived at; `reset` starts from it."""
        self.history: dict[str, History] = {}
        self.refined: dict[str, int] = {}
        """Goal text -> rounds of language refinement done."""
        self.rounds = 0
        """Improvement rounds done."""
        self.remembers = True
        """Whether episodes are kept in memory where there is no buffer."""
        self._memory: list[tuple[Episode, Reflection]] = []
        self._reflected: tuple[Trace | None, int, Reflection] | None = None

    @property
    def name(self) -> str:
        """All four modules; results carry it."""
        parts = (self.task_planner, self.video_planner, self.inverse_dynamics, self.analyzer)
        return "mosel(" + ", ".join(part.name for part in parts) + ")"

    @property
    def acting_config(self) -> MoselConfig:
        """The config as it stands."""
        return self.config

    def reflect(self, episode: Episode | None = None) -> Reflection:
        """What failed, which skill, and why (section 3.4); remembered for `improve`.

        Args:
            episode: Any recorded episode; None takes the agent's own last one. Asked again about
                its own episode, it gives the same answer and does not remember it twice.
        """
        own = episode is None
        length = len(self._trace) if self._trace else 0
        if own and self._reflected and self._reflected[:2] == (self._trace, length):
            return self._reflected[2]
        episode = self.episode if episode is None else episode
        reflection = self.analyzer.analyze(episode)
        if self.buffer is not None:
            self.buffer.add(episode, reflection, round=self.rounds)
        elif self.remembers:
            self._memory.append((episode, reflection))
        if own:
            self._reflected = (self._trace, length, reflection)
        return reflection

    def improve(
        self,
        buffer: ReflectionBuffer | Memory | Evidence | None = None,
        target: Target = "auto",
        *,
        demos: Sequence[Clip] = (),
    ) -> ImproveReport:
        """Refine one module from reflected episodes (Algorithm 1) and begin a new round.

        Args:
            buffer: Where they are, or the pairs themselves, or `Evidence` of them; None takes what
                this agent reflected on in this round.
            target: Which module; `auto` goes by the reflections, see `improvement.route`. Where it
                finds the plan at fault and there is no further one, it takes the module that comes
                next, and the report says so.
            demos: Clips to mix into the training of a network, as the configs say.

        Raises:
            NotEnoughData: Too few usable episodes; says how many are needed.
            InvalidPlan: With target "language": the task planner has no further plan, or the rounds
                of language refinement are used up.
            SpecMismatch: The module is of a kind that cannot be refined.
        """
        own = self._memory if self.buffer is None else self.buffer
        evidence = Evidence(own, self.rounds)
        if buffer is not None:
            evidence = buffer if isinstance(buffer, Evidence) else Evidence(buffer)
        evidence.require_episodes(self.config.min_accepted)
        route = choose(target, evidence, self.judge, self.rounds, self.config.route)
        plan: TaskPlan | None = None
        if route.module == "language":
            try:
                plan = self._improve_language(evidence)
            except InvalidPlan as error:
                if target != "auto":
                    raise
                route = choose(
                    target,
                    evidence,
                    self.judge,
                    self.rounds,
                    self.config.route,
                    language_over=str(error),
                )
        accepted, rejected = evidence.counts()
        count, judge = len(evidence.reflections()), self.analyzer.name
        report = ImproveReport(
            route.module, route.reason, count, accepted, rejected, analyzer=judge
        )
        if route.module == "none":
            return report
        if route.module == "language":
            report = replace(report, plan=plan)
        else:
            least = self.config.min_accepted
            if route.module == "video":
                done = refine_video(self.video_planner, evidence, demos, self.config.video, least)
            else:
                shown = with_imagined(demos, self.video_planner)
                recipe = self.config.policy
                done = refine_policy(self.inverse_dynamics, evidence, shown, recipe, least)
            report = replace(report, **asdict(done))
        self.rounds += 1
        self._memory.clear()
        return report

    def save(self, folder: str | Path) -> Path:
        """Write weights, config, refined plans and history; `from_pretrained` reads them."""
        parts = (self.task_planner, self.video_planner, self.inverse_dynamics, self.analyzer)
        words = (self.plans, self.history, self.refined)
        stored = StoredAgent(*parts, self.judge, self.config, *words, self.rounds, self.card)
        return save_agent(folder, stored)

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str | Path,
        *,
        task_planner: base.TaskPlanner | None = None,
        analyzer: base.VideoAnalyzer | None = None,
        config: MoselConfig | None = None,
        buffer: ReflectionBuffer | str | Path | None = None,
        device: str = "cpu",
    ) -> Self:
        """Read an embedded checkpoint by name, or a folder that `save` wrote.

        Args:
            name_or_dir: "libero-long", or a path.
            task_planner: Plans in place of the stored one.
            analyzer: Reflects in place of the stored one, which goes on judging during execution.
            config: In place of the stored one.
            buffer: Where `reflect` keeps episodes.
            device: "cpu" or "cuda".

        Raises:
            UnknownId: No such checkpoint; names the nearest.
            DamagedFile: A file of it is missing or damaged; names its path.
        """
        stored = load_agent(name_or_dir, device)
        agent = cls(
            task_planner or stored.task_planner,
            stored.video_planner,
            stored.inverse_dynamics,
            analyzer or stored.analyzer,
            config or stored.config,
            judge=stored.judge,
            buffer=buffer,
        )
        agent.plans, agent.history, agent.refined = stored.plans, stored.history, stored.refined
        agent.rounds, agent.card = stored.rounds, stored.card
        return agent

    def _written_plan(self, task: Task, observation: Observation) -> TaskPlan:
        return self.plans.get(task.goal) or self.task_planner.plan(
            task, observation, self.history.get(task.goal, ())
        )

    def _asked_judge(self) -> base.SkillJudge | None:
        return self.judge if self.config.judge_in_loop else None

    def _improve_language(self, evidence: Evidence) -> TaskPlan:
        if self.task is None:
            raise MoselError("Refining the language plan needs a task: call `reset(task)` first.")
        goal, config = self.task.goal, self.config.language
        rounds, known = self.refined.get(goal, 0), self.history.get(goal, [])
        plan, known = refine_plan(self.task, evidence, self.task_planner, known, config, rounds)
        self.plans[goal], self.history[goal], self.refined[goal] = plan, known, rounds + 1
        return plan
