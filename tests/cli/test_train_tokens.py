"""`mosel train policy --kind tokens`, from files to an agent, and what the command refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mosel_gym.agents.pretrained import load_any
from mosel_gym.cli import main
from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.models.policies import load_policy
from mosel_gym.types import Episode, SkillSegment

SKILL = "pick up the brush with left hand"
PRESET = ("--preset", "robotwin")
SMALL = ("--model.size", "16", "--model.features", "16")
LOOP = ("--loop.steps", "2", "--loop.batch-size", "4")
TOKENS = (
    *("--kind", "tokens", "--tokens.loop.steps", "2", "--tokens.loop.batch-size", "4"),
    *("--tokens.width", "32", "--tokens.heads", "2", "--tokens.depth", "1"),
    *("--tokens.chunk", "8", "--tokens.autoencoder.width", "16"),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        episode = Episode(
            task_id="t",
            goal="g",
            seed=seed,
            observations={
                "head_camera": rng.integers(0, 256, (21, 24, 32, 3), np.uint8),
                "proprio": rng.normal(size=(21, 16)).astype(np.float32),
            },
            actions=rng.uniform(-1, 1, (20, 14)).astype(np.float32),
            segments=(SkillSegment(SKILL, 0, 20),),
            provenance={"robot": "dual-panda-ee", "renderer": "mujoco-egl"},
        )
        write_episode(tmp_path / "data" / f"{seed}.hdf5", episode)
    return tmp_path / "data"


def train(data: Path, out: str, *words: str, what: str = "policy") -> int:
    where = ("--data", str(data), "--out", str(data.parent / out))
    return main(["train", what, *where, *LOOP, *words])


def test_from_files_to_an_agent(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = data.parent
    video = ("--model.codec.size", "16", "--model.codec.widths", "8", "16")
    steps = ("--codec.loop.steps", "2", "--model.widths", "32", "32")
    assert train(data, "video", *PRESET, *video, *steps, what="video") == 0
    planner = ("--planner", str(runs / "video" / "planner.safetensors"))
    capsys.readouterr()
    words = (*PRESET, *TOKENS, *SMALL, *planner, "--held-out", "4")
    assert train(data, "tokens", *words) == 0
    said = capsys.readouterr().out
    assert "of 1000 in use" in said
    assert "3 clips, 2 steps" in said
    assert "1 held-out clips" in said
    path = runs / "tokens" / "policy.safetensors"
    config = load_policy(path, kind="tokens").config
    assert (config.chunk, config.size, config.robot) == (8, 16, "dual-panda-ee")
    again = ("--kind", "tokens", "--start", str(path))  # brings its own settings
    assert train(data, "tokens-2", *again) == 0
    assert train(data, "tokens-3", *again, "--model.size", "32") == 0
    assert load_policy(runs / "tokens-3" / "policy.safetensors", kind="tokens").config.size == 32
    files = ("--policy", str(path), "--video", planner[1], "--out", str(runs / "agent"))
    assert main(["pack", "--kind", "hip", *files, *PRESET]) == 0
    agent = load_any(runs / "agent")
    agent.reset("g", skills=[SKILL], plan=[SKILL])
    seen: dict[str, NDArray[Any]] = {
        "head_camera": np.zeros((24, 32, 3), np.uint8),
        "proprio": np.full(16, 0.5, np.float32),
    }
    assert agent.act(seen, {"robot": "dual-panda-ee"}).shape == (14,)


def test_what_does_not_fit_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = ("--model.width", "32", "--model.depth", "1")
    assert train(data, "diffusion", *PRESET, *SMALL, *shape) == 0
    start = ("--start", str(data.parent / "diffusion" / "policy.safetensors"))
    capsys.readouterr()
    for words, said in (
        ((*start, "--kind", "tokens"), "`--kind diffusion`"),
        ((*start, "--preset", "libero"), "Leave `--preset` out"),
        ((*start, "--preset", "robotwin-joint"), "'dual-panda-ee' and not 'dual-panda-joint'"),
        ((*start, "--model.size", "33"), "multiple of 8"),
        ((*start, "--model.chunk", "8"), "chunk 16 and not 8"),
        ((*TOKENS, *PRESET, "--model.depth", "2"), "no place for --model.depth"),
        ((*TOKENS, *PRESET, "--draws", "2"), "no place for --draws"),
        ((*TOKENS, *PRESET, "--tokens.chunk", "10"), "multiple of 4"),
        ((*PRESET, "--tokens.depth", "2"), "`--kind tokens`"),
        ((*PRESET, "--held-out", "1"), "at least 2"),
        (("--planner", "x"), "agentview"),  # the preset is missing
    ):
        assert train(data, "other", *words) == 2, words
        assert said in capsys.readouterr().err
    assert not (data.parent / "other").exists()
