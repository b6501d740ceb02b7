"""The monolithic policy: cloned from small episodes, and fine-tuned where rewards are real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mosel_gym.agents.pretrained import load_any
from mosel_gym.benchmark.rl_curve import Curve, CurvePoint, read_curve
from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.rl_scratch import ScratchConfig, train_scratch
from mosel_gym.benchmark.vla import VlaConfig, train_vla
from mosel_gym.benchmark.vla_data import VlaAugmentation, VlaWindows, load_demonstrations
from mosel_gym.benchmark.vla_rl import VlaRlConfig, train_vla_rl
from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.errors import DamagedFile, NotEnoughData, SpecMismatch
from mosel_gym.training.loop import LoopConfig
from mosel_gym.types import Episode, SkillSegment

TASK = "MOSEL-LiberoLong-Task6"
GOAL = "put the white mug on the plate and put the chocolate pudding to the right of the plate"
STILL = VlaAugmentation(0, 0, 0.0, 0.0, 0.0)


def sliding(direction: int, steps: int = 20) -> Episode:
    """A block slides; the action is its direction. Two skills, so that cutting would show."""
    frames = np.full((steps + 1, 16, 16, 3), 90, np.uint8)
    for step in range(steps + 1):
        left = 6 + round(direction * 6 * step / steps)
        frames[step, 6:10, left : left + 4] = (250, 240, 60)
    actions = np.zeros((steps, 7), np.float32)
    actions[:, 0], actions[:, 6] = 0.8 * direction, -1
    return Episode(
        task_id=TASK,
        goal="slide left" if direction < 0 else "slide right",
        seed=0,
        observations={
            "agentview": frames,
            "wrist": np.full_like(frames, 60),
            "proprio": np.zeros((steps + 1, 8), np.float32),
        },
        actions=actions,
        segments=(
            SkillSegment("a", 0, 8),
            SkillSegment("b", 8, 10, "transition"),
            SkillSegment("b", 10, steps),
        ),
        success=True,
        provenance={"robot": "panda", "renderer": "none", "assets": "none"},
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for number, direction in enumerate((-1, 1, -1, 1)):
        write_episode(folder / f"{number}.hdf5", sliding(direction))
    return folder


def config(steps: int = 200) -> VlaConfig:
    loop = LoopConfig(steps=steps, batch_size=16, bf16=False, log_every=10, ema_decay=0.9)
    return VlaConfig(size=16, chunk=4, features=16, hidden=32, loop=loop, augmentation=STILL)


@pytest.fixture(scope="module")
def cloned(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("vla") / "agent"
    train_vla([data], config(), out, progress=False)
    return out


def test_windows_are_whole_tasks_and_hold_still_past_the_end(data: Path) -> None:
    demos = load_demonstrations([data], 16, progress=False)
    assert [len(clip.actions) for clip in demos.clips] == [20] * 4, "the transition is not cut out"
    from mosel_gym.benchmark.vla_data import picture_view

    view = picture_view(demos, 16, 4)
    windows = VlaWindows(demos, view, past_end=6)
    assert len(windows) == 4 * (20 + 6)
    shown, wanted = windows.sample(np.random.default_rng(0), 64, STILL)
    assert shown["scene"].shape == (64, 3, 16, 16)
    chunks = view.scaling.center[0] + np.asarray(wanted).reshape(64, 4, 7)[..., 0] * np.array(
        view.scaling.scale[0]
    )
    assert set(np.round(np.unique(chunks), 3)) <= {-0.8, 0.0, 0.8}


def test_cloning_learns_what_the_goal_text_tells_apart(data: Path, cloned: Path) -> None:
    log = [json.loads(x) for x in (cloned / "training" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < 0.3 * log[0]["loss"]
    agent = load_any(cloned)
    first = {name: rows[0] for name, rows in sliding(1).observations.items()}
    for goal, sign in (("slide left", -1), ("slide right", 1)):
        agent.reset(goal)  # the first picture is the same, only the text differs
        assert np.sign(agent.act(first)[0]) == sign
        assert abs(agent.act(first)[0]) > 0.4


def test_what_it_was_given_travels_with_it(cloned: Path) -> None:
    card = json.loads((cloned / "agent.json").read_text())["card"]
    given = Given.of(card)
    assert (given.demonstrations, given.reward, given.episodes) == (4, "none", 0)
    assert card["information"] == "4 demonstrations of whole tasks"


def test_the_same_command_does_not_train_again(data: Path, cloned: Path) -> None:
    before = (cloned / "policy.safetensors").read_bytes()
    train_vla([data], config(), cloned, progress=False)
    assert (cloned / "policy.safetensors").read_bytes() == before


def test_no_demonstration_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="mosel collect"):
        train_vla([tmp_path], config(), tmp_path / "out", progress=False)


def test_a_curve_is_cut_back_to_where_a_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    curve = Curve(path)
    for steps in (0, 8, 16):
        curve.add(CurvePoint("episode", steps // 8, steps, 1.0))
    with path.open("a") as file:
        file.write('{"kind": "epis')  # killed in the middle of a line
    assert [point.env_steps for point in read_curve(path)] == [0, 8, 16]
    assert [point.env_steps for point in Curve(path, 8).points] == [0, 8]
    assert len(path.read_text().splitlines()) == 2
    path.write_text("[]\n{}\n")
    with pytest.raises(DamagedFile, match="line 1"):
        read_curve(path)


def test_sac_on_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecMismatch, match="--algorithm PPO"):
        train_scratch(ScratchConfig(observation="pictures"), tmp_path, progress=False)


def test_no_episode_is_no_budget(cloned: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecMismatch, match="--episodes is 0"):
        train_vla_rl(cloned, VlaRlConfig(task=TASK, episodes=0), tmp_path / "out", progress=False)


@pytest.mark.slow
def test_ppo_goes_on_where_it_was_killed(cloned: Path, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {
        "task": TASK,
        "decisions": 4,
        "batch_size": 4,
        "value_updates": 1,
        "max_steps": 8,
        "eval_every": 2,
        "eval_episodes": 1,
    }
    half = VlaRlConfig(episodes=5, **wanted)
    agent = train_vla_rl(cloned, half, tmp_path / "a", progress=False)
    given = Given.of(agent.card)
    assert (given.demonstrations, given.reward, given.episodes, given.env_steps) == (
        4,
        "success",
        5,
        40,
    )
    points = read_curve(tmp_path / "a" / "curve.jsonl")
    assert [p.seed for p in points if p.kind == "episode"] == list(range(200_000, 200_005))
    assert [p.episodes for p in points if p.kind == "evaluation"] == [0, 2, 4, 5]
    before = (tmp_path / "a" / "policy.safetensors").read_bytes()
    assert before != (cloned / "policy.safetensors").read_bytes()
    again = train_vla_rl(cloned, half, tmp_path / "a", progress=False)
    assert Given.of(again.card) == given, "a finished run is finished"
    assert (tmp_path / "a" / "policy.safetensors").read_bytes() == before
    assert load_any(tmp_path / "a").name == "vla-rl(PPO, pictures)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "observation", "envs"),
    [("SAC", "state", 1), ("PPO", "state", 2), ("PPO", "pictures", 1)],
)
def test_from_scratch_runs_saves_and_goes_on(
    algorithm: Any, observation: Any, envs: int, tmp_path: Path
) -> None:
    wanted = ScratchConfig(
        algorithm=algorithm,
        observation=observation,
        steps=64,
        eval_every=32,
        max_steps=16,
        eval_episodes=1,
        envs=envs,
        subprocesses=envs > 1,
    )
    agent = train_scratch(wanted, tmp_path, progress=False)
    points = read_curve(tmp_path / "curve.jsonl")
    assert [p.env_steps for p in points if p.kind == "evaluation"] == [0, 32, 64]
    assert agent.privileged == (observation == "state")
    size = (tmp_path / "curve.jsonl").stat().st_size
    back = train_scratch(wanted, tmp_path, progress=False)
    assert (tmp_path / "curve.jsonl").stat().st_size == size
    assert Given.of(back.card) == Given.of(agent.card)
