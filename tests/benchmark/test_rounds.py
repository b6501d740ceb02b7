"""Rounds from episodes on disk: what is trained, kept, rolled back, skipped, and resumed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from mosel_gym.agents import MoselAgent
from mosel_gym.benchmark.rounds import begin, improve_rounds
from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.benchmark.rounds_episodes import Episodes
from mosel_gym.benchmark.rounds_report import write_rounds
from mosel_gym.benchmark.rounds_state import RoundsFolder
from mosel_gym.benchmark.specs import PretrainedAgent, card_information
from mosel_gym.data.windows import Clip, load_clips
from mosel_gym.errors import MoselError, SpecMismatch
from mosel_gym.training.finetune_policy import finetune_policy
from tests.benchmark.judged_episodes import TASK
from tests.benchmark.paper.tiny_agents import LIBERO, write_agents, write_demos
from tests.benchmark.rounds_folder import checked, collected, outcome, small, tensors

GOOD, HALF, BAD = (True, True), (True, False), (False, False)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RoundsConfig:
    """Small, with an agent and demonstrations of its own."""
    folder = tmp_path_factory.mktemp("rounds")
    return RoundsConfig(
        agent=str(write_agents(folder / "agents") / LIBERO / "mosel"),
        demos=write_demos(folder / "demos") / LIBERO,
        tasks=("6",),
        rounds=1,
        interactions=3,
        steps=2,
        check=3,
        min_accepted=2,
    )


def filled(config: RoundsConfig, out: Path) -> RoundsConfig:
    """Three rounds: one that is kept, one that loses its check, one with failures alone."""
    config = small(config, rounds=3)
    collected(config, out, 1, [GOOD, HALF, BAD])
    checked(config, out, 1, [True, False, False], [False, True, True])
    collected(config, out, 2, [HALF, HALF, BAD])
    checked(config, out, 2, [True] * 3, [False] * 3)
    collected(config, out, 3, [BAD] * 3)
    return config


@pytest.fixture(scope="module")
def finished(
    config: RoundsConfig, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, RoundsConfig]:
    """Those three rounds, uninterrupted."""
    out = tmp_path_factory.mktemp("finished")
    three = filled(config, out)
    improve_rounds(three, out, 1, progress=False)
    return out, three


def test_kept_rolled_back_and_skipped(finished: tuple[Path, RoundsConfig]) -> None:
    out, config = finished
    one, two, three = RoundsFolder(out).done()
    assert [row.outcome for row in (one, two, three)] == ["kept", "rolled back", "skipped"]
    assert [row.module for row in (one, two, three)] == ["video", "policy", "none"]
    for row in (one, two, three):
        assert (row.standing.agent, row.standing.control, row.standing.kept) == (1, 1, 1)
    assert "+2 -1 of 3" in one.said
    assert "old agent stays" in two.said
    assert "hold 0, and 6 failed" in three.said
    assert "train the agent longer" in three.said
    # The control: as many steps, the same seed, and nothing that was collected.
    for row in (one, two):
        improved, control = row.training["improved"], row.training["control"]
        assert improved["steps"] == control["steps"] == 2
        assert control["accepted"] == control["episodes"] == 0
        assert improved["loss_before"] != control["loss_before"]
        assert row.recipe["seed"] == row.seeds["training"] == row.number - 1
    assert (one.decision["accepted"], one.decision["rejected"]) == (3, 3)
    assert two.recipe["alpha"] == 0.1
    assert two.decision["notes"] == [
        f"{TASK.plan[1]!r} was never judged reached: only demonstrations can teach it"
    ]
    assert one.seconds["interactions"] == 3.0
    assert one.seconds["judging"] == 1.5
    assert one.seconds["training"] > 0
    assert one.rollouts["bytes_per_episode"] > 1000


def test_only_the_module_of_the_round_has_changed(finished: tuple[Path, RoundsConfig]) -> None:
    out, config = finished
    base, agent = Path(config.agent), out / "rounds" / "1" / "agent"
    same = {
        name: tensors(base / f"{name}.safetensors") == tensors(agent / f"{name}.safetensors")
        for name in ("video", "policy", "judge")
    }
    assert same == {"video": False, "policy": True, "judge": True}
    assert (out / "agent").resolve() == agent.resolve()
    assert (out / "control").resolve() == (out / "rounds" / "1" / "control").resolve()
    assert MoselAgent.from_pretrained(out / "agent").rounds == 1
    # The second round began with what the first had kept, and is still there to be looked at.
    assert MoselAgent.from_pretrained(out / "rounds" / "2" / "agent").rounds == 2
    assert not (out / "rounds" / "1" / "clips").exists()


def test_the_report_says_all_of_it(finished: tuple[Path, RoundsConfig]) -> None:
    out, config = finished
    text = write_rounds(config, out, RoundsFolder(out).done(), "commands")
    for words in ("rolled back", "old agent stays", "simulator's truth", "commands", "judging"):
        assert words in text
    assert f"At fault in 2 of 3 judged episodes: the plan: 0; {TASK.plan[1]}: 1" in text
    page = (out / "report.html").read_text()
    assert "data:image/png" in page
    assert "rolled back" in page
    assert (out / "success.png").stat().st_size > 5000
    assert json.loads((out / "summary.json").read_text())["rounds"][1]["outcome"] == "rolled back"


@pytest.mark.parametrize("replay_all", [False, True])
def test_which_demonstrations_are_replayed(
    config: RoundsConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replay_all: bool
) -> None:
    asked: list[Any] = []
    given: list[list[bool]] = []

    def noted(paths: Any, size: int, skills: Any, **options: Any) -> list[Clip]:
        asked.append(skills)
        return load_clips(paths, size, skills, **options)

    def shown(
        policy: Any, success: Any, failed: Any, demos: Any, *rest: Any, **options: Any
    ) -> Any:
        given.append([clip.imagined is not None for clip in demos])
        return finetune_policy(policy, success, failed, demos, *rest, **options)

    monkeypatch.setattr("mosel_gym.data.windows.load_clips", noted)
    for place in ("agents.improvement.policy", "training.finetune_policy"):
        monkeypatch.setattr(f"mosel_gym.{place}.finetune_policy", shown)
    config = small(config, target=("policy",), replay_all=replay_all)
    collected(config, tmp_path, 1, [GOOD, HALF, BAD])
    checked(config, tmp_path, 1, [True] * 3, [True] * 3)
    (done,) = improve_rounds(config, tmp_path, 1, progress=False)
    assert done.outcome == "kept"
    wanted = None if replay_all else tuple(done.rollouts["skills"])
    assert asked == [wanted] * 2  # the round, and its control
    assert len(given) == 2
    assert all(row and all(row) for row in given)  # both see what the agent's planner imagines


def test_other_settings_are_refused_and_more_rounds_are_not(
    finished: tuple[Path, RoundsConfig], tmp_path: Path
) -> None:
    out, config = finished
    with pytest.raises(MoselError, match="steps was 2, is 3"):
        improve_rounds(small(config, steps=3), out, 1, progress=False)
    assert len(improve_rounds(small(config, rounds=2), out, 1, progress=False)) == 3
    (tmp_path / "mine.txt").write_text("", encoding="utf-8")
    with pytest.raises(MoselError, match="not empty"):
        improve_rounds(config, tmp_path, 1, progress=False)
    with pytest.raises(SpecMismatch, match="--no-control"):
        improve_rounds(small(config, demos=None), tmp_path / "new", 1, progress=False)
    with pytest.raises(SpecMismatch, match=r"no \.hdf5 file"):
        improve_rounds(small(config, demos=tmp_path), tmp_path / "new", 1, progress=False)


@pytest.mark.parametrize(
    ("ends", "accepted", "words"),
    [
        ([GOOD] * 3, 2, "All 3 episodes were judged successful"),
        ([GOOD, BAD, BAD], 3, "needs at least 3 skill segments"),
    ],
)
def test_one_sided_rounds_are_skipped(
    config: RoundsConfig, tmp_path: Path, ends: list[tuple[bool, bool]], accepted: int, words: str
) -> None:
    one = small(config, min_accepted=accepted)
    collected(one, tmp_path, 1, ends)
    (found,) = improve_rounds(one, tmp_path, 1, progress=False)
    assert found.outcome == "skipped"
    assert words in found.said
    assert found.standing.agent == 0
    assert not (tmp_path / "agent").exists()
    assert "No round was kept" in write_rounds(one, tmp_path, [found])


def test_auto_refines_the_plan_and_then_a_network(config: RoundsConfig, tmp_path: Path) -> None:
    auto = small(config, target=("auto",), rounds=2, check=0, alpha=0.0)
    for number in (1, 2):
        collected(auto, tmp_path, number, [HALF, GOOD, BAD], fault="language")
    first = improve_rounds(small(auto, rounds=1), tmp_path, 1, progress=False)[0]
    assert (first.module, first.outcome) == ("language", "kept")
    assert "2 of 2 failed episodes" in first.reason
    assert "New plans" in first.training["improved"]["reason"]
    refined = MoselAgent.from_pretrained(tmp_path / "agent")
    assert refined.plans[TASK.goal].skills != TASK.plan
    assert (first.training["control"], first.standing.control) == (None, 0)
    agent = RoundsFolder(tmp_path).round(1).path / "agent" / "agent.json"
    content = json.loads(agent.read_text())
    content["refined"] = {TASK.goal: 3}  # as after two rounds more
    agent.write_text(json.dumps(content))
    second = improve_rounds(auto, tmp_path, 1, progress=False)[1]
    assert second.module in ("video", "policy")
    assert "cannot be refined any further" in second.reason
    assert "unchecked" in second.said


RUN = """
import sys
from pathlib import Path
import tyro
from mosel_gym.cli.improve_rounds import main
tyro.cli(main, args=sys.argv[1:])
"""


def words_of(config: RoundsConfig, out: Path, *more: str) -> list[str]:
    """The command line of some rounds."""
    return [
        sys.executable, "-c", RUN, "--agent", config.agent, "--demos", str(config.demos),
        "--tasks", *config.tasks, "--rounds", str(config.rounds), "--interactions",
        str(config.interactions), "--steps", str(config.steps), "--check", str(config.check),
        "--min-accepted", str(config.min_accepted), "--out", str(out), "--workers", "1", *more,
    ]  # fmt: skip


def killed_at(words: list[str], appears: Path, limit_s: float = 300.0) -> None:
    """Run a command and kill it as soon as a file is there."""
    with subprocess.Popen(
        words, cwd=Path(__file__).resolve().parents[2], stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        stop_s = time.monotonic() + limit_s
        while not appears.exists():
            assert process.poll() is None, f"ended before {appears} was there"
            assert time.monotonic() < stop_s
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_killed_in_training_it_ends_as_if_it_had_not_been(
    finished: tuple[Path, RoundsConfig], tmp_path: Path
) -> None:
    done, config = finished
    out = tmp_path / "out"
    shutil.copytree(done, out, symlinks=True)
    second = out / "rounds" / "2"
    for name in ("agent", "control"):
        shutil.rmtree(second / name)
    for name in ("decision", "training", "check", "round"):
        (second / f"{name}.json").unlink()
    (second / "check" / "after" / TASK.id / "run.json").unlink()  # of the agent just removed
    shutil.rmtree(out / "rounds" / "3")
    collected(config, out, 3, [BAD] * 3)
    killed_at(words_of(config, out), second / "agent" / "policy.safetensors")
    assert len(RoundsFolder(out).done()) == 1
    assert not (second / "training.json").exists()
    improve_rounds(config, out, 1, progress=False)
    assert outcome(out) == outcome(done)
    assert not list(second.glob("agent/.*")), "what the killed run left half-written is gone"


def test_every_second_interaction_explores(config: RoundsConfig, tmp_path: Path) -> None:
    config = small(config, explore=1.0, interactions=2, max_steps=3, render_every=3)
    folder, tasks, _ = begin(config, tmp_path)
    place = folder.round(1).path
    found = Episodes(config, tasks, 1, tqdm(disable=True)).collect(1, config.agent, place)
    assert (found["episodes"], found["broken"]) == (2, 0)
    for name, seed, words in (("", 0, ""), ("-exploring", 1, ", temperature 1")):
        episodes = place / "rollouts" / f"{tasks[0]}{name}"
        run = json.loads((episodes / "run.json").read_text())
        assert run["agent"] == PretrainedAgent(config.agent).fingerprint() + words
        seeds = [path.stem for path in episodes.glob("seed-*.json")]
        assert seeds == [f"seed-{config.rollout_seeds(1, robotwin=False)[seed]}"]
    with pytest.raises(SpecMismatch, match="--explore is -1"):
        small(config, explore=-1)


def test_the_second_round_can_learn_from_the_same_interactions(
    config: RoundsConfig, tmp_path: Path
) -> None:
    config = small(config, rounds=2, reuse=True, target=("video", "policy"), control=False)
    collected(config, tmp_path, 1, [GOOD, HALF, BAD])
    for number in (1, 2):
        checked(config, tmp_path, number, [False] * 3, [True] * 3)
    one, two = improve_rounds(config, tmp_path, 1, progress=False)
    assert (one.outcome, two.outcome) == ("kept", "kept")
    assert (one.module, two.module) == ("video", "policy")
    assert two.rollouts["collected_by"] == 1
    assert two.decision["accepted"] == one.decision["accepted"] == 3
    assert two.seeds["interactions"] == one.seeds["interactions"]
    assert two.seconds["interactions"] == 0.0
    first, second = (tmp_path / "rounds" / str(row.number) / "agent" for row in (one, two))
    assert tensors(first / "video.safetensors") == tensors(second / "video.safetensors")
    assert tensors(first / "policy.safetensors") != tensors(second / "policy.safetensors")
    text = write_rounds(config, tmp_path, [one, two])
    assert "3 interactions take" in text
    assert "From the interactions of round 1." in text


def test_a_round_can_learn_from_all_that_was_collected_so_far(
    config: RoundsConfig, tmp_path: Path
) -> None:
    config = small(config, rounds=3, reuse=True, accumulate=True, target=("policy",), control=False)
    collected(config, tmp_path, 1, [GOOD, HALF, BAD])
    collected(config, tmp_path, 3, [GOOD, GOOD, HALF])
    for number in (1, 2, 3):
        checked(config, tmp_path, number, [False] * 3, [True] * 3)
    rounds = improve_rounds(config, tmp_path, 1, progress=False)
    assert [row.training["improved"]["episodes"] for row in rounds] == [3, 3, 6]
    assert [row.training["improved"]["accepted"] for row in rounds] == [3, 3, 8]
    assert [row.decision["accepted"] for row in rounds] == [3, 3, 8]
    assert [row.decision["blame"]["episodes"] for row in rounds] == [3, 3, 3]  # who errs now
    told = card_information(str(tmp_path / "agent"))  # and every row of it will say so
    assert told == "3 rounds from episodes of its own, judged by pixel"
