"""Language refinement, Listing 4, on the three examples of L.1, with models on both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mosel_gym.agents import LanguageModelPlanner, MoselAgent, MoselConfig, OfflinePlanner
from mosel_gym.agents.improvement.language import LanguageConfig
from mosel_gym.errors import InvalidPlan, NotEnoughData
from mosel_gym.registry import task_of
from mosel_gym.types import TaskPlan
from tests.agents.scripted_chat import ScriptedChat, attempt, failure, judged, plan_answer
from tests.agents.tiny_agents import run_episode, tiny_agent, weights

SWEEP, PUSH = task_of("MOSEL-RoboTwin-SweepBlock"), task_of("MOSEL-RoboTwin-PushBlock")
MUGS = task_of("MOSEL-LiberoLong-Task6")
BRUSH, HAND_OVER, PAN, SWEEPING = SWEEP.plan
PUSHING = PUSH.plan[2]
MUG, PUDDING = MUGS.plan

CASES = {
    "sweep": (
        SWEEP,
        (BRUSH, PAN, SWEEPING),
        judged(attempt(1), attempt(2, False), attempt(3, False), goal=False),
        failure(
            True,
            2,
            f'The left hand still holds the brush, so "{PAN}" finds no free hand.',
            f'Carry out "{HAND_OVER}" before "{PAN}".',
        ),
        SWEEP.plan,
        PAN,
    ),
    "push": (
        PUSH,
        (BRUSH, PUSHING),
        judged(attempt(1), attempt(2, False), goal=False),
        failure(
            True,
            2,
            "The right hand went to the block with nothing in it.",
            f'Add "{HAND_OVER}" before "{PUSHING}".',
        ),
        PUSH.plan,
        PUSHING,
    ),
    "order": (
        MUGS,
        (MUG, PUDDING),
        judged(attempt(1, holds_at_end=False, undone_by=2), attempt(2, False), goal=False),
        failure(
            True,
            1,
            "On its way to the pudding the arm knocked the white mug over.",
            f'Carry out "{PUDDING}" before "{MUG}".',
        ),
        (PUDDING, MUG),
        MUG,
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("planner", ["model", "offline"])
def test_the_plan_is_mended_and_no_weight_moves(case, planner):
    task, first, table, diagnosis, mended, failed = CASES[case]
    wrong = plan_answer(*first)  # the model tries to repeat itself, and is sent back
    writer, viewer = ScriptedChat(plan_answer(*first)), ScriptedChat(table, diagnosis)
    agent = tiny_agent(task, writer, viewer)
    run_episode(agent, task)
    assert agent.plan is not None
    assert agent.plan.skills == first
    reflection = agent.reflect()
    assert (reflection.fault, reflection.failed_skill) == ("language", failed)
    before = weights(agent)
    if planner == "offline":  # the model's words serve the planner without a model as well
        agent.task_planner = OfflinePlanner()
    writer.answers = [wrong, plan_answer(*mended)]

    report = agent.improve()

    assert report.target == "language"
    assert report.plan is not None
    assert report.plan.skills == mended
    assert report.analyzer == "videollm(scripted:test)"
    assert report.steps == 0
    after = weights(agent)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    agent.reset(task)
    run_episode(agent, task)
    assert agent.plan == report.plan
    if planner == "model":
        assert len(writer.asked) == 3, "no call for a plan that is there"
        asked = writer.text(1)
        assert diagnosis["advice"].replace('"', '\\"').rstrip(".") in asked
        step = first.index(failed) + 1
        assert f'{{"step": {step}, "skill": "{failed}"}}' in asked
        assert "has been tried" in writer.text(2)
        assert len(writer.pictures(1)) == 1


def fail_once(agent: MoselAgent, viewer: ScriptedChat) -> None:
    run_episode(agent, MUGS)
    assert agent.plan is not None
    rows = [attempt(n, False) for n in range(1, len(agent.plan.skills) + 1)]
    viewer.answers = [judged(*rows, goal=False), failure(True, 1, f'"{MUG}" failed.')]
    agent.reflect()


def test_three_rounds_and_no_more(tmp_path):
    plans = ((MUG, PUDDING), (PUDDING, MUG), (PUDDING,), (MUG,), (MUG, PUDDING, MUG))
    writer = ScriptedChat(*[plan_answer(*plan) for plan in plans])
    viewer = ScriptedChat()
    agent = tiny_agent(MUGS, writer, viewer)
    for round_ in range(3):
        fail_once(agent, viewer)
        assert agent.improve().plan == agent.plans[MUGS.goal]
        assert agent.plans[MUGS.goal].skills == plans[round_ + 1]
    assert [plan.skills for plan, _ in agent.history[MUGS.goal]] == list(plans[:3])
    assert writer.text().count('"report"') == 3
    fail_once(agent, viewer)
    calls, kept = len(writer.asked), dict(agent.plans)
    with pytest.raises(InvalidPlan, match=r"refined 3 times, 3 are allowed.*max_rounds"):
        agent.improve(target="language")
    assert len(writer.asked) == calls
    assert agent.plans == kept
    assert agent.rounds == 3
    again = MoselAgent.from_pretrained(
        agent.save(tmp_path / "agent"), task_planner=LanguageModelPlanner(writer)
    )
    assert again.refined == {MUGS.goal: 3}
    agent.config = MoselConfig(language=LanguageConfig(max_rounds=4))
    agent.improve()
    assert agent.plans[MUGS.goal].skills == plans[4]
    assert writer.text().count('"report"') == 3, "four failed, the last three are shown"
    assert (MUG, PUDDING) in [plan.skills for plan, _ in agent.history[MUGS.goal]]
    with pytest.raises(ValueError, match="at least 1"):
        LanguageConfig(max_rounds=0)


@pytest.mark.parametrize("over", ["used up", "no other plan"])
def test_auto_goes_on_to_a_network_where_there_is_no_further_plan(over):
    plans = [plan_answer(MUG, PUDDING)] * 3
    viewer = ScriptedChat()
    agent = tiny_agent(MUGS, ScriptedChat(*plans), viewer)
    policy = agent.config.policy
    quick = replace(policy, loop=replace(policy.loop, steps=1, batch_size=2))
    agent.config = replace(agent.config, policy=quick)
    run_episode(agent, MUGS)
    good, bad = attempt(1, True), attempt(2, False)
    viewer.answers = [judged(good, bad, goal=False), failure(True, 2, "It failed.")]
    agent.reflect()
    if over == "used up":
        agent.refined[MUGS.goal] = 3
    before = weights(agent)
    report = agent.improve()
    assert report.target == "policy"
    assert report.steps == 1
    assert "cannot be refined any further" in report.reason
    assert ("refined 3 times" in report.reason) == (over == "used up")
    assert agent.plans == {}
    changed = {
        name for name, value in weights(agent).items() if not torch.equal(value, before[name])
    }
    assert changed
    assert all(name.startswith("policy.") for name in changed)


def test_a_planner_that_repeats_itself_is_caught():
    class Stubborn:
        name = "stubborn"

        def plan(self, task, observation=None, history=()):
            return TaskPlan((MUG, PUDDING), "", self.name)

    viewer = ScriptedChat()
    agent = tiny_agent(MUGS, Stubborn(), viewer)
    fail_once(agent, viewer)
    with pytest.raises(InvalidPlan, match="stubborn.*failed before"):
        agent.improve(target="language")
    assert agent.plans == {}
    assert agent.refined == {}


def test_a_model_without_a_further_plan_leaves_everything_as_it_was():
    writer = ScriptedChat(plan_answer(MUG, PUDDING), *[plan_answer(MUG, PUDDING)] * 2)
    viewer = ScriptedChat()
    agent = tiny_agent(MUGS, writer, viewer)
    fail_once(agent, viewer)
    with pytest.raises(InvalidPlan, match="two attempts"):
        agent.improve(target="language")
    assert (agent.plans, agent.history, agent.refined, agent.rounds) == ({}, {}, {}, 0)
    with pytest.raises(NotEnoughData):
        tiny_agent(MUGS, writer, viewer).improve()
