"""What runs are made of, without a simulator: arms, gaps that are noted, folders, resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mosel_gym.agents import MoselAgent, PrivilegedAnalyzer
from mosel_gym.benchmark.arms import ArmJob, control_arm, language_arm
from mosel_gym.benchmark.judge_rows import JudgedRow
from mosel_gym.benchmark.paper.chain import Chain, all_successes, slug
from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.paper.extras import _judged_row
from mosel_gym.benchmark.paper.labels import CONTROL, chain_label, targets_of
from mosel_gym.benchmark.paper.measure import SampledAgent, seed_of
from mosel_gym.benchmark.paper.roster import Roster, unknown_skills
from mosel_gym.benchmark.paper.runner import MARKER, Runner
from mosel_gym.benchmark.paper.store import Store, cell
from mosel_gym.benchmark.paper.work import Trial, work_of
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.specs import PretrainedAgent
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import (
    BudgetReached,
    DamagedFile,
    MoselError,
    NotEnoughData,
    SpecMismatch,
)
from mosel_gym.registry import task_of
from mosel_gym.types import Fault
from tests.benchmark.judged_episodes import made_episode
from tests.benchmark.paper.hand_written import CONDITIONS, trials, written
from tests.benchmark.paper.tiny_agents import LIBERO, ROBOTWIN


def runner_of(config: PaperConfig, folder: Path) -> Runner:
    bar = SimpleNamespace(n=0, total=0, update=lambda n=1: None, set_description=lambda t: None)
    return Runner(config, folder / "out", folder / "results", 1, bar)


def reflected(folder: Path, faults: list[Fault]) -> Path:
    """One failed episode for each fault."""
    buffer = ReflectionBuffer(folder)
    for seed, fault in enumerate(faults):
        episode = made_episode(seed, True, False)
        said = replace(PrivilegedAnalyzer().analyze(episode), fault=fault)
        buffer.add(episode, said)
    return folder


def job(tiny: PaperConfig, buffer: Path, out: Path, **changed: object) -> ArmJob:
    source = str(Path(str(tiny.agents)) / LIBERO / "mosel")
    made = ArmJob(source, task_of(LIBERO).goal, str(buffer), None, str(out), "language")
    return replace(made, **changed)  # type: ignore[arg-type]


def test_a_plan_that_nobody_blames_is_kept(tiny: PaperConfig, tmp_path: Path) -> None:
    kept = job(tiny, reflected(tmp_path / "a", ["skill"]), tmp_path / "kept")
    assert language_arm(kept).target == "none"
    assert MoselAgent.from_pretrained(kept.out).plans == {}
    new = job(tiny, reflected(tmp_path / "b", ["skill", "language"]), tmp_path / "new")
    assert language_arm(new).target == "language"
    goal = task_of(LIBERO).goal
    assert MoselAgent.from_pretrained(new.out).plans[goal].skills != task_of(LIBERO).plan


def test_the_seed_of_an_arm_decides_its_weights(tiny: PaperConfig, tmp_path: Path) -> None:
    demos = str(Path(str(tiny.demos)) / LIBERO)
    losses = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        arm = job(tiny, tmp_path, tmp_path / name, target="video", demos=demos, steps=1, seed=seed)
        losses.append(control_arm(arm).loss_after)
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_without_identification_every_skill_is_a_success(tmp_path: Path) -> None:
    buffer = reflected(tmp_path / "buffer", ["skill", "skill"])
    blind = ReflectionBuffer(all_successes(buffer, tmp_path / "blind"))
    assert ReflectionBuffer(buffer).counts()["rejected"] == 2
    assert blind.counts() == {
        "episodes": 2, "segments": 4, "accepted": 4, "rejected": 0, "unjudged": 0
    }  # fmt: skip
    assert len(ReflectionBuffer(all_successes(buffer, tmp_path / "blind"))) == 2  # not twice
    assert {seed_of(path) for path in blind.episodes()} == {0, 1}


def test_another_setting_stops_the_command_and_fresh_begins_anew(
    tiny: PaperConfig, tmp_path: Path
) -> None:
    config = replace(tiny, demos=None)
    runner = runner_of(config, tmp_path)
    Chain(runner, LIBERO, 0)._check_settings()
    Chain(runner, LIBERO, 0)._check_settings()  # the same is fine
    other = runner_of(replace(config, steps=9), tmp_path)
    with pytest.raises(MoselError, match=r"steps differ.*--fresh"):
        Chain(other, LIBERO, 0).source("MOSEL +video")
    written(tmp_path / "results", trials("HiP", LIBERO, [True]), trials("HiP", ROBOTWIN, [True]))
    runner.store.notes.put("why", "UniPi", LIBERO)
    other.forget([LIBERO])
    assert not (tmp_path / "out" / LIBERO).exists()
    assert [row.env_id for row in other.store.rows()] == [ROBOTWIN]
    assert not Store(tmp_path / "results").notes.reason("UniPi", LIBERO)


def test_fresh_leaves_a_strangers_folder_alone(tiny: PaperConfig, tmp_path: Path) -> None:
    thesis = tmp_path / "out" / LIBERO / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("mine", encoding="utf-8")
    with pytest.raises(MoselError, match="leaves it alone"):
        runner_of(tiny, tmp_path).forget([LIBERO])
    assert thesis.read_text(encoding="utf-8") == "mine"
    ours = runner_of(tiny, tmp_path).task_folder(ROBOTWIN)
    with pytest.raises(MoselError, match="leaves it alone"):  # and then removes nothing at all
        runner_of(tiny, tmp_path).forget([ROBOTWIN, LIBERO])
    assert ours.exists()
    assert not (thesis.parent / MARKER).exists()


def test_what_cannot_be_done_is_a_gap_and_what_is_wrong_stops(
    tiny: PaperConfig, tmp_path: Path
) -> None:
    runner = runner_of(tiny, tmp_path)
    with runner.noting("UniPi", LIBERO):
        raise NotEnoughData("too few")
    assert runner.store.notes.reason("UniPi", LIBERO) == "too few"
    for error in (MoselError("other settings"), BudgetReached("spent")):
        with pytest.raises(type(error)), runner.noting("PaLM-E", LIBERO):
            raise error
    assert not runner.store.notes.reason("PaLM-E", LIBERO)
    with runner.noting(("UniPi", "HiP"), LIBERO):
        pass
    assert not runner.store.notes.reason("UniPi", LIBERO)


def test_an_agent_that_cannot_be_made_is_tried_once(
    tiny: PaperConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runner_of(tiny, tmp_path)
    asked: list[int] = []

    def too_few(*arguments: object) -> None:
        asked.append(1)
        raise NotEnoughData("too few segments judged reached")

    monkeypatch.setattr(runner, "collect_interactions", too_few)
    chain = runner.chain(LIBERO)
    for label in ("MOSEL +video", "MOSEL +video +policy", "MOSEL +video"):
        with pytest.raises(NotEnoughData, match="too few"):
            chain.source(label)
    assert len(asked) == 1


def test_agents_are_found_by_task_first_and_gaps_say_what_is_missing(
    tiny: PaperConfig, tmp_path: Path
) -> None:
    roster = Roster(tiny)
    assert roster.source("MOSEL", LIBERO).endswith(f"{LIBERO}/mosel")
    assert roster.spec("HiP", LIBERO).source.startswith("hip:")
    assert roster.source("UniPi", LIBERO).endswith("unipi")
    with pytest.raises(NotEnoughData, match=r"'palm-e'.*--agents FOLDER"):
        roster.source("PaLM-E", LIBERO)
    shipped = Roster(PaperConfig())
    assert shipped.source("MOSEL", LIBERO) == "libero-long"
    assert shipped.knows(LIBERO)
    with pytest.raises(NotEnoughData, match="no agent 'mosel'"):
        shipped.source("MOSEL", ROBOTWIN)
    assert unknown_skills("libero-long", LIBERO) == ()
    drawer = "MOSEL-Libero90-Task1"
    assert unknown_skills("libero-long", drawer) == ("close the top drawer of the cabinet",)


def test_an_agent_of_a_run_does_not_pile_up_episodes_in_memory(tiny: PaperConfig) -> None:
    source = str(Path(str(tiny.agents)) / LIBERO / "mosel")
    agent = PretrainedAgent(source, analyzer="privileged").build()
    assert isinstance(agent, MoselAgent)
    assert agent.reflect(made_episode(0, True, False)).judged
    assert agent._memory == []
    by_itself = MoselAgent.from_pretrained(source, analyzer=PrivilegedAnalyzer())
    by_itself.reflect(made_episode(0, True, False))
    assert len(by_itself._memory) == 1


def test_a_planner_that_was_named_does_not_throw_a_refined_plan_away(tiny: PaperConfig) -> None:
    roster = Roster(replace(tiny, planner="offline"))
    source = roster.source("MOSEL", LIBERO)
    assert roster.mosel(source).planner == "offline"
    assert roster.mosel(source, refined=True).planner == "stored"


def test_sampling_steps_are_set_and_told_apart(tiny: PaperConfig) -> None:
    agent = PretrainedAgent(Roster(tiny).source("MOSEL", LIBERO))
    built = SampledAgent(agent, 7).build()
    assert isinstance(built, MoselAgent)
    assert built.video_planner.config.num_steps == 7  # type: ignore[attr-defined]
    assert SampledAgent(agent, 7).fingerprint() != SampledAgent(agent).fingerprint()
    assert SampledAgent(agent).fingerprint() == agent.fingerprint()
    unipi = PretrainedAgent(Roster(tiny).source("UniPi", LIBERO))
    assert SampledAgent(unipi, 3).build() is not None
    with pytest.raises(SpecMismatch, match="no video planner that samples"):
        SampledAgent(_NoVideo(), 3).build()  # type: ignore[arg-type]


class _NoVideo:
    def build(self) -> object:
        return SimpleNamespace(name="blind")


def test_only_rows_of_the_same_agent_and_setting_count_as_done(tmp_path: Path) -> None:
    folder = written(tmp_path, trials("HiP", LIBERO, [True, None, False]))
    store = Store(folder)
    wanted = cell(LIBERO, "HiP", 0, CONDITIONS)
    assert store.done(wanted, "HiP") == {1_000_000, 1_000_002}
    assert store.done(wanted, "other weights") == set()
    assert store.done(wanted, None) == set()
    assert store.done(replace(wanted, conditions=CONDITIONS | {"hold": 1}), "HiP") == set()
    store.forget_agent(wanted, "other weights")
    assert store.rows() == []


def test_rows_of_an_earlier_version_stay_until_there_are_new_ones(
    tiny: PaperConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runner_of(tiny, tmp_path)
    old = trials("HiP", LIBERO, [True], conditions=tiny.conditions())
    written(tmp_path / "results", old)

    def refused(*arguments: object, **more: object) -> list[EpisodeResult]:
        raise MoselError("the folder holds episodes of another run")

    monkeypatch.setattr(runner, "episodes", refused)
    with pytest.raises(MoselError, match="another run"):
        runner.trials(Trial("HiP", LIBERO))
    assert [row.fingerprint for row in runner.store.rows()] == ["HiP"]
    new = [EpisodeResult(seed, success=False) for seed in (1_000_001, 1_000_002)]
    monkeypatch.setattr(runner, "episodes", lambda *arguments, **more: new)
    runner.trials(Trial("HiP", LIBERO))
    assert [row.seed for row in runner.store.rows()] == [1_000_001, 1_000_002]


def test_two_commands_at_once_keep_each_others_notes(tmp_path: Path) -> None:
    one, other = Store(tmp_path).notes, Store(tmp_path).notes
    one.put("why", "UniPi", LIBERO)
    other.put("too", "HiP", ROBOTWIN)
    found = Store(tmp_path).notes
    assert (found.reason("UniPi", LIBERO), found.reason("HiP", ROBOTWIN)) == ("why", "too")
    (tmp_path / "paper.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(DamagedFile, match=r"paper\.json"):
        Store(tmp_path)


def test_all_judges_of_table_9_are_held_against_the_same_truth() -> None:
    """The file says whether the goal was held for 40 steps, the rows whether it was ever true."""
    (row,) = trials("MOSEL +video", LIBERO, [True], 2_001_000)
    name = f"{LIBERO}-round0-seed2001000-0123abcd.hdf5"
    said = JudgedRow("k", "pixel", "i", file=name, judged=True, truth=False)
    assert _judged_row(said, LIBERO, {}, {row.seed: row}).success is True
    assert _judged_row(said, LIBERO, {}, {}).success is False


def test_a_control_goes_on_from_the_last_control(tiny: PaperConfig, tmp_path: Path) -> None:
    chain = Chain(runner_of(tiny, tmp_path), ROBOTWIN, 0)
    assert chain._before_control(("language", "video")) == "MOSEL +language"
    before = chain._before_control(("language", "video", "policy"))
    assert before == f"MOSEL +language +video{CONTROL}"
    assert targets_of(before) == ("language", "video")
    assert targets_of("UniPi") is None
    assert chain_label(()) == "MOSEL"
    assert slug("MOSEL +video +policy, control") == "mosel-video-policy-control"


def test_the_work_of_a_table_is_what_its_cells_need() -> None:
    config = PaperConfig(trials=10, repeats=3)
    work = work_of("table10", (LIBERO,), config)
    assert {trial.repeat for trial in work.trials} == {0, 1, 2}
    # 3 x 6 cells of 10 trials, and 3 x 2 rounds of 100 interactions with two trainings each
    assert work.episodes(config, [LIBERO]) == 180 + 6 * (100 + 24)
    assert work.episodes(config, []) == 180
    assert work_of("table9", (LIBERO,), config).judged == (LIBERO,)
    assert {trial.disturbed for trial in work_of("table7", (LIBERO,), config).trials} == {0, 1}
