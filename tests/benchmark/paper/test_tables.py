"""Tables of rows that were written by hand: right cells, gaps with reasons, nothing pooled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mosel_gym.benchmark.paper.bench import bench
from mosel_gym.benchmark.paper.build import COLUMNS, build, columns
from mosel_gym.benchmark.paper.cells import Cell, Table
from mosel_gym.benchmark.paper.config import PaperConfig, quick, rollout_seeds, trial_seeds
from mosel_gym.benchmark.paper.gaps import Notes
from mosel_gym.benchmark.paper.information import information
from mosel_gym.benchmark.paper.published import SELECTED, libero
from mosel_gym.benchmark.paper.render import as_text
from mosel_gym.benchmark.paper.source import Source
from mosel_gym.benchmark.rows import Row
from mosel_gym.errors import MoselError, SpecMismatch, UnknownId
from tests.benchmark.paper.hand_written import CONDITIONS, trials, written

T2, T6 = libero(2), libero(6)
VIDEO, POLICY = "MOSEL +video", "MOSEL +video +policy"


def made(name: str, results: Path, **config: Any) -> Table:
    settings = PaperConfig(**config)
    source = Source.read(results, f"mosel bench {name}")
    return build(name, source, settings, columns(name, settings.tasks))


def cell(table: Table, line: str, column: str) -> Cell:
    found = [row for row in table.lines if row.title.startswith(line)]
    return found[0].cells[table.header.index(column)]


def test_a_cell_has_the_papers_number_ours_n_and_the_interval(tmp_path: Path) -> None:
    table = made("table1", written(tmp_path, trials("HiP", T6, [True] * 17 + [False] * 7)))
    found = cell(table, "MOSEL (Baseline)", "Task6")
    assert (found.paper, found.ours, found.gap) == ("0.34", "17/24 = 71 % [51, 85]", "")
    text = as_text(table)
    assert "0.34 · 17/24 = 71 % [51, 85]" in text
    for said in ("Task planner: offline", "Video analyzer: pixel", "Protocol: mosel"):
        assert said in text
    for said in ("mujoco-egl", "a processor, 2 cores", "abc1234", "torch 2.15.0", "Assets: proced"):
        assert said in text
    assert "sapien" not in text  # it had no part in these rows


def test_a_gap_is_marked_explained_and_enters_no_mean(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        trials("HiP", T2, [True, True, False, False]),
        trials("HiP", T6, [True, False, False, False]),
    )
    Notes(folder).put("no agent 'unipi': give --agents", "UniPi", T6)
    table = made("table1", folder)
    assert cell(table, "UniPi", "Task6").gap == "no agent 'unipi': give --agents"
    assert cell(table, "PaLM-E", "Task6").gap.startswith("not run yet")
    mean = cell(table, "MOSEL (Baseline)", "mean")
    assert mean.ours == "38 % (over Task2, Task6)"
    assert mean.paper == "0.37"  # (0.40 + 0.34) / 2, over the same columns
    text = as_text(table)
    number = text.partition("] no agent 'unipi'")[0].rpartition("[")[2]
    assert f"0.00 · – [{number}]" in text
    assert Notes(folder).reason("UniPi", T6)
    Notes(folder).put("", "UniPi", T6)
    assert not Notes(folder).reason("UniPi", T6)


def test_a_broken_trial_is_no_failure(tmp_path: Path) -> None:
    folder = written(tmp_path, trials("HiP", T6, [True, None, False]), trials("UniPi", T6, [None]))
    table = made("table1", folder)
    assert cell(table, "MOSEL (Baseline)", "Task6").ours.startswith("1/2 = 50 %")
    assert "(1 broken)" in cell(table, "MOSEL (Baseline)", "Task6").ours
    assert cell(table, "UniPi", "Task6").gap == "1 trials broke: SimulationDiverged: NaN"


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("protocol", {"protocol": "upstream"}),
        ("renderer", {"renderer": "mujoco-osmesa"}),
        ("assets", {"assets": "real"}),
        ("fingerprint", {"fingerprint": "other weights"}),
        ("conditions", {"conditions": CONDITIONS | {"max_steps": 100}}),
    ],
)
def test_unlike_rows_are_never_pooled(tmp_path: Path, name: str, changed: dict[str, Any]) -> None:
    folder = written(
        tmp_path,
        trials("HiP", T6, [True] * 3),
        trials("HiP", T6, [False] * 3, first=5000, **changed),
        trials("MOSEL", T6, [True] * 4),
    )
    table = made("table1", folder)
    found = cell(table, "MOSEL (Baseline)", "Task6")
    assert found.ours == ""
    assert name in found.gap
    assert "never" in found.gap
    assert cell(table, "  ours", "Task6").ours.startswith("4/4")  # the rest still stands


def test_rows_of_another_setting_are_warned_of(tmp_path: Path) -> None:
    folder = written(
        tmp_path, trials("HiP", T6, [True]), trials("MOSEL", T6, [True], renderer="sapien")
    )
    text = as_text(made("table1", folder))
    assert "WARNING: on Task6 the renderer differs" in text


def test_every_refined_row_has_its_control_and_a_paired_test(tmp_path: Path) -> None:
    after = [True] * 12 + [False] * 4
    folder = written(
        tmp_path,
        trials("MOSEL", T6, [True] * 4 + [False] * 12),
        trials(VIDEO, T6, after),
        trials(f"{VIDEO}, control", T6, [False, True] + [True] * 4 + [False] * 10),
    )
    table = made("table1", folder)
    titles = [line.title for line in table.lines]
    assert titles.index("  control, demos alone") == titles.index("+Self-Improved Video") + 1
    assert f"Task6: {VIDEO} vs {VIDEO}, control: +7 -0 of 16, p = 0.016" in table.comparisons
    assert f"Task6: {VIDEO} vs MOSEL: +8 -0 of 16, p = 0.0078" in table.comparisons


def test_table_2_goes_through_language(tmp_path: Path) -> None:
    beat = "MOSEL-RoboTwin-BeatBlock"
    folder = written(
        tmp_path,
        trials("MOSEL +language", beat, [True, False]),
        trials("MOSEL +language +video +policy", beat, [True, True]),
    )
    table = made("table2", folder)
    assert cell(table, "+Self-Improved LVLM", "BeatBlock").paper == "0.32"
    assert cell(table, "+++Self-Improved Policy", "BeatBlock").ours.startswith("2/2")
    assert [line.title for line in table.lines].count("  control, demos alone") == 2


def test_table_4_compares_with_and_without_identification(tmp_path: Path) -> None:
    t3 = libero(3)
    folder = written(
        tmp_path,
        trials(POLICY, t3, [True, True]),
        trials(f"{POLICY}, no failure identification", t3, [False, True]),
    )
    table = made("table4", folder)
    assert cell(table, "w/o FI", "Task3").ours.startswith("1/2")
    assert cell(table, "w/ FI", "Task3").paper == "0.90"
    assert any("no failure identification: +1 -0 of 2" in line for line in table.comparisons)


def test_table_7_keeps_disturbed_trials_apart(tmp_path: Path) -> None:
    disturbed = CONDITIONS | {"disturbed": True}
    folder = written(
        tmp_path,
        trials(POLICY, T6, [True, True]),
        trials(POLICY, T6, [True, False], conditions=disturbed),
    )
    table = made("table7", folder)
    assert cell(table, "Without", "Task6").ours.startswith("2/2")
    assert cell(table, "With visual", "Task6").ours.startswith("1/2")
    assert cell(table, "With visual", "Task6").paper == "0.50"


def _judged(purpose: str, pairs: list[tuple[bool, bool]], **changed: Any) -> list[Row]:
    from dataclasses import replace

    rows = trials(VIDEO, T6, [truth for _, truth in pairs], first=2_001_000,
                  conditions=CONDITIONS | {"purpose": purpose} | changed)  # fmt: skip
    return [replace(row, judged_success=said) for row, (said, _) in zip(rows, pairs, strict=True)]


PAIRS = [(True, True)] * 6 + [(True, False)] * 2 + [(False, True)] * 1 + [(False, False)] * 3


def test_table_8_counts_verdicts_on_interactions_alone(tmp_path: Path) -> None:
    folder = written(tmp_path, trials(POLICY, T6, [True]), trials(VIDEO, T6, [True, False]))
    written(tmp_path, _judged("interactions", PAIRS), file="interactions.jsonl")
    table = made("table8", folder)
    assert cell(table, "Task6", "accuracy").ours.startswith("9/12 = 75 %")
    assert cell(table, "Task6", "precision").ours.startswith("6/8 = 75 %")
    assert cell(table, "Task6", "recall").ours.startswith("6/7 = 86 %")
    assert cell(table, "Task6", "F1 [95 %]").ours.startswith("0.80 [")
    assert cell(table, "Task6", "success after refinement").ours.startswith("1/1")
    assert cell(table, "Task6", "precision").paper == "0.64"


def test_table_9_has_a_line_for_every_judge_and_a_gap_for_the_open_model(tmp_path: Path) -> None:
    folder = written(tmp_path, _judged("judged", PAIRS, by="pixel"), file="judged.jsonl")
    written(tmp_path, _judged("judged", [(False, True)], by="openai-compatible:qwen"))
    table = made("table9", folder)
    assert cell(table, "pixel, Task6", "precision").ours.startswith("6/8")
    assert cell(table, "pixel, Task6", "precision").paper == ""
    gap = cell(table, "an open video model, Task6", "accuracy")
    assert gap.paper == "0.60"
    assert "--judges" in gap.gap
    spec = "openai-compatible:qwen@http://127.0.0.1:1/v1"
    table = made("table9", folder, judges=(spec,))
    assert cell(table, "openai-compatible:qwen, Task6", "accuracy").paper == "0.60"
    assert cell(table, "openai-compatible:qwen, Task6", "accuracy").ours.startswith("0/1")
    none = cell(table, "openai-compatible:qwen, Task6", "precision")
    assert none.gap == "the judge called none a success"
    assert "127.0.0.1" not in as_text(table)


def test_table_10_has_mean_and_spread_over_repetitions(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        trials(VIDEO, T6, [True] * 4 + [False] * 6),
        trials(VIDEO, T6, [True] * 6 + [False] * 4, first=1_010_000, repeat=1, fingerprint="other"),
        trials("HiP", T6, [True, False]),
    )
    table = made("table10", folder)
    found = cell(table, "+Strengthen Video", "Task6")
    assert (found.paper, found.ours) == ("0.37 ± 0.05", "50 % ± 10 (4/10, 6/10)")
    assert "1 repetition has no spread" in cell(table, "Baseline", "Task6").ours
    assert cell(table, "Baseline", "Task2").paper == "0.395 ± 0.005"
    assert any("repeat 1: 6/10 = 60 % [31, 83]" in note for note in table.notes)


def test_table_3_says_that_it_is_made_of_proxies_and_marks_privilege(tmp_path: Path) -> None:
    from dataclasses import replace

    beat, t5 = "MOSEL-RoboTwin-BeatBlock", libero(5)
    plans = [
        trials("scripted expert, first plan", beat, [False, False], privileged_agent=True),
        trials("scripted expert, refined plan", beat, [True, False], privileged_agent=True),
    ]
    imagined = trials(VIDEO, t5, [None], conditions=CONDITIONS | {"purpose": "imagined"})
    said = ({"skill": "a", "judged": True}, {"skill": "b", "judged": False})
    imagined = [replace(row, status="ok", verdicts=said) for row in imagined]
    folder = written(tmp_path, *plans, imagined)
    table = made("table3", folder)
    assert cell(table, "w/o MOSEL", "language, BeatBlock").ours.startswith("0/2")
    assert cell(table, "w/ MOSEL", "language, mean").paper == "0.89"
    assert cell(table, "w/ MOSEL", "visual, Task5").ours.startswith("1/2")
    text = as_text(table)
    assert text.count("PROXY") == 2
    assert "w/ MOSEL (PRIVILEGED)" in text


def test_table_11_has_success_wall_time_and_seconds_a_video(tmp_path: Path) -> None:
    label = "MOSEL, 20 sampling steps"
    sampled = trials(label, T2, [None] * 3, conditions=CONDITIONS | {"purpose": "sampled"})
    from dataclasses import replace

    sampled = [replace(row, status="ok", seconds=0.5 + at) for at, row in enumerate(sampled)]
    folder = written(tmp_path, trials(label, T2, [True] * 10), sampled)
    table = made("table11", folder)
    assert cell(table, "20 steps", "success").ours.startswith("10/10")
    assert cell(table, "20 steps", "execution time").ours == "1.0 min for 10 trials"
    assert cell(table, "20 steps", "execution time").paper == "43 min"
    assert cell(table, "20 steps", "per video").ours == "1.500 s (0.500 to 2.500, n = 3)"
    assert cell(table, "10 steps", "per video").gap


def test_fig_6_is_a_picture_and_its_numbers(tmp_path: Path) -> None:
    folder = written(
        tmp_path / "rows", trials("MOSEL", T6, [True, False]), trials(VIDEO, T6, [True])
    )
    done = bench("fig6", PaperConfig(), tmp_path / "out", folder, render_only=True)
    picture = (tmp_path / "out" / "fig6.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert "![fig6](fig6.png)" in done.path.read_text(encoding="utf-8")
    assert "no numbers in its text" in done.text
    assert "3 episodes entered" in done.text  # round 0 stands in two lines, and counts once


@pytest.mark.parametrize("name", COLUMNS)
def test_without_rows_every_cell_is_a_gap_and_nothing_is_run(name: str, tmp_path: Path) -> None:
    done = bench(name, PaperConfig(), tmp_path / "out", tmp_path / "none", render_only=True)
    assert "No row entered this table." in done.text
    assert f"`mosel bench {name}` runs it" in done.text
    assert done.path.name == f"{name}.md"
    assert not (tmp_path / "none").exists()
    table = made(name, tmp_path / "none")
    assert not [cell for line in table.lines for cell in line.cells if cell.ours]


def test_a_file_in_place_of_the_folder_of_rows_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, trials("HiP", T6, [True])) / "paper.jsonl"
    with pytest.raises(MoselError, match="is a file; --results takes the folder"):
        bench("table1", PaperConfig(), tmp_path / "out", file, render_only=True)


def test_interactions_that_the_simulator_judged_are_told() -> None:
    told = information("MOSEL +video", "libero-long", 100, "privileged:0.9,0.8")
    assert "100 own interactions a round (judged with simulator truth: PRIVILEGED" in told
    for label, analyzer in (("MOSEL +video", "pixel"), ("MOSEL +video, control", "privileged")):
        assert "PRIVILEGED" not in information(label, "libero-long", 100, analyzer)


def test_columns_are_the_papers_or_those_that_are_named() -> None:
    assert columns("table7") == SELECTED
    assert columns("table7", ("9", "6")) == (T6, libero(9))
    with pytest.raises(MoselError, match="another suite"):
        columns("table1", ("MOSEL-RoboTwin-BeatBlock",))
    with pytest.raises(MoselError, match="one task"):
        columns("table11", ("2", "6"))
    with pytest.raises(UnknownId, match="Allowed"):
        columns("table5")


def test_an_episode_that_two_files_hold_counts_once(tmp_path: Path) -> None:
    rows = trials("HiP", T6, [True, False])
    written(tmp_path, rows, file="eval.jsonl")
    table = made("table1", written(tmp_path, rows))
    assert cell(table, "MOSEL (Baseline)", "Task6").ours.startswith("1/2")


def test_seeds_of_trials_interactions_and_repetitions_lie_apart() -> None:
    config = PaperConfig()
    seen: set[int] = set()
    count = 0
    for repeat in range(3):
        ranges = [trial_seeds(config, repeat)]
        ranges += [rollout_seeds(100, at, repeat) for at in range(4)]
        for one in ranges:
            seen |= set(one)
            count += len(one)
    assert len(seen) == count
    assert min(seen) >= 1_000_000
    assert not seen & set(range(3_000_000, 3_001_000))  # demonstrations


def test_more_episodes_than_there_are_seeds_are_refused() -> None:
    assert len(rollout_seeds(1000, 0, 0)) == 1000
    with pytest.raises(SpecMismatch, match=r"--interactions is 1001; 0\.\.1000"):
        rollout_seeds(1001, 0, 0)
    with pytest.raises(SpecMismatch, match="--trials is 10001"):
        trial_seeds(PaperConfig(trials=10_001))


def test_a_mixed_cell_is_not_compared_either(tmp_path: Path) -> None:
    mixed = [*trials("MOSEL", T6, [True]), *trials("MOSEL", T6, [True], 1_000_001, fingerprint="x")]
    table = made("table1", written(tmp_path, mixed, trials("MOSEL +video", T6, [False, False])))
    assert "not counted" in cell(table, "  ours: judge", "Task6").gap
    assert not table.comparisons


def test_the_quick_form_keeps_what_was_asked_for() -> None:
    small = quick(PaperConfig(trials=3, steps=7, tasks=("6",)))
    assert (small.trials, small.steps, small.tasks) == (3, 7, ("6",))
    assert small.interactions == 6
