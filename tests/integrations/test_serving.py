"""What all servers share: their settings, and one session."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.integrations.serving import ServeConfig, is_loopback
from mosel_gym.integrations.session import Session, robot_of
from mosel_gym.specs import ROBOTS
from tests.integrations.openpi_probe import GOAL, Probe, observation


def test_only_this_machine_by_default():
    assert is_loopback(ServeConfig().host)


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.7", False),
        ("robot.example", False),
        ("", False),
    ],
)
def test_loopback(host, inside):
    assert is_loopback(host) is inside


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"port": 70000}, "0..65535, not 70000"),
        ({"sessions": 0}, "sessions must be at least 1, not 0"),
        ({"max_message_mb": 0}, "max_message_mb must be at least 1"),
    ],
)
def test_settings_out_of_range(numbers, says):
    with pytest.raises(SpecMismatch, match=says):
        ServeConfig(**numbers)


def test_a_task_is_a_goal_or_an_id():
    assert ServeConfig(task="MOSEL-LiberoLong-Task6").goal() == GOAL
    assert ServeConfig(task=GOAL.upper()).goal() == GOAL
    assert ServeConfig().goal() is None
    with pytest.raises(UnknownId, match="No task has the goal 'juggle'"):
        ServeConfig(task="juggle")


@pytest.mark.parametrize("package", ["websockets", "msgpack"])
def test_a_missing_package_names_the_extra(package):
    code = f"""
import sys
sys.modules[{package!r}] = None
from mosel_gym.errors import MissingLibrary
try:
    import mosel_gym.integrations.openpi
except MissingLibrary as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"Serving an agent needs {package}, which is not installed.")
    assert "pip install mosel-gym[serve]" in done.stdout


def test_a_robot_by_row_or_by_name_but_never_by_guess():
    assert robot_of(Any_(robot="panda")) is ROBOTS["panda"]
    assert robot_of(Any_(robot=ROBOTS["dual-panda-ee"])) is ROBOTS["dual-panda-ee"]
    with pytest.raises(SpecMismatch, match="SimpleNamespace has no attribute `robot`"):
        robot_of(Any_())
    with pytest.raises(UnknownId):
        robot_of(Any_(robot="pand"))


def Any_(**names: Any) -> Any:  # noqa: N802
    return SimpleNamespace(**names)


@pytest.mark.parametrize("wrong", [np.zeros(6), np.full(7, np.nan), np.zeros((1, 7))])
def test_an_agent_that_gives_no_action_is_named(wrong):
    probe = Probe()
    session = Session(cast(Any, probe), "openpi")
    probe.act = lambda *_: wrong  # type: ignore[method-assign]
    with pytest.raises(SpecMismatch, match="The agent 'probe' gave .* takes 7 finite numbers"):
        session.act(observation())


def test_a_goal_that_the_agent_refuses_is_not_kept():
    probe = Probe()
    session = Session(cast(Any, probe), "openpi")
    session.act(observation())

    def refuse(task: str, **_: Any) -> None:
        raise UnknownId(task)

    reset, probe.reset = probe.reset, refuse  # type: ignore[method-assign]
    with pytest.raises(UnknownId):
        session.act(observation(prompt="juggle"))
    probe.reset = reset  # type: ignore[method-assign]
    assert session.act(observation()).step == 0, "the old episode is over"
