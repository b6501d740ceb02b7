"""Which module is at fault, and what refining it does, with small real networks."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mosel_gym.agents.analysis.pixel import PixelAnalyzer
from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.agents.checkpoint import load_agent
from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.executor import ExecutorConfig
from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.agents.improvement.policy import with_imagined
from mosel_gym.agents.improvement.route import choose
from mosel_gym.agents.mosel import MoselAgent
from mosel_gym.agents.planning.offline import OfflinePlanner
from mosel_gym.errors import DamagedFile, NotEnoughData, SpecMismatch, TrainingDiverged, UnknownId
from mosel_gym.models.codec import CodecConfig
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig, finetune_policy
from mosel_gym.training.finetune_video import VideoFinetuneConfig
from mosel_gym.training.loop import LoopConfig

LOOP = LoopConfig(steps=2, batch_size=4, lr=1e-3)
CONFIG = MoselConfig(
    executor=ExecutorConfig(skill_budget=40, max_steps_per_frame=10),
    policy=PolicyFinetuneConfig(loop=LOOP),
    video=VideoFinetuneConfig(loop=LOOP),
    min_accepted=2,
)


@pytest.fixture
def network_agent(buttons):
    """An agent whose networks are real, tiny and untrained."""
    torch.manual_seed(0)
    skills = buttons.SKILLS
    codec = CodecConfig(size=16, channels=4, widths=(8, 16))
    video = LatentVideoPlanner(VideoPlannerConfig(skills, codec, frames=3, widths=(32, 32)))
    policy = GoalPolicy(GoalPolicyConfig(size=32, features=16, width=32, depth=1, num_steps=2))
    judge = SubgoalJudge(SubgoalJudgeConfig(skills, size=32, keypoints=4, features=8))

    def make(**arguments) -> MoselAgent:
        analyzer = arguments.pop("analyzer", PixelAnalyzer(judge))
        return MoselAgent(OfflinePlanner(), video, policy, analyzer, CONFIG, **arguments)

    for network in (video, policy, judge):
        network.eval()
    return make


def collect(buttons, agent, episodes: int, **world) -> None:
    for _ in range(episodes):
        agent.reset(buttons.make_task())
        buttons.run_episode(agent, buttons.ButtonWorld(**world), steps=250)
        agent.reflect()


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_routes_by_what_was_imagined(buttons):
    for wrong, module in ((False, "policy"), (True, "video")):
        agent = buttons.make_agent(
            video=buttons.StraightImagination(wrong),
            policy=buttons.ReachingPolicy(miss=4.0),
        )
        collect(buttons, agent, 1)
        route = choose("auto", Evidence(agent._memory), agent.judge, 0)
        assert route.module == module, route.reason
        assert "0 of 1 failed episodes" in route.reason


def test_other_routes(buttons):
    agent = buttons.make_agent(analyzer=PrivilegedAnalyzer(), policy=buttons.ReachingPolicy(4.0))
    collect(buttons, agent, 1)
    evidence = Evidence(agent._memory)
    assert choose("auto", evidence, None, 0).module == "policy"
    nothing = choose("auto", Evidence([]), None, 0)
    assert nothing.module == "none"
    assert "Name the module" in nothing.reason
    alternate = [choose("alternate", evidence, None, n).module for n in range(4)]
    assert alternate == ["video", "policy"] * 2
    assert choose("language", evidence, None, 0).module == "language"


def test_language_share_decides(buttons):
    agent = buttons.make_agent()
    collect(buttons, agent, 1, conflict=True)
    agent.inverse_dynamics = buttons.ReachingPolicy(miss=4.0)
    collect(buttons, agent, 2)
    assert choose("auto", Evidence(agent._memory), agent.judge, 0).module == "language"
    collect(buttons, agent, 2)
    assert choose("auto", Evidence(agent._memory), agent.judge, 0).module == "policy"


@pytest.fixture
def judged_buffer(buttons, tmp_path):
    """Red is pushed, blue is missed, green is pushed: two accepted segments, some rejected."""
    policy = buttons.ReachingPolicy(miss=-4.0, misses_in=(buttons.BLUE,))
    agent = buttons.make_agent(policy=policy, buffer=tmp_path / "buffer")
    collect(buttons, agent, 1)
    agent.reset(buttons.make_task(), plan=[buttons.GREEN])
    buttons.run_episode(agent, buttons.ButtonWorld(seed=8), steps=60)
    agent.reflect(agent.episode)
    assert agent.buffer.counts()["accepted"] == 2
    return agent.buffer


@pytest.mark.parametrize("target", ["video", "policy"])
def test_refines_a_network(network_agent, judged_buffer, target):
    agent = network_agent()
    network = agent.video_planner if target == "video" else agent.inverse_dynamics
    other = agent.inverse_dynamics if target == "video" else agent.video_planner
    before, untouched = weights(network), weights(other)
    report = agent.improve(judged_buffer, target)
    assert report.target == target
    assert report.steps == 2
    assert report.accepted == 2
    assert report.rejected >= 1
    assert math.isfinite(report.loss_before)
    assert math.isfinite(report.loss_after)
    assert not torch.equal(weights(network), before)
    assert torch.equal(weights(other), untouched)
    assert not network.training
    assert agent.rounds == 1


def test_demonstrations_are_shown_as_the_agents_own_planner_imagines_them(
    buttons, network_agent, judged_buffer
):
    demos = Evidence(judged_buffer).clips(32, True)
    demos = [replace(clip, imagined=None, followed=None) for clip in demos]
    unknown = replace(demos[0], skill="fold the towel")
    own = replace(demos[0], imagined=np.zeros((2, 32, 32, 3), np.uint8))
    planner = network_agent().video_planner
    shown = with_imagined([demos[0], unknown, own, demos[1]], planner)
    assert [len(clip.actions) for clip in shown[::3]] == [len(clip.actions) for clip in demos[:2]]
    pictures = [clip.imagined for clip in shown]
    assert [None if row is None else len(row) for row in pictures] == [3, None, 2, 3]
    assert pictures[0] is not None
    assert pictures[0].shape == (3, 32, 32, 3)
    assert shown[1] is unknown  # the planner does not know the skill
    assert shown[2] is own
    again = with_imagined(demos, planner)  # a round that is resumed sees the same
    np.testing.assert_array_equal(again[1].imagined, pictures[3])
    assert with_imagined(demos, buttons.StraightImagination()) == demos


def test_the_policys_round_sees_imagined_demonstrations(network_agent, judged_buffer, monkeypatch):
    demos = Evidence(judged_buffer).clips(32, True)
    demos = [replace(clip, imagined=None, followed=None) for clip in demos]
    seen = []
    honest = finetune_policy

    def noted(policy, success, failed, given, config, **arguments):
        seen.extend(given)
        return honest(policy, success, failed, given, config, **arguments)

    monkeypatch.setattr("mosel_gym.agents.improvement.policy.finetune_policy", noted)
    network_agent().improve(judged_buffer, "policy", demos=demos)
    assert len(seen) == len(demos)
    assert all(clip.imagined is not None for clip in seen)


def test_too_little_data_changes_nothing(network_agent, judged_buffer):
    agent = network_agent()
    agent.config = MoselConfig(min_accepted=9)
    before = weights(agent.inverse_dynamics)
    with pytest.raises(NotEnoughData, match=r"at least 9 .* hold 2"):
        agent.improve(judged_buffer, "policy")
    assert torch.equal(weights(agent.inverse_dynamics), before)
    assert agent.rounds == 0


def test_a_training_run_that_fails_leaves_the_old_weights(network_agent, judged_buffer):
    agent = network_agent()
    exploding = LoopConfig(steps=5, batch_size=4, lr=float("inf"), warmup_steps=0, bf16=False)
    agent.config = MoselConfig(min_accepted=1, policy=PolicyFinetuneConfig(loop=exploding))
    before = weights(agent.inverse_dynamics)
    with pytest.raises(TrainingDiverged):
        agent.improve(judged_buffer, "policy")
    assert torch.equal(weights(agent.inverse_dynamics), before)


def test_untrained_networks_act_deterministically(buttons, network_agent):
    episodes = []
    for _ in range(2):
        agent = network_agent()
        collect(buttons, agent, 1, render_every=8)
        episodes.append(agent.episode)
    np.testing.assert_array_equal(episodes[0].actions, episodes[1].actions)
    agent.reset(buttons.make_task(), seed=1)
    buttons.run_episode(agent, buttons.ButtonWorld(render_every=8), steps=20)
    # The seed decides what is imagined; the policy's own noise is 0.
    first, other = (episode.segments[0].imagined for episode in (episodes[0], agent.episode))
    assert not np.array_equal(first, other)


def test_saved_and_loaded_it_acts_the_same(buttons, network_agent, tmp_path):
    agent = network_agent()
    agent.card = {"note": "untrained"}
    agent.rounds = 3
    plan = agent.task_planner.plan(buttons.make_task())
    agent.plans[buttons.GOAL] = plan
    agent.history[buttons.GOAL] = [(plan, "It failed.")]
    folder = agent.save(tmp_path / "agent")
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["agent.json", "judge.safetensors", "policy.safetensors", "video.safetensors"]
    again = MoselAgent.from_pretrained(folder)
    assert again.config == CONFIG
    assert (again.card, again.rounds) == (agent.card, 3)
    assert (again.plans, again.history) == (agent.plans, agent.history)
    assert again.name == agent.name
    twice = MoselAgent.from_pretrained(again.save(tmp_path / "again"))
    runs = []
    for loaded in (again, twice):
        loaded.reset(buttons.make_task())
        buttons.run_episode(loaded, buttons.ButtonWorld(), steps=40)
        runs.append(loaded.episode.actions)
    np.testing.assert_array_equal(runs[0], runs[1])
    privileged = MoselAgent.from_pretrained(folder, analyzer=PrivilegedAnalyzer(recall=0.9))
    assert isinstance(privileged.judge, PixelAnalyzer)
    stored = load_agent(privileged.save(tmp_path / "privileged"))
    assert stored.analyzer.name == privileged.analyzer.name


def test_damaged_and_unknown_checkpoints_are_named(buttons, network_agent, tmp_path):
    with pytest.raises(UnknownId, match="libero-lng"):
        MoselAgent.from_pretrained("libero-lng")
    folder = network_agent().save(tmp_path / "agent")
    index = json.loads((folder / "agent.json").read_text())
    for name in ("policy.safetensors", "judge.safetensors"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:100])
        with pytest.raises(DamagedFile, match=name):
            MoselAgent.from_pretrained(folder)
        (folder / name).write_bytes(content)
    for broken in ("{", "[]", json.dumps({**index, "format": "x"}), json.dumps({"format": "x"})):
        (folder / "agent.json").write_text(broken)
        with pytest.raises(DamagedFile, match=r"agent\.json"):
            MoselAgent.from_pretrained(folder)
    unknown = {**index, "config": {**index["config"], "surprise": 1}}
    (folder / "agent.json").write_text(json.dumps(unknown))
    with pytest.raises(DamagedFile, match="surprise"):
        MoselAgent.from_pretrained(folder)
    (folder / "agent.json").unlink()
    with pytest.raises(DamagedFile, match=r"agent\.json"):
        MoselAgent.from_pretrained(folder)
    with pytest.raises(SpecMismatch, match="StraightImagination"):
        buttons.make_agent().save(tmp_path / "other")
