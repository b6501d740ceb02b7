"""Several processes do together what one does alone, and bfloat16 is used where it is there."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mosel_gym.errors import MissingLibrary, MoselError
from mosel_gym.training import devices, precision
from mosel_gym.training.devices import Processes, is_main, launched
from mosel_gym.training.loop import fit
from mosel_gym.training.precision import autocast, has_bf16
from tests.training.tiny_run import CONFIG, losses_of, network, weights

ROOT = Path(__file__).resolve().parents[2]


def test_two_processes_end_with_the_weights_of_one(tmp_path: Path) -> None:
    """Over gloo, with the variables that a launcher sets."""
    pytest.importorskip("accelerate")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.tiny_run", str(tmp_path / "two"), "0"],
            cwd=ROOT,
            env={
                **os.environ,
                **shared,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "OMP_NUM_THREADS": "1",
            },
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=500) for process in started] == [0, 0]
    first, second = (np.load(tmp_path / "two" / f"weights-{rank}.npy") for rank in range(2))
    np.testing.assert_array_equal(first, second)

    alone = network()
    config = replace(CONFIG, parts=2)
    fit(alone, losses_of(alone), config, tmp_path / "one", progress=False)
    np.testing.assert_allclose(first, weights(alone), atol=1e-6)
    whole = network()
    fit(whole, losses_of(whole), CONFIG, progress=False)
    assert np.abs(first - weights(whole)).max() > 1e-4, "other draws than those of one part"

    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("two", "one")]
    assert len(logs[0]) == len(logs[1]) == 8, "the main process alone writes the log"
    # One process goes on where two stopped: here there is nothing left to do.
    again = network()
    fit(again, losses_of(again), config, tmp_path / "two", progress=False)
    np.testing.assert_array_equal(weights(again), first)


def test_parts_are_the_batch() -> None:
    """In parts that draw the same, the gradient is the same."""

    def losses(module: torch.nn.Module) -> object:
        x = torch.linspace(-1, 1, 12).view(4, 3)
        return lambda draw: {"loss": (module(x)[:, 0] - x.sum(1)).square().mean()}

    one, three = network(), network()
    fit(one, losses(one), replace(CONFIG, batch_size=12), progress=False)  # type: ignore[arg-type]
    config = replace(CONFIG, batch_size=12, parts=3)
    fit(three, losses(three), config, progress=False)  # type: ignore[arg-type]
    np.testing.assert_allclose(weights(one), weights(three), atol=1e-5)


@pytest.mark.parametrize(
    ("count", "wanted", "batch"), [(1, 3, 16), (2, 3, 12), (4, 1, 6), (1, 0, 8)]
)
def test_a_batch_that_cannot_be_shared_is_refused(count: int, wanted: int, batch: int) -> None:
    together = Processes()
    together.count = count
    with pytest.raises(MoselError, match=r"--loop\.batch-size"):
        together.parts(wanted, batch)


def test_who_takes_which_part() -> None:
    together = Processes()
    together.index, together.count = 1, 2
    assert together.parts(1, 16) == 2
    assert list(together.own(4)) == [1, 3]
    assert not together.main


def test_without_a_launcher_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # some clusters set it for every job
    assert type(launched("cpu")) is Processes
    assert is_main()
    if not torch.cuda.is_available():
        with pytest.raises(MissingLibrary, match="no CUDA device"):
            launched("cuda")


def test_a_missing_accelerate_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    devices._accelerator.cache_clear()
    with pytest.raises(MissingLibrary, match=r"mosel-gym\[train\]"):
        launched("cpu")
    assert not is_main()


def test_bf16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    square = torch.eye(2)
    with autocast("cpu", has_bf16("cpu")):
        assert (square @ square).dtype == (torch.bfloat16 if has_bf16("cpu") else torch.float32)
    with autocast("cpu", False):
        assert (square @ square).dtype == torch.float32
    assert not has_bf16("tpu")
    monkeypatch.setattr(precision, "has_bf16", lambda kind: False)
    precision._tell_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with autocast("cpu", True):
                assert (square @ square).dtype == torch.float32
    assert caplog.text.count("has no bfloat16") == 1
