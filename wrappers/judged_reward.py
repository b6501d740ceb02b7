"""A reward from whoever watches the pictures, in place of the simulator's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym

from mosel_gym.errors import InvalidPlan
from mosel_gym.types import SkillSegment
from mosel_gym.wrappers.judge_checks import (
    check_numbers,
    check_pictures,
    check_quiet,
    checked_plan,
    step_limit,
    wrappers_below,
)
from mosel_gym.wrappers.judge_queue import Analyzer, Judgement, JudgeQueue, OnFull
from mosel_gym.wrappers.picture_schedule import PictureSchedule
from mosel_gym.wrappers.skill_record import SkillRecord
from mosel_gym.wrappers.skill_transition import SkillTransition

TRUTH_KEYS = (
    "success",
    "is_success",
    "success_once",
    "subgoals",
    "skill_done",
    "env_reward",
    "transition_trigger",
)
"""What `hide_truth` takes out of `info`: all that the simulator knows about success."""


@dataclass(frozen=True)
class _Ticket:
    episode: int
    segments: tuple[SkillSegment, ...]


class VideoJudgeReward(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Reward 1/n when one of the n skills of the plan is judged reached, from pictures alone.

    The wrapper records what is seen, cuts it where a skill ends, and asks an analyzer in a thread
    of its own (section 3.4 of the paper, used as a reward). A verdict pays on the step on which it
    is ready. Each skill pays once an episode, also where a later one undid it.

    Where skills end: by default each has the same share of the steps. With `skill_steps` each has
    that many; with a `SkillTransition` below, a transition ends a skill, and the plan goes on after
    it. An agent that decides itself calls `begin_skill` in its loop; from then on, in that episode,
    nothing else begins a skill. Once the last skill of the plan is over, the episode is truncated.

    Non-obvious behaviour:
        - The reward of the environment is left out, always. With `hide_truth` the simulator cannot
          be told from `info` (`TRUTH_KEYS` are taken out) nor from the end of the episode: reaching
          the goal does not end it. It ends when every skill was judged reached (`terminated`), or
          when the plan or the time is over (`truncated`). `unwrapped` still knows the truth.
        - The judge gets pictures, proprio and actions; no predicate, no success, no state.
        - `step` waits for the judge in two cases: `queue_size` judgements are open and `on_full` is
          "wait"; or it is the last step and `wait_at_end` holds it until all verdicts are in, so
          that the return of the episode is complete. Without that, what comes later stands in the
          `info` of the next `reset` and of the steps after it, as late, and pays nothing.
        - A skill that was never begun is not judged. A simulation that diverged is void: what was
          under way is not judged.
        - `step` after the end raises `ResetNeeded`.

    `info`, on every step and reset:
        - `judged`: a tuple of dicts, one for each verdict that has just come: `skill`, `episode`
          (counted from 0), `start` and `stop` (steps), `reached`, `confidence`, `reason`, `reward`,
          `late`, `analyzer`, `privileged`.
        - `judge_errors`: a tuple of what went wrong since the last step, in words.
        - `judge_cost`: sums of `calls`, `cached`, `input_tokens`, `output_tokens`, `usd` and
          `seconds`, and the counts `asked`, `waiting`, `dropped` and `errors`.
        - `judge_stopped`: why nothing is judged any more, as at the end of a budget; else "".

    Args:
        env: Its observation is a dict with at least one picture.
        analyzer: An object with `analyze(episode)`, or a function that makes one. Environments that
            share one object call it from several threads; a function gives each its own.
        plan: Skill texts in order; `reset(options={"plan": [...]})` replaces it for an episode.
        when: Judge each skill at its end, as a clip of its own, or all of them at the end of the
            episode in one question.
        skill_steps: Steps of each skill; None: equal shares of `max_steps`, or, with a
            `SkillTransition` below, no limit of its own.
        max_steps: Steps of an episode; None: as the environment says in its attribute `max_steps`.
        queue_size: Judgements that may be open.
        on_full: What happens to the next one: "wait" for a free place, or "drop" it (no reward).
        wait_at_end: Hold the last step until every verdict is in.
        hide_truth: See above.
        keep_env_reward: Put the environment's own reward into `info["env_reward"]`. That is truth.
        show_truth: PRIVILEGED. Give the judge the simulator's predicates, for an upper bound.

    Raises:
        ValueError: There is no picture, no step limit, a number below 1, or a wrapper below that
            would tell the truth by what it does.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        analyzer: Analyzer | Callable[[], Analyzer],
        *,
        plan: Sequence[str] | None = None,
        when: Literal["skill_end", "episode_end"] = "skill_end",
        skill_steps: int | None = None,
        max_steps: int | None = None,
        queue_size: int = 8,
        on_full: OnFull = "wait",
        wait_at_end: bool = True,
        hide_truth: bool = True,
        keep_env_reward: bool = False,
        show_truth: bool = False,
    ) -> None:
        gym.utils.RecordConstructorArgs.__init__(
            self,
            _disable_deepcopy=True,  # an analyzer may hold a connection, or a large network
            analyzer=analyzer,
            plan=plan,
            when=when,
            skill_steps=skill_steps,
            max_steps=max_steps,
            queue_size=queue_size,
            on_full=on_full,
            wait_at_end=wait_at_end,
            hide_truth=hide_truth,
            keep_env_reward=keep_env_reward,
            show_truth=show_truth,
        )
        gym.Wrapper.__init__(self, env)
        self._limit = step_limit(env, max_steps)
        check_numbers(skill_steps, queue_size, when, on_full)
        check_pictures(env)
        self._transitions = False
        for below in wrappers_below(env):
            self._transitions |= isinstance(below, SkillTransition)
            if hide_truth:
                check_quiet(below)
        self._given_plan = None if plan is None else tuple(plan)
        self._skill_steps, self._when, self._wait_at_end = skill_steps, when, wait_at_end
        self._hide_truth, self._keep_env_reward = hide_truth, keep_env_reward
        self._show_truth = show_truth
        self._queue = JudgeQueue(analyzer, queue_size, on_full)
        self._plan: tuple[str, ...] = ()
        self._record: SkillRecord | None = None
        self._episode = -1
        self._at = 0
        self._by_hand = False
        self._paid: set[str] = set()
        every = getattr(env.unwrapped, "render_every", 1) if hide_truth else 1
        self._schedule = PictureSchedule(every)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; `options={"plan": [...]}` says what it carries out.

        Raises:
            InvalidPlan: There is no plan, it is empty, or it uses a skill outside `info["skills"]`.
        """
        options = dict(options or {})
        plan = options.pop("plan", self._given_plan)
        self._record = None  # an episode that was cut short is not judged any further
        observation, info = self.env.reset(seed=seed, options=options or None)
        observation, info = self._schedule.seen(0, observation, info)
        self._plan = checked_plan(plan, info.get("skills"))
        task_id = self.spec.id if self.spec is not None else type(self.unwrapped).__name__
        self._episode += 1
        self._record = SkillRecord(observation, info, task_id, self._show_truth)
        self._at, self._by_hand, self._paid = 0, False, set()
        self._record.begin(self._plan[0])
        _, told = self._answers()
        return observation, self._told(info, None, told)

    def begin_skill(self, skill: str, *, transition: bool = False) -> None:
        """Say that from the next step on this skill is carried out; the one before is over.

        Args:
            skill: One of the plan's; a skill that failed may be begun again.
            transition: With `skill`: the arm's way to it, which is not judged.

        Raises:
            ResetNeeded: There is no running episode.
            InvalidPlan: The plan has no such skill.
        """
        record = self._running()
        if skill not in self._plan:
            raise InvalidPlan(f"{skill!r} is not in the plan, which is {list(self._plan)}.")
        self._by_hand = True
        self._end_segment(record)
        record.begin(skill, "transition" if transition else "skill")

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step, and pay for the verdicts that are ready."""
        record = self._running()
        observation, env_reward, env_terminated, env_truncated, info = self.env.step(action)
        observation, info = self._schedule.seen(record.steps + 1, observation, info)
        self._place(record, bool(info.get("in_transition", False)))
        record.add(info.get("executed_action", action), observation, info)
        void = info.get("status") == "error"
        over = void or self._used_up(record) or record.steps >= self._limit or env_truncated
        over = over or (env_terminated and not self._hide_truth)
        if over:
            self._finish(record, void)
        reward, told = self._answers(wait=over and self._wait_at_end)
        judged_all = self._paid == set(self._plan)
        terminated = judged_all or (env_terminated and not self._hide_truth)
        if over or terminated:
            self._record = None
        return (
            observation,
            reward,
            terminated,
            over and not terminated,
            self._told(info, float(env_reward), told),
        )

    def close(self) -> None:
        """End the judge's thread, then close the environment; twice is fine."""
        self._record = None
        self._queue.close()
        super().close()

    def _running(self) -> SkillRecord:
        if self._record is None:
            raise gym.error.ResetNeeded("Call `reset` first: there is no episode to step.")
        return self._record

    def _place(self, record: SkillRecord, transition: bool) -> None:
        """Decide to which segment the step belongs that was just made."""
        kind: Literal["skill", "transition"] = "transition" if transition else "skill"
        running = record.running
        if transition and running is not None and running[2] == "skill":
            skill = running[0]
            self._end_segment(record)
            if self._by_hand:
                record.begin(skill, kind)
        if self._by_hand or self._at >= len(self._plan):
            return
        if record.running is None or record.running[2] != kind:
            record.end()
            record.begin(self._plan[self._at], kind)

    def _used_up(self, record: SkillRecord) -> bool:
        """End the running skill when its steps are used up; True once the plan is over."""
        if self._by_hand:
            return False
        budget = self._skill_steps
        if budget is None and not self._transitions:
            budget = max(1, self._limit // len(self._plan))
        running = record.running
        last = self._skill_steps is None and self._at == len(self._plan) - 1  # takes what is left
        if (
            budget is not None
            and not last
            and running is not None
            and running[2] == "skill"
            and record.running_steps >= budget
        ):
            self._end_segment(record)
        return self._at >= len(self._plan)

    def _end_segment(self, record: SkillRecord) -> None:
        segment = record.end()
        if segment is None or segment.kind != "skill":
            return
        self._at += not self._by_hand
        if self._when == "skill_end":
            ticket = _Ticket(self._episode, (segment,))
            self._queue.submit(ticket, record.clip(segment))

    def _finish(self, record: SkillRecord, void: bool) -> None:
        if void:
            return
        self._end_segment(record)
        skills = any(segment.kind == "skill" for segment in record.segments)
        if self._when == "episode_end" and skills:
            ticket = _Ticket(self._episode, tuple(record.segments))
            self._queue.submit(ticket, record.whole(self._plan))

    def _answers(self, *, wait: bool = False) -> tuple[float, dict[str, Any]]:
        reward, judged, errors = 0.0, [], []
        for answer in self._queue.ready(all_of_them=wait):
            if answer.reflection is None:
                errors += [] if answer.stopped else [answer.error]
                continue
            rows = self._verdicts(answer)
            if not rows:
                skills = [segment.skill for segment in answer.ticket.segments]
                errors.append(f"The judge gave no verdict on {skills}.")
            reward += sum(row["reward"] for row in rows)
            judged += rows
        return reward, {"judged": tuple(judged), "judge_errors": tuple(errors)}

    def _verdicts(self, answer: Judgement) -> list[dict[str, Any]]:
        rows, ticket, reflection = [], answer.ticket, answer.reflection
        assert reflection is not None
        late = ticket.episode != self._episode
        skills = {at: s for at, s in enumerate(ticket.segments) if s.kind == "skill"}
        for verdict in reflection.verdicts:
            segment = skills.get(verdict.segment)
            if segment is None:  # on a transition, or on what is not there: a judge of one's own
                continue
            pays = verdict.success and not late and segment.skill not in self._paid
            if pays:
                self._paid.add(segment.skill)
            rows.append(
                {
                    "skill": segment.skill,
                    "episode": ticket.episode,
                    "start": segment.start,
                    "stop": segment.stop,
                    "reached": verdict.success,
                    "confidence": verdict.confidence,
                    "reason": verdict.reason,
                    "reward": pays / len(set(self._plan)),
                    "late": late,
                    "analyzer": reflection.analyzer,
                    "privileged": reflection.privileged,
                }
            )
        return rows

    def _told(
        self, info: dict[str, Any], env_reward: float | None, told: dict[str, Any]
    ) -> dict[str, Any]:
        hidden = TRUTH_KEYS if self._hide_truth else ("env_reward",)
        info = {key: value for key, value in info.items() if key not in hidden}
        if self._keep_env_reward and env_reward is not None:
            info["env_reward"] = env_reward
        queue = self._queue
        counts = {
            "asked": queue.asked,
            "waiting": queue.waiting,
            "dropped": queue.dropped,
            "errors": queue.errors,
        }
        cost = {"judge_cost": {**queue.cost.plain(), **counts}, "judge_stopped": queue.stopped}
        return {**info, **told, **cost}
