"""The command line: help, exit codes, and one message instead of a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mosel_gym.benchmark.collect import CollectConfig, collect, plan_of
from mosel_gym.benchmark.provenance import read_json
from mosel_gym.cli import main
from mosel_gym.cli.main import COMMANDS
from mosel_gym.data.libero_hdf5 import read_episode
from mosel_gym.errors import MoselError
from mosel_gym.registry import task_of

TASK = task_of("MOSEL-LiberoLong-Task6")


def test_help_is_fast_and_light() -> None:
    code = (
        "import sys; from mosel_gym.cli import main; main(['--help'])\n"
        "heavy = [m for m in ('torch', 'mujoco', 'h5py', 'tyro') if m in sys.modules]\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(" ".join(name) in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS), ids=" ".join)
def test_every_command_has_help(name: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*name, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: mosel {' '.join(name)}")


def test_groups_list_their_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 0
    assert "train judge" in capsys.readouterr().out


def test_list_names_ids_and_goals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert TASK.id in said
    assert TASK.goal in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["colect"], "Did you mean: collect"),
        (["train", "vidoe"], "Did you mean: train video"),
        (["eval", "--agent", "libero-lnog"], "No checkpoint 'libero-lnog'"),
        (["collect", "--out", "x", "--task", "MOSEL-LiberoLong-Tsak6"], "MOSEL-LiberoLong-Task6"),
        (["report", "no-such-folder"], "no-such-folder"),
        (["train", "policy", "--data", "no-such-data", "--out", "x"], "no-such-data"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named_with_what_installs_it() -> None:
    code = (
        "import sys; sys.modules['stable_baselines3'] = None\n"
        "from mosel_gym.cli.main import main\n"
        "rl = ['train', 'rl', '--out', 'x']\n"
        "vla_rl = ['train', 'vla-rl', '--start', 'a', '--task', '6', '--out', 'x']\n"
        "print([main(words) for words in (rl, vla_rl)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[2, 2]", done.stderr
    assert done.stderr.count("pip install mosel-gym[rl]") == 2


def test_orders_alternate() -> None:
    config = CollectConfig()
    assert plan_of(config, TASK, 0) == TASK.plan
    assert plan_of(config, TASK, 1) == TASK.plan[::-1]
    assert plan_of(CollectConfig(order="forward"), TASK, 1) == TASK.plan
    with pytest.raises(MoselError, match="dance"):
        plan_of(CollectConfig(skills=("dance",)), TASK, 0)


def test_collect_writes_resumes_and_refuses_other_settings(tmp_path: Path) -> None:
    config = CollectConfig(episodes=1, skills=TASK.plan[1:], camera_size=32, seed=4)
    rows = collect(config, tmp_path, 1, progress=False)
    assert [(row.seed, row.error) for row in rows] == [(4, "")]
    assert rows[0].skills_done == {TASK.plan[1]: True}
    episode = read_episode(tmp_path / "seed-000004.hdf5")
    assert episode.num_steps == rows[0].steps
    assert (tmp_path / "seed-000004.mp4").stat().st_size > 0
    assert read_json(tmp_path / "collect.json")["versions"]["mujoco"]
    written = (tmp_path / "seed-000004.hdf5").stat().st_mtime_ns
    assert collect(config, tmp_path, 1, progress=False) == rows
    assert (tmp_path / "seed-000004.hdf5").stat().st_mtime_ns == written
    other = CollectConfig(episodes=1, skills=TASK.plan[1:], camera_size=64, seed=4)
    with pytest.raises(MoselError, match="camera_size differ"):
        collect(other, tmp_path, 1, progress=False)
