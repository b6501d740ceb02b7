"""A task planner that asks a vision-language model, section 3.1; its calls are Listings 2 and 4."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from mosel_gym.agents.pictures import camera_names
from mosel_gym.agents.planning.hands import hand_of
from mosel_gym.agents.planning.hints import parse_rationale
from mosel_gym.agents.planning.mending import SkillMender
from mosel_gym.agents.prompts import Words, one_line, quoted, render
from mosel_gym.agents.scene_hints import Given, SceneHints
from mosel_gym.errors import BadAnswer, InvalidPlan
from mosel_gym.llm.chat import ChatModel, Usage
from mosel_gym.llm.messages import Image, Message, Part, Text, system, user
from mosel_gym.types import Observation, Task, TaskPlan

_LOG = logging.getLogger(__name__)
_MAX_REASONING = 2000
_MAX_RATIONALE = 2000
"""Letters: a plan's reasoning is stored with every episode, a rationale comes from a model."""
History = Sequence[tuple[TaskPlan, str]]


class PlanAnswer(BaseModel):
    """A plan, with the thoughts that lead to it before it."""

    scene: str
    targets: str
    order: str
    reasoning: str
    skills: list[str]


@dataclass(frozen=True)
class LanguageModelPlannerConfig:
    """What is shown, and which plans are refused."""

    history: int = 3
    """Failed plans that are shown with their rationales, the newest; none of the older ones is
    accepted again either."""
    max_uses: int = 1
    """How often a first plan may use a skill."""
    max_uses_after_failure: int = 2
    """How often a later plan may: what was knocked over can be put back, after another skill."""
    min_score: float = 0.8
    """A text that is no skill of S is mended to the nearest one from this matching score on."""
    lead: float = 0.1
    """By how much the nearest skill has to fit better than the second."""
    hand_cameras: bool = False
    """Show the hands' pictures as well as the scene's."""

    def __post_init__(self) -> None:
        """Refuse numbers that leave no plan, or no failure to learn from."""
        for name in ("history", "max_uses", "max_uses_after_failure"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")


class LanguageModelPlanner:
    """Asks a model for a plan, holds it to S, and sends an impossible one back once.

    Non-obvious behaviour:
        - The model sees the first picture of the scene, the goal, S, the user's hints, and after a
          failure the earlier plans with their rationales. It never sees `Task.plan`.
        - A plan is refused if it is empty, uses what is not in S and is not clearly a misspelling
          of it, uses a skill too often or twice in a row, or equals an earlier plan.
        - What was mended is logged, and noted in `TaskPlan.reasoning`; so are the user's hints.
    """

    def __init__(
        self,
        model: ChatModel,
        config: LanguageModelPlannerConfig | None = None,
        *,
        hints: Given = "",
    ) -> None:
        """Wrap a model.

        Args:
            model: Any `ChatModel`.
            config: Numbers.
            hints: Human input: a text for every task, or task id -> text.
        """
        self.model = model
        self.config = config or LanguageModelPlannerConfig()
        self.hints = SceneHints(hints)

    @property
    def name(self) -> str:
        """Named in every result."""
        return f"lvlm({self.model.name})"

    @property
    def usage(self) -> Usage:
        """What its model has cost so far."""
        return self.model.usage

    def plan(
        self, task: Task, observation: Observation | None = None, history: History = ()
    ) -> TaskPlan:
        """Write a plan over `task.skills` that differs from every plan of the history.

        Args:
            task: Goal text and S.
            observation: The first one, uint8 pictures `[H, W, 3]` among its entries; None shows
                no picture.
            history: Earlier plans with the rationale of their failure, oldest first.

        Raises:
            InvalidPlan: S is empty, or the second plan of the model will not do either; names S.
            BadAnswer: The second answer has not even the right form.
            ModelError: The model declined or could not be reached, or the budget is used up.
        """
        if not task.skills:
            raise InvalidPlan(f"Nothing to plan with: S is empty for the goal {task.goal!r}.")
        desk = _Desk(task, self.config, history)
        try:
            answer = self.model.complete(
                self._messages(task, observation, history), PlanAnswer, desk.check
            )
        except BadAnswer as error:
            if desk.refused is None:
                raise
            raise InvalidPlan(
                f"{self.name} found no plan for {task.goal!r} in two attempts. {desk.refused} "
                "Reword the goal, widen S, give hints, or use another planner."
            ) from error
        skills, notes = desk.mended(answer.skills)
        for said, skill in notes:
            _LOG.warning("%s: %r is no skill of S; taken for %r", self.name, said[:200], skill)
        words = [one_line(answer.reasoning, _MAX_REASONING)]
        words += [f"Mended: {quoted(said[:200])} was taken for {quoted(s)}." for said, s in notes]
        if self.hints.used(task.id):
            words.append("The user's hints were given.")
        return TaskPlan(skills, " ".join(words), self.name)

    def _messages(
        self, task: Task, observation: Observation | None, history: History
    ) -> list[Message]:
        config = self.config
        common: dict[str, object] = {
            "robot": Words(_robot(task.skill_texts)),
            "goal": task.goal,
            "skills": task.skill_texts,
            "hints": self.hints.of(task.id),
        }
        if history:
            plan, rationale = history[-1]
            prompt = render(
                "replan",
                **common,
                attempts=_attempts(history[-config.history :]),
                first_failed=_first_failed(plan, rationale, task),
                max_uses=config.max_uses_after_failure,
            )
        else:
            prompt = render("plan", **common, max_uses=config.max_uses)
        return [system(render("system")), user(*self._pictures(observation), prompt)]

    def _pictures(self, observation: Observation | None) -> list[Part]:
        names = [] if observation is None else camera_names(observation)
        parts: list[Part] = []
        for name in names if self.config.hand_cameras else names[:1]:
            assert observation is not None
            parts += [Text(f"Camera {quoted(name)}:"), Image(observation[name])]
        return parts


class _Desk:
    """Where the answers for one task are looked at."""

    def __init__(self, task: Task, config: LanguageModelPlannerConfig, history: History) -> None:
        self._task = task
        self._mender = SkillMender(task.skill_texts, config.min_score, config.lead)
        self._tried = {plan.skills for plan, _ in history}
        self._max_uses = config.max_uses_after_failure if history else config.max_uses
        self.refused: str | None = None
        """Why the last plan was refused."""

    def check(self, answer: PlanAnswer) -> None:
        """Refuse a plan that is impossible.

        Raises:
            ValueError: With the reason and S.
        """
        reason = self._fault(answer.skills)
        if reason:
            allowed = ", ".join(map(quoted, self._task.skill_texts))
            self.refused = f"{reason} S = [{allowed}]."
            raise ValueError(self.refused)

    def mended(self, said: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
        """The plan in the words of S, and pairs (what was said, the skill that it became)."""
        skills, notes = [], []
        for text in said:
            skill = self._mender.exact(text)
            if skill is None:
                skill = self._mender.nearest(text)
                assert skill is not None, "`check` comes first"
                notes.append((text, skill))
            skills.append(skill)
        return tuple(skills), notes

    def _fault(self, said: Sequence[str]) -> str | None:
        if not said:
            return "The plan is empty; at least one skill of S is needed."
        found = [self._mender.exact(text) or self._mender.nearest(text) for text in said]
        outside = [quoted(text[:200]) for text, skill in zip(said, found, strict=True) if not skill]
        if outside:
            return f"{', '.join(outside[:5])} is outside S; copy the texts of S letter by letter."
        skills = tuple(skill for skill in found if skill)
        for skill in dict.fromkeys(skills):
            if skills.count(skill) > self._max_uses:
                return (
                    f"The plan uses {quoted(skill)} {skills.count(skill)} times; "
                    f"{self._max_uses} time(s) are allowed."
                )
        for skill, following in zip(skills, skills[1:], strict=False):
            if skill == following:
                return f"The plan has {quoted(skill)} twice in a row."
        if skills in self._tried:
            return f"The plan {list(skills)} has been tried and has failed; write a different one."
        return None


def _robot(skills: Sequence[str]) -> str:
    if any(hand_of(skill) for skill in skills):
        return "two arms, left and right, with a gripper each; skills name the hand that matters."
    return "one arm with a gripper."


def _attempts(history: History) -> list[dict[str, object]]:
    return [
        {"plan": list(plan.skills), "report": one_line(rationale, _MAX_RATIONALE)}
        for plan, rationale in history
    ]


def _first_failed(plan: TaskPlan, rationale: str, task: Task) -> dict[str, object] | Words:
    """The earliest step of the plan that the rationale calls failed or undone."""
    hints = parse_rationale(rationale, plan.skills, task.skill_texts)
    blamed = {*hints.failed, *hints.disturbed}
    steps = [at for at, skill in enumerate(plan.skills) if skill in blamed]
    if not steps:
        return Words("(the report names none)")
    return {"step": steps[0] + 1, "skill": plan.skills[steps[0]]}
