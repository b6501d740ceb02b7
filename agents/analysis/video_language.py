"""A video analyzer that asks a video language model, in the two steps of section 3.4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mosel_gym.agents.analysis.answers import (
    CritiqueAnswer,
    FailureAnswer,
    SubgoalAnswer,
    check_critique,
    check_failure,
    check_subgoals,
)
from mosel_gym.agents.analysis.attempts import Attempt, Attempts
from mosel_gym.agents.analysis.failure import identify_failure, skill_segments
from mosel_gym.agents.analysis.recording import Recording, RecordingConfig
from mosel_gym.agents.planning.subgoals import SubgoalBook
from mosel_gym.agents.prompts import render
from mosel_gym.agents.scene_hints import Given, SceneHints
from mosel_gym.llm.chat import ChatModel, Usage
from mosel_gym.llm.messages import Message, Part, system, user
from mosel_gym.registry import TASKS
from mosel_gym.types import Episode, Reflection, Skill


@dataclass(frozen=True)
class VideoLanguageConfig(RecordingConfig):
    """What is shown, and how often the model is asked."""

    critique: bool = False
    """Ask a second time, to refute each success; for precision, on which refinement hangs (G.2)."""


class VideoLanguageAnalyzer:
    """Sub-goal evaluation, then failure identification, by a model that sees pictures and texts.

    Non-obvious behaviour:
        - The model gets pictures, the goal, the plan, S, when each skill was tried, sub-goals and
          hints. Neither `success`, `skill_done`, `proprio` nor states go in.
        - One call if all is well, two if something failed; one more with `critique`.
        - If every sub-goal is reached but the goal is not, the plan is at fault.
        - Too slow to be asked while a skill is carried out, so this is no `SkillJudge`.
    """

    def __init__(
        self,
        model: ChatModel,
        config: VideoLanguageConfig | None = None,
        subgoals: SubgoalBook | None = None,
        *,
        hints: Given = "",
    ) -> None:
        """Wrap a model.

        Args:
            model: Any `ChatModel` that takes pictures.
            config: Numbers.
            subgoals: Where sub-goals are looked up; None = the shipped ones, and the model is
                asked about skills that they do not have.
            hints: Human input: a text for every task, or task id -> text.
        """
        self.model = model
        self.config = config or VideoLanguageConfig()
        self.subgoals = SubgoalBook(model=model) if subgoals is None else subgoals
        self.hints = SceneHints(hints)

    @property
    def name(self) -> str:
        """Named in every result."""
        return f"videollm({self.model.name})"

    @property
    def usage(self) -> Usage:
        """What its model has cost so far."""
        return self.model.usage

    def analyze(self, episode: Episode) -> Reflection:
        """Judge each attempt at a skill, then say what is at fault.

        Raises:
            SpecMismatch: The episode has no pictures.
            BadAnswer: The model's answers contradict themselves or the episode, repair included.
            ModelError: The model declined or could not be reached, or the budget is used up.
        """
        if not skill_segments(episode):
            return identify_failure(episode, [], self.name)  # nothing to look at
        recording = Recording(episode, self.config)
        table = Attempts(episode, recording, self._subgoals(episode, recording))
        call = _Call(self.model, recording, episode.goal, self.hints.of(episode.task_id))
        answer = call.judge(table)
        table.judged(answer.attempts)
        claims = table.claimed()
        if self.config.critique and claims:
            table.criticised(call.criticise(claims).claims)
        if not table.anything_failed and answer.goal_reached:
            return table.success(self.name)
        diagnosis = call.identify(table, _skill_set(episode, table.planned))
        return table.failure(diagnosis, answer.goal_reason, self.name)

    def _subgoals(self, episode: Episode, recording: Recording) -> dict[str, str]:
        known = _table_skills(episode)
        texts = dict.fromkeys(
            [*(episode.plan.skills if episode.plan else ()), *(s.skill for s in episode.segments)]
        )
        skills = [known.get(text, Skill(text, text)) for text in texts]
        return self.subgoals.of_all(skills, episode.observations[recording.scene][0])


class _Call:
    """The calls about one episode; all begin with the pictures, so that providers cache them."""

    def __init__(
        self, model: ChatModel, recording: Recording, goal: str, hints: Sequence[str]
    ) -> None:
        self._model, self._recording = model, recording
        self._parts: list[Part] = recording.parts()
        self._common: dict[str, object] = {
            "recording": recording.words,
            "goal": goal,
            "hints": list(hints),
        }

    def judge(self, table: Attempts) -> SubgoalAnswer:
        messages = self._messages(
            "judge_subgoals",
            plan=table.planned,
            attempts=table.tried(),
            evidence=self._recording.evidence,
        )
        count, moments = len(table), self._recording.moments
        return self._model.complete(
            messages, SubgoalAnswer, lambda answer: check_subgoals(answer, count, moments)
        )

    def criticise(self, claims: Sequence[Attempt]) -> CritiqueAnswer:
        rows = [claim.row() for claim in claims]
        numbers = [claim.number for claim in claims]
        messages = self._messages("critique", claims=rows, evidence=self._recording.evidence)
        moments = self._recording.moments
        return self._model.complete(
            messages, CritiqueAnswer, lambda answer: check_critique(answer, numbers, moments)
        )

    def identify(self, table: Attempts, skills: Sequence[str]) -> FailureAnswer:
        messages = self._messages(
            "identify_failure",
            plan=table.planned,
            skills=skills,
            attempts=table.found(),
            never_started=table.never_started,
        )
        failed, unfinished = table.failed_numbers(), bool(table.never_started)
        return self._model.complete(
            messages, FailureAnswer, lambda answer: check_failure(answer, failed, unfinished)
        )

    def _messages(self, prompt: str, **values: object) -> list[Message]:
        text = render(prompt, **self._common, **values)
        return [system(render("system")), user(*self._parts, text)]


def _table_skills(episode: Episode) -> dict[str, Skill]:
    """The skills that the task tables have for this episode."""
    task = TASKS.get(episode.task_id)
    return {skill.text: skill for skill in task.skills} if task else {}


def _skill_set(episode: Episode, planned: Sequence[str]) -> list[str]:
    """S as far as the episode tells: the table's, and what the plan used."""
    return list(dict.fromkeys([*_table_skills(episode), *planned]))
