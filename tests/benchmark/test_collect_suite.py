"""Collecting whole suites, and drawing pictures afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.benchmark import collect_suite as module
from mosel_gym.benchmark.collect import CollectConfig, collect
from mosel_gym.benchmark.collect_suite import collect_suite, suite_rows
from mosel_gym.benchmark.provenance import read_json
from mosel_gym.benchmark.redraw import RedrawConfig, redraw
from mosel_gym.cli import main
from mosel_gym.data import read_episode, write_episode
from mosel_gym.errors import DamagedFile, MoselError, UnknownId
from mosel_gym.registry import TASKS

STOVE = "MOSEL-Libero90-Task21"
DRAWER = "MOSEL-Libero90-Task23"
CONFIG = CollectConfig(noise=False, camera_size=48, video=False)


def test_a_suite_is_collected_resumed_and_summed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TASKS", {key: TASKS[key] for key in (STOVE, DRAWER)})
    config = replace(CONFIG, pictures=False)
    new: list[int] = []
    rows = collect_suite(
        "libero90", 1, config, tmp_path, 1, progress=False, on_result=lambda e: new.append(e.seed)
    )
    assert [(row.task_id, row.demos) for row in rows] == [(STOVE, 1), (DRAWER, 1)]
    assert len(new) == 2
    rows = collect_suite(
        "libero-90", 2, config, tmp_path, 1, progress=False, on_result=lambda e: new.append(e.seed)
    )
    assert len(new) == 4, "what was there is not collected again"
    assert suite_rows(rows)[0][1] == "2/2"
    assert [row["demos"] for row in read_json(tmp_path / "summary.json")["tasks"]] == [2, 2]
    assert len(list(tmp_path.rglob("*.hdf5"))) == 4
    with pytest.raises(UnknownId, match="libero-90"):
        collect_suite("libero91", 1, config, tmp_path)


def test_redrawn_pictures_are_those_of_a_recording_bit_for_bit(tmp_path: Path) -> None:
    # The stove has a fixture whose pose is in no state, and a burner that begins to glow.
    live = replace(CONFIG, task=STOVE, episodes=1)
    collect(live, tmp_path / "live", 1, progress=False)
    collect(replace(live, pictures=False), tmp_path / "blind", 1, progress=False)
    (wanted,) = (tmp_path / "live").glob("*.hdf5")
    (file,) = (tmp_path / "blind").glob("*.hdf5")
    assert "agentview" not in read_episode(file).observations
    assert redraw([tmp_path / "blind"], RedrawConfig(camera_size=48), progress=False) == [file]
    expected, drawn = read_episode(wanted), read_episode(file)
    for camera in ("agentview", "wrist"):
        assert np.array_equal(expected.observations[camera], drawn.observations[camera])
    assert np.array_equal(expected.actions, drawn.actions)
    assert redraw([file], RedrawConfig(camera_size=48), progress=False) == [], "nothing to do"


def test_redrawing_refuses_files_without_fitting_states(tmp_path: Path) -> None:
    config = replace(CONFIG, task=STOVE, episodes=1, pictures=False)
    collect(config, tmp_path, 1, progress=False)
    (file,) = tmp_path.glob("*.hdf5")
    episode = read_episode(file)
    assert episode.states is not None
    write_episode(file, replace(episode, states=episode.states[:, :-3]))
    with pytest.raises(DamagedFile, match=rf"{file.name}.*Was it recorded on {STOVE}"):
        redraw([file], progress=False)
    write_episode(file, replace(episode, states=None))
    with pytest.raises(DamagedFile, match="no simulator states"):
        redraw([file], progress=False)


def test_a_bad_spread_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MoselError, match="allowed: 0 to 0.2"):
        collect(replace(CONFIG, layout_spread_m=0.9), tmp_path, 1)
    assert main(["collect", "--out", str(tmp_path), "--layout-spread-m", "0.9"]) == 2
    said = capsys.readouterr().err
    assert "0.9" in said
    assert "Traceback" not in said
