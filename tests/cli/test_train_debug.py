"""`--debug` and `--cache`: every training command from files to a checkpoint, and on again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from mosel_gym.cli import main
from mosel_gym.cli.training_options import remark, shrunk
from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.data.windows import load_clips
from mosel_gym.models.checkpoint import load_module
from mosel_gym.models.inverse_dynamics import GoalPolicy
from mosel_gym.training.policy import PolicyTrainConfig
from mosel_gym.types import Episode, SkillSegment

SKILLS = ("open the drawer", "close the drawer")


def episode(seed: int) -> Episode:
    rng = np.random.default_rng(seed)
    skill = SKILLS[seed % 2]
    return Episode(
        task_id="t",
        goal="g",
        seed=seed,
        observations={
            "agentview": rng.integers(0, 256, (25, 32, 32, 3), np.uint8),
            "wrist": rng.integers(0, 256, (25, 32, 32, 3), np.uint8),
            "proprio": rng.normal(size=(25, 8)).astype(np.float32),
        },
        actions=rng.uniform(-1, 1, (24, 7)).astype(np.float32),
        segments=(SkillSegment(skill, 0, 24),),
        skill_done={name: np.arange(25) > (12 if name == skill else 99) for name in SKILLS},
        provenance={"robot": "panda", "renderer": "mujoco-egl", "assets": "procedural-1"},
    )


def episode_of_two_arms(seed: int) -> Episode:
    rng = np.random.default_rng(seed)
    return replace(
        episode(seed),
        observations={
            "head_camera": rng.integers(0, 256, (25, 32, 32, 3), np.uint8),
            "proprio": rng.uniform(0, 1, (25, 16)).astype(np.float32),
        },
        actions=rng.uniform(-1, 1, (24, 14)).astype(np.float32),
        segments=(SkillSegment(f"lift with {('left', 'right')[seed % 2]} hand", 0, 24),),
        skill_done={},
        provenance={"robot": "dual-panda-ee", "renderer": "mujoco-egl", "assets": "procedural-1"},
    )


def tensors(path: Path) -> dict[str, np.ndarray]:
    return load_file(path)


def check_equal(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert sorted(found) == sorted(wanted)
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for seed in range(4):
        write_episode(tmp_path / "data" / f"{seed}.hdf5", episode(seed))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("words", "checkpoint", "log"),
    [
        (("policy",), "policy.safetensors", "log.jsonl"),
        (("policy", "--kind", "tokens"), "policy.safetensors", "log.jsonl"),
        (("video",), "planner.safetensors", "flow/log.jsonl"),
        (("video", "--kind", "pixel-small"), "planner.safetensors", "flow/log.jsonl"),
        (("judge", "--held-out", "0"), "judge.safetensors", "log.jsonl"),
    ],
    ids=["policy", "tokens", "video", "pixel-small", "judge"],
)
def test_a_debug_run_trains_saves_and_goes_on(
    data: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    checkpoint: str,
    log: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    command = ["train", *words, "--data", str(data), "--out", str(out), "--debug"]
    cached = [] if words[0] == "judge" else ["--cache", str(cache)]
    assert main([*command, *cached]) == 0
    first = tensors(out / checkpoint)
    assert (out / checkpoint).stat().st_size < 2_000_000
    lines = [json.loads(line) for line in (out / log).read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 10, 15, 20]
    (out / checkpoint).unlink()  # killed just before it was written
    assert main(command) == 0  # without the cache, too: the same clips
    check_equal(tensors(out / checkpoint), first)
    assert "loss nan" not in capsys.readouterr().out


def test_with_and_without_cache_the_weights_are_the_same(data: Path, tmp_path: Path) -> None:
    stored = []
    for name, more in (("plain", []), ("cached", ["--cache", str(tmp_path / "cache")])):
        command = ["train", "policy", "--data", str(data), "--out", str(tmp_path / name)]
        assert main([*command, "--debug", "--loop.steps", "3", *more]) == 0
        stored.append(tensors(tmp_path / name / "policy.safetensors"))
    check_equal(stored[0], stored[1])
    assert any((tmp_path / "cache").glob("*/clips.bin"))


def test_debug_leaves_what_was_set(data: Path, tmp_path: Path) -> None:
    command = ["train", "policy", "--data", str(data), "--out", str(tmp_path / "out"), "--debug"]
    assert main([*command, "--model.size", "32", "--loop.steps", "2"]) == 0
    policy = load_module(tmp_path / "out" / "policy.safetensors", GoalPolicy)
    assert (policy.config.size, policy.config.width, policy.config.chunk) == (32, 32, 16)
    plain = PolicyTrainConfig()
    assert shrunk(plain, {}) == plain
    assert shrunk(plain, {"loop": {"steps": 3}}).loop.steps == 3


@pytest.mark.parametrize("what", ["policy", "video"])
def test_mirror_adds_what_the_other_hand_would_have_done(
    what: str, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(4):
        write_episode(tmp_path / "both" / f"{seed}.hdf5", episode_of_two_arms(seed))
    command = ["train", what, "--preset", "robotwin", "--data", str(tmp_path / "both"), "--debug"]
    assert main([*command, "--out", str(tmp_path / "plain")]) == 0
    assert "4 clips, 20 steps" in capsys.readouterr().out
    assert main([*command, "--out", str(tmp_path / "mirror"), "--mirror"]) == 0
    assert "8 clips, 20 steps" in capsys.readouterr().out
    command = ["train", what, "--data", str(data), "--out", str(tmp_path / "o"), "--debug"]
    assert main([*command, "--mirror"]) == 2
    assert "no skill of the clips is there for the left" in capsys.readouterr().err


def test_what_stands_out_is_said(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert remark(load_clips(data, 8)) == ""
    (data / "1.hdf5").unlink()
    command = ["train", "policy", "--out", str(tmp_path / "out"), "--debug", "--loop.steps", "1"]
    assert main([*command, "--data", str(data)]) == 0
    assert "one clip only of 1 of 2 skills, such as 'close the drawer'" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    for what in ("policy", "video"):
        words = ["train", what, "--data", str(tmp_path / "empty"), "--out", str(tmp_path / "o")]
        assert main([*words, "--debug"]) == 2
        assert "no episode file (.hdf5)" in capsys.readouterr().err


def test_a_learning_rate_that_is_too_high_is_one_message(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "policy", "--data", str(data), "--out", str(tmp_path / "out"), "--debug"]
    words = ["--loop.lr", "1e30", "--loop.grad-clip", "1e38", "--loop.no-bf16"]
    assert main([*command, *words]) == 2
    said = capsys.readouterr().err
    assert "policy, step" in said
    assert "--loop.lr, now 1e+30" in said
    assert (tmp_path / "out" / "last_good.safetensors").exists()
