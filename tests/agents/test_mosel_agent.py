"""The whole loop on a small world: act, trace, reflect, replan, and the forms of harnesses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.agents.base import SkillJudge, VideoAnalyzer
from mosel_gym.agents.executor import ExecutorConfig
from mosel_gym.agents.follower import FollowerConfig
from mosel_gym.errors import InvalidPlan, MoselError, NotEnoughData, SpecMismatch, UnknownId


@pytest.mark.parametrize("render_every", [1, 8])
@pytest.mark.parametrize("privileged", [False, True])
def test_carries_out_the_plan_and_reflects(buttons, render_every, privileged):
    agent = buttons.make_agent(analyzer=PrivilegedAnalyzer() if privileged else None)
    agent.reset(buttons.make_task())
    world = buttons.ButtonWorld(render_every=render_every)
    steps = buttons.run_episode(agent, world)
    episode = agent.episode
    assert world.lit == {"red": True, "green": False, "blue": True}
    assert episode.success
    assert episode.num_steps == steps
    assert len(episode.observations["agentview"]) == steps + 1
    assert (episode.seed, episode.goal, episode.task_id) == (7, buttons.GOAL, "Buttons")
    assert episode.provenance["renderer"] == "numpy"
    assert "offline, straight, reaching" in episode.provenance["agent"]
    assert episode.plan.skills == (buttons.RED, buttons.BLUE)
    kinds = [(segment.skill, segment.kind) for segment in episode.segments]
    assert kinds == [
        (buttons.RED, "skill"),
        (buttons.BLUE, "transition"),
        (buttons.BLUE, "skill"),
    ]
    assert episode.segments[0].start == 0
    assert episode.segments[-1].stop == steps
    for before, after in zip(episode.segments, episode.segments[1:], strict=False):
        assert before.stop == after.start
    assert episode.segments[0].imagined.shape == (3, 32, 32, 3)
    assert episode.segments[1].imagined is None
    expected_fresh = np.arange(steps + 1) % render_every == 0
    expected_fresh[-1] = True
    np.testing.assert_array_equal(episode.fresh, expected_fresh)

    reflection = agent.reflect()
    assert reflection.success, reflection.rationale
    assert reflection.fault == "none"
    assert reflection.privileged is privileged
    assert [verdict.success for verdict in reflection.verdicts] == [True, True]


def test_the_arm_goes_home_between_skills_and_rests_at_the_end(buttons):
    agent = buttons.make_agent()
    agent.reset(buttons.make_task(), plan=[buttons.GREEN])
    world = buttons.ButtonWorld()
    buttons.run_episode(agent, world, steps=200)
    episode = agent.episode
    assert [segment.kind for segment in episode.segments] == ["skill", "transition"]
    home = episode.observations["proprio"][0, :3]
    np.testing.assert_allclose(episode.observations["proprio"][-1, :3], home, atol=0.011)
    np.testing.assert_array_equal(episode.actions[-1], [0, 0, 0, 0, 0, 0, -1])
    assert episode.segments[-1].stop < episode.num_steps
    assert episode.plan.planner == "given"
    assert not agent.reflect().success  # the plan leaves both parts of the goal out
    assert agent.reflect().fault == "language"


def test_same_seed_same_actions_in_any_harness(buttons):
    def actions(predict: bool):
        agent, world = buttons.make_agent(), buttons.ButtonWorld()
        agent.reset(buttons.make_task())
        for step in range(80):
            if predict:
                batch = {name: value[None] for name, value in world.observation().items()}
                action, state = agent.predict(batch, None, np.array([step == 0]))
                assert action.shape == (1, 7)
                assert state is None
                world.step(action[0])
            else:
                world.step(agent.act(world.observation()))
        return agent.episode.actions

    np.testing.assert_array_equal(actions(False), actions(True))


def test_predict_begins_a_new_trace_at_episode_start(buttons):
    agent = buttons.make_agent()
    agent.reset(buttons.make_task(), plan=[buttons.BLUE])
    for _ in range(2):
        world = buttons.ButtonWorld()
        for step in range(30):
            action, _ = agent.predict(world.observation(), episode_start=np.array([step == 0]))
            world.step(action)
        assert agent.episode.num_steps == 29
        assert agent.episode.plan.skills == (buttons.BLUE,)
    two = {name: np.stack([value] * 2) for name, value in world.observation().items()}
    with pytest.raises(SpecMismatch, match="batch of 2"):
        agent.predict(two)


def test_the_order_is_at_fault_and_improve_reverses_it(buttons):
    agent = buttons.make_agent()
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld(conflict=True))
    reflection = agent.reflect()
    assert (reflection.success, reflection.fault) == (False, "language")
    assert reflection.failed_skill == buttons.RED
    assert f'"{buttons.RED}" was reached, but it was undone' in reflection.rationale
    assert f'carry out "{buttons.BLUE}" before "{buttons.RED}"' in reflection.rationale
    assert [verdict.success for verdict in reflection.verdicts] == [True, True]
    report = agent.improve()
    assert report.target == "language"
    assert report.plan.skills == (buttons.BLUE, buttons.RED)
    assert (report.episodes, report.accepted, report.rejected) == (1, 2, 0)
    agent.reset(buttons.make_task())
    world = buttons.ButtonWorld(conflict=True)
    buttons.run_episode(agent, world)
    assert world.lit["red"]
    assert world.lit["blue"]
    assert agent.episode.plan.skills == (buttons.BLUE, buttons.RED)
    assert agent.reflect().success
    assert agent.improve().target == "none"


def test_a_missed_skill_is_retried_from_home_within_its_budget(buttons):
    video = buttons.StraightImagination()
    policy = buttons.ReachingPolicy(miss=4.0, misses_in=(buttons.RED,))
    agent = buttons.make_agent(video=video, policy=policy)
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld(), steps=400)
    episode, reflection = agent.episode, agent.reflect()
    attempts = [s for s in episode.segments if s.kind == "skill" and s.skill == buttons.RED]
    assert len(attempts) >= 2
    assert sum(s.stop - s.start for s in attempts) <= 100
    assert (reflection.fault, reflection.failed_skill) == ("skill", buttons.RED)
    assert f'"{buttons.RED}" failed' in reflection.rationale
    assert [v.success for v in reflection.verdicts] == [False] * len(attempts) + [True]
    assert video.calls == [buttons.RED] * len(attempts) + [buttons.BLUE]


@pytest.mark.parametrize("tries", [0, 1, 2])
def test_after_the_plan_missed_skills_can_be_tried_again(buttons, tries):
    video = buttons.StraightImagination()
    policy = buttons.ReachingPolicy(miss=4.0, misses_in=(buttons.RED,))
    executor = ExecutorConfig(skill_budget=60, retry="never")
    agent = buttons.make_agent(video=video, policy=policy, executor=executor)
    agent.config = replace(agent.config, follower=FollowerConfig(more_tries=tries))
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld(), steps=600)
    # The one that was reached is left alone; each further try is imagined anew.
    assert video.calls == [buttons.RED, buttons.BLUE, *[buttons.RED] * tries]
    reflection = agent.reflect()
    assert [v.success for v in reflection.verdicts] == [False, True, *[False] * tries]
    assert reflection.failed_skill == buttons.RED
    assert agent.plan.skills == (buttons.RED, buttons.BLUE)  # the plan stays what it was
    with pytest.raises(SpecMismatch, match="more_tries is -1"):
        FollowerConfig(more_tries=-1)


@pytest.mark.parametrize(("retry", "imaginations"), [("here", 3), ("never", 1)])
def test_other_ways_to_retry(buttons, retry, imaginations):
    video = buttons.StraightImagination()
    executor = ExecutorConfig(skill_budget=90, retry=retry)
    agent = buttons.make_agent(
        video=video, policy=buttons.ReachingPolicy(miss=4.0), executor=executor
    )
    agent.reset(buttons.make_task(), plan=[buttons.GREEN])
    buttons.run_episode(agent, buttons.ButtonWorld(), steps=150)
    assert len(video.calls) >= imaginations if retry == "here" else len(video.calls) == 1
    assert len([s for s in agent.episode.segments if s.kind == "skill"]) == 1


def test_goal_texts_and_their_skill_sets(buttons):
    agent, world = buttons.make_agent(), buttons.ButtonWorld()
    with pytest.raises(UnknownId, match="skills="):
        agent.reset(buttons.GOAL)
    agent.reset(buttons.GOAL, skills=buttons.SKILLS)
    agent.act(world.observation())
    assert agent.plan.skills == (buttons.RED, buttons.BLUE)
    goal = "put the white mug on the plate and put the chocolate pudding to the right of the plate"
    agent.reset(goal.capitalize())
    assert agent.task.id == "MOSEL-LiberoLong-Task6"
    assert len(agent.task.skills) == 4
    with pytest.raises(InvalidPlan, match="juggle"):
        agent.reset(buttons.make_task(), plan=["juggle"])
    with pytest.raises(InvalidPlan, match="is empty"):
        agent.reset(buttons.make_task(), plan=[])


def test_misuse_is_named(buttons):
    agent, world = buttons.make_agent(), buttons.ButtonWorld()
    with pytest.raises(MoselError, match="reset"):
        agent.act(world.observation())
    with pytest.raises(MoselError, match="no episode yet"):
        agent.reflect()
    agent.reset(buttons.make_task())
    blind = {"proprio": world.observation()["proprio"]}
    with pytest.raises(SpecMismatch, match="agentview"):
        agent.act(blind)
    with pytest.raises(SpecMismatch, match="proprio"):
        agent.act({"agentview": world.observation()["agentview"]})
    agent.reset(buttons.make_task())
    agent.act(world.observation())
    with pytest.raises(SpecMismatch, match="action and the observation after it"):
        _ = agent.episode
    with pytest.raises(SpecMismatch, match="changed within an episode"):
        agent.act({**world.observation(), "extra": np.zeros(3)})
    agent.act(world.observation())
    agent.finish(world.observation())
    assert agent.episode.num_steps == 2
    with pytest.raises(MoselError, match="finished"):
        agent.act(world.observation())


def test_privileged_analysis_needs_info(buttons):
    agent = buttons.make_agent(analyzer=PrivilegedAnalyzer())
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld(), steps=60, info=False)
    assert agent.episode.success is None
    assert agent.episode.skill_done is None
    with pytest.raises(SpecMismatch, match="info"):
        agent.reflect()


def test_reflections_are_kept_once_and_in_a_buffer(buttons, tmp_path):
    agent = buttons.make_agent(buffer=tmp_path / "buffer")
    with pytest.raises(NotEnoughData, match="at least 5"):
        agent.improve()
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld())
    assert agent.reflect() is agent.reflect()
    assert len(agent.buffer) == 1
    assert agent.buffer.counts()["accepted"] == 2
    for target in ("video", "policy", "alternate"):
        with pytest.raises(SpecMismatch, match="cannot be refined"):
            agent.improve(target=target)
    with pytest.raises(NotEnoughData, match="at least 1 failed"):
        agent.improve(target="language")
    other = agent.reflect(agent.buffer.load(agent.buffer.episodes()[0]))
    assert other.success
    assert agent.rounds == 0


def test_protocols(buttons):
    analyzer = buttons.make_agent().analyzer
    assert isinstance(analyzer, SkillJudge)
    assert isinstance(analyzer, VideoAnalyzer)
    assert isinstance(PrivilegedAnalyzer(), VideoAnalyzer)
    assert not isinstance(PrivilegedAnalyzer(), SkillJudge)
