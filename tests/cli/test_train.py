"""`mosel train` and `mosel pack` on episodes of two arms, from files to an agent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mosel_gym.agents import MoselAgent
from mosel_gym.cli import main
from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.models.checkpoint import load_module, read_metadata
from mosel_gym.models.inverse_dynamics import GoalPolicy
from mosel_gym.models.video_planner import LatentVideoPlanner
from mosel_gym.types import Episode, SkillSegment

SKILL = "pick up the brush with left hand"
LOOP = ("--loop.steps", "2", "--loop.batch-size", "4")


def make_episode(seed: int, renderer: str = "mujoco-egl") -> Episode:
    rng = np.random.default_rng(seed)
    done = np.arange(21) > 12
    return Episode(
        task_id="t",
        goal="g",
        seed=seed,
        observations={
            "head_camera": rng.integers(0, 256, (21, 24, 32, 3), np.uint8),
            "proprio": rng.normal(size=(21, 16)).astype(np.float32),
        },
        actions=rng.uniform(-1, 1, (20, 14)).astype(np.float32),
        segments=(SkillSegment(SKILL, 0, 20),),
        skill_done={SKILL: done},
        provenance={"robot": "dual-panda-ee", "renderer": renderer},
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for seed in range(3):
        write_episode(tmp_path / "data" / f"{seed}.hdf5", make_episode(seed))
    return tmp_path / "data"


def train(what: str, data: Path, *words: str) -> int:
    out = data.parent / what
    return main(["train", what, "--data", str(data), "--out", str(out), *LOOP, *words])


def test_one_preset_from_files_to_an_agent(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, preset = data.parent, ("--preset", "robotwin")
    codec = ("--model.codec.size", "16", "--model.codec.widths", "8", "16")
    video = (*codec, "--codec.loop.steps", "2", "--model.widths", "32", "32")
    assert train("video", data, *preset, *video) == 0
    planner = ("--planner", str(runs / "video" / "planner.safetensors"))
    varied = ("--model.size", "16", "--augmentation.hand-dropout", "0.3")
    assert train("policy", data, *preset, *planner, *varied) == 0
    start = ("--start", str(runs / "policy" / "policy.safetensors"))
    always = ("--augmentation.goal-dropout", "0", "--out", str(runs / "always"))
    assert train("policy", data, *start, *always) == 0
    again = ("--out", str(runs / "policy-2"))  # the policy that it starts from brings its settings
    assert train("policy", data, *start, *again) == 0
    assert train("judge", data, *preset, "--held-out", "0", "--model.size", "32") == 0
    packed = ("--video", planner[1], "--policy", start[1], "--out", str(runs / "agent"))
    judge = ("--judge", str(runs / "judge" / "judge.safetensors"))
    assert main(["pack", *packed, *judge, *preset, "--guidance", "0.5", "--seen-for", "5"]) == 0
    silent = ("--policy", start[1], "--out", str(runs / "silent"), "--kind", "palm-e")
    assert main(["pack", *silent, *preset, "--guidance", "0.5"]) != 0  # it is shown no goal
    assert "changes nothing for the kind 'palm-e'" in capsys.readouterr().err
    assert main(["pack", *silent, *preset, "--seen-for", "5"]) != 0  # it has no analyzer
    assert main(["pack", *packed, *judge, *preset, "--seen-for", "0"]) != 0
    assert capsys.readouterr().err.count("--seen-for is") == 2
    asked = ("--video", planner[1], "--policy", str(runs / "always" / "policy.safetensors"))
    never = (*asked, *judge, "--out", str(runs / "never"), *preset)
    assert main(["pack", *never, "--guidance", "0.5"]) != 0  # it does not know to be without a goal
    assert "goal-dropout 0, always with one" in capsys.readouterr().err
    assert main(["pack", *never, "--guidance", "0"]) == 0
    agent = MoselAgent.from_pretrained(runs / "agent")
    assert agent.inverse_dynamics.config.guidance == 0.5  # type: ignore[attr-defined]
    assert agent.analyzer.config.seen_for == 5  # type: ignore[attr-defined]
    augmentation = agent.config.policy.augmentation  # it will be refined as it was trained
    assert (augmentation.hand_dropout, augmentation.shift_px) == (0.3, 1)
    agent.reset("g", skills=[SKILL], plan=[SKILL])
    episode = make_episode(0)
    observation = {name: rows[0] for name, rows in episode.observations.items()}
    assert agent.act(observation, {"robot": "dual-panda-ee"}).shape == (14,)


def test_several_planners_imagine_every_clip_each(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec = ("--model.codec.size", "16", "--model.codec.widths", "8", "16")
    video = (*codec, "--codec.loop.steps", "2", "--model.widths", "32", "32")
    assert train("video", data, "--preset", "robotwin", *video) == 0
    first, missing = data.parent / "video" / "planner.safetensors", data / "no.safetensors"
    policy = ("policy", data, "--preset", "robotwin", "--model.size", "16", "--planner")
    assert train(*policy, str(first), str(missing)) == 2
    assert "no.safetensors" in capsys.readouterr().err
    assert train(*policy, str(first), str(first)) == 0
    metadata = read_metadata(data.parent / "policy" / "policy.safetensors")
    assert metadata["clips"] == str(2 * 3)


def test_whole_tasks_and_policies_without_goals(data: Path) -> None:
    runs, preset = data.parent, ("--preset", "robotwin")
    codec = ("--model.codec.size", "16", "--model.codec.widths", "8", "16")
    video = (*codec, "--codec.loop.steps", "2", "--model.widths", "32", "32", "--whole-task")
    assert train("video", data, *preset, *video, "--model.frames", "5") == 0
    path = runs / "video" / "planner.safetensors"
    planner = load_module(path, LatentVideoPlanner)
    assert planner.skills.texts == ("g",)
    whole = ("--planner", str(path), "--model.size", "16", "--whole-task")
    assert train("policy", data, *preset, *whole) == 0
    told = ("--model.skill-id", "--model.skill-progress", "--augmentation.goal-dropout", "1")
    out = ("--out", str(runs / "told"), "--model.size", "16")
    assert train("policy", data, *preset, *told, *out) == 0
    policy = load_module(runs / "told" / "policy.safetensors", GoalPolicy)
    assert policy.skills.texts == (SKILL,)
    assert policy.config.skill_progress


def test_mixed_renderers_and_the_wrong_preset_are_one_message(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("policy", data) == 2
    assert "agentview" in capsys.readouterr().err
    write_episode(data / "9.hdf5", make_episode(9, "sapien"))
    for what in ("video", "policy", "judge"):
        assert train(what, data, "--preset", "robotwin") == 2
        said = capsys.readouterr().err
        assert "must not mix renderers" in said
        assert "9.hdf5" in said
