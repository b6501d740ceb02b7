"""Clients of the model server that are wrong, late or gone, and what others notice: nothing.

vla-eval's own server and client are on both ends.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("vla_eval", reason="needs vla-eval: pip install vla-eval")
import anyio
import websockets
from vla_eval.connection import Connection

from mosel_gym.errors import MoselError
from mosel_gym.integrations.layouts import SAYS_ORIENTATION, SAYS_STATE
from mosel_gym.integrations.serving import ServeConfig
from mosel_gym.integrations.vla_eval import MoselModelServer
from mosel_gym.integrations.vla_eval_episode import EpisodeLimits
from mosel_gym.integrations.vla_eval_server import run_server
from mosel_gym.specs import ROBOTS
from tests.integrations.vla_eval_probe import (
    GOAL,
    OTHER_GOAL,
    POSE,
    Probe,
    Probes,
    asymmetric,
    client,
    f32,
    message,
    refused,
    serving,
    talk,
    until,
)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    # vla-eval logs each error with its traceback; the tests make plenty.
    caplog.set_level(logging.CRITICAL, "vla_eval")


def test_each_client_has_an_agent_of_its_own() -> None:
    probes = Probes()
    server = MoselModelServer(probes)

    async def script() -> None:
        async with client(url) as first, client(url) as second:
            # vla-eval may give two connections one session id, when it records both in one run.
            recording = {"recording": {"sid": "the same", "eid": "the same"}}
            await first.start_episode({"task": {"name": GOAL, "episode_idx": 3}, **recording})
            await second.start_episode({"task": {"name": OTHER_GOAL}, **recording})
            for _ in range(3):
                await first.act(message(GOAL))
                await second.act(message(OTHER_GOAL))
            assert server.running == 2
            await first.end_episode({})
            await second.act(message(OTHER_GOAL))
            await until(lambda: server.running == 1)
            with refused("before EPISODE_START"):
                await first.act(message(GOAL))

    with serving(server) as url:
        talk(script)
    one, other = probes.made
    assert one.resets == [{"task": GOAL, "skills": None, "seed": 3, "at": 0}]
    assert other.resets == [{"task": OTHER_GOAL, "skills": None, "seed": 0, "at": 0}]
    assert (len(one.seen), len(other.seen)) == (3, 4)


def test_the_next_episode_takes_the_idle_agent_and_begins_anew() -> None:
    probes = Probes()
    server = MoselModelServer(probes)

    async def script() -> None:
        async with client(url) as one:
            for goal in (GOAL, OTHER_GOAL, GOAL):
                await one.start_episode({"task": {"skills": [goal], "first_seed": 7}})
                await one.act(message(goal))
                await one.act(message(goal))
                await one.end_episode({})

    with serving(server) as url:
        talk(script)
    (agent,) = probes.made
    assert [entry["at"] for entry in agent.resets] == [0, 2, 4]
    assert [entry["skills"] for entry in agent.resets] == [[GOAL], [OTHER_GOAL], [GOAL]]
    assert {entry["seed"] for entry in agent.resets} == {7}


def test_a_client_that_leaves_in_mid_episode_is_freed_and_no_other_notices() -> None:
    probes = Probes()
    server = MoselModelServer(probes, sessions=2)

    async def script() -> None:
        async with client(url) as stays:
            await stays.start_episode({})
            await stays.act(message())
            leaves = client(url)
            await leaves.connect()
            await leaves.start_episode({})
            await leaves.act(message(OTHER_GOAL))
            assert server.running == 2
            async with client(url) as third:
                await third.start_episode({})
                with refused("all its 2 `sessions` running"):
                    await third.act(message())
                await leaves.close()
                await until(lambda: server.running == 1)
                await stays.act(message())
                await third.start_episode({})
                await third.act(message())
                await stays.act(message())

    with serving(server) as url:
        talk(script)
    assert [len(agent.seen) for agent in probes.made] == [3, 2]
    assert server.running == 0


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xc1", b"nothing of msgpack", "a text", b"\x81\xa4type\xa5hello", b"\x93\x01\x02\x03"],
)
def test_a_malformed_message_ends_that_connection_alone(frame: bytes | str) -> None:
    probes = Probes()
    server = MoselModelServer(probes)

    async def script() -> None:
        async with client(url) as other:
            await other.start_episode({})
            await other.act(message())
            async with websockets.connect(url) as raw:
                await raw.send(frame)
                with pytest.raises(websockets.ConnectionClosed):
                    await raw.recv()
            await other.act(message())

    with serving(server) as url:
        talk(script)
    (agent,) = probes.made
    assert len(agent.seen) == 2


def _with(**changed: Any) -> dict[str, Any]:
    return message(**changed)


_BAD = {
    "no wrist camera": (_with(images={"agentview": asymmetric(0)}), "lacks 'images' / 'wrist'"),
    "no pictures": (_with(images=None), "lacks 'images' / 'agentview'"),
    "no state": (_with(states=None), "lacks 'states'"),
    "no text": (_with(task_description=None), "no text under 'task_description'"),
    "a flipped layout": (_with(**{SAYS_ORIENTATION: "upright"}), "'upright', but vla_eval is"),
    "the shorter way round": (
        _with(**{SAYS_STATE: "eef_position+shortest_axis_angle+finger_joints"}),
        "declares mosel/state",
    ),
    "NaN": (_with(states=np.full(8, np.nan, np.float32)), "8 finite numbers"),
    "another robot's state": (_with(states=np.zeros(14)), "got the shape [14]"),
    "channels first": (
        _with(images={"agentview": np.zeros((3, 72, 72), np.uint8), "wrist": asymmetric(1)}),
        "channels stand first",
    ),
    "floats": (
        _with(images={"agentview": np.zeros((72, 72, 3)), "wrist": asymmetric(1)}),
        "uint8",
    ),
    "too large": (_with(extra=np.zeros(2**21 + 1, np.uint8)), "at most 2097152 are taken"),
    "no mapping": ([1, 2], "must be a mapping of names, not list"),
}


@pytest.mark.parametrize("case", _BAD)
def test_a_bad_observation_is_told_and_the_next_episode_is_sound(case: str) -> None:
    bad, told = _BAD[case]
    probes = Probes()
    server = MoselModelServer(probes, limits=EpisodeLimits(max_message_mb=2))

    async def script() -> None:
        async with client(url) as wrong, client(url) as other:
            await other.start_episode({})
            await other.act(message())
            await wrong.start_episode({})
            with refused(told):
                await wrong.act(bad)
            assert server.running == 1
            with refused("This episode is over: SpecMismatch"):
                await wrong.act(message())
            await other.act(message())
            await wrong.start_episode({})
            reply = await wrong.act(message())
            assert reply["actions"].shape == (7,)

    with serving(server) as url:
        talk(script)
    assert [len(agent.seen) for agent in probes.made] == [2, 1]


async def _fails(one: Connection, told: str, task: dict[str, Any], *sent: dict[str, Any]) -> None:
    """The last message is answered with an error that says so."""
    await one.start_episode({"task": task})
    for sound in sent[:-1]:
        await one.act(sound)
    with refused(told):
        await one.act(sent[-1])


def test_what_only_an_episode_can_get_wrong() -> None:
    server = MoselModelServer(Probes(), limits=EpisodeLimits(max_episode_mb=1))
    black = np.zeros((256, 256, 3), np.uint8)
    large = message(images={"agentview": black, "wrist": black})

    async def script() -> None:
        async with client(url) as one:
            with refused("before EPISODE_START"):
                await one.act(message())
            await _fails(one, "The task changed", {}, message(GOAL), message(OTHER_GOAL))
            await _fails(one, "'skills' are 'all'", {"skills": "all"}, message())
            await _fails(one, "robot 'aloha'", {"robot": "aloha"}, message())
            # 128 x 128 pixels of two cameras are kept, whatever was sent.
            await _fails(one, "more than 1 MiB", {}, *[large] * 11)

    with serving(server) as url:
        talk(script)


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in ({"sessions": 0}, {"threads": 0}, {"reply_within_s": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            MoselModelServer(Probes(), **wrong)


def test_two_arms_take_joint_state_and_upright_pictures() -> None:
    spec = ROBOTS["dual-panda-ee"]
    probes = Probes(lambda: Probe([[0.5] * 6 + [0.0] + [-2.0] * 6 + [0.3]], spec))
    server = MoselModelServer(probes)
    head, state = asymmetric(3), np.linspace(0, 1, 16, dtype=np.float32)

    async def script() -> None:
        async with client(url) as one:
            assert one.server_info["observation_params"] == {"control": "ee_delta"}
            await one.start_episode({})
            reply = await one.act(
                {
                    "images": {"head_camera": head},
                    "joint_state": state,
                    "task_description": "beat the block",
                }
            )
            wanted = [0.5] * 6 + [-1.0] + [-1.0] * 6 + [1.0]
            np.testing.assert_array_equal(reply["actions"], f32(wanted))
            assert reply["actions"].dtype == np.float32

    with serving(server) as url:
        talk(script)
    (row,) = probes.made[0].seen
    assert set(row) == {"head_camera", "proprio"}
    np.testing.assert_array_equal(row["head_camera"], head)
    np.testing.assert_array_equal(row["proprio"], state)


def test_the_frame_the_state_and_the_action_cross_the_wire_as_declared() -> None:
    # open, hold, close, hold: vla-eval's LIBERO has no "hold"
    steps = [[0.25, -0.5, 2.0, 0, 0, 0.125, grip] for grip in (0.0, 0.2, 0.0, -0.1)]
    probes = Probes(lambda: Probe(steps))
    server = MoselModelServer(probes)
    got: list[np.ndarray[Any, Any]] = []

    async def script() -> None:
        async with client(url) as one:
            await one.start_episode({"task": {"name": GOAL}})
            for _ in steps:
                got.append((await one.act(message()))["actions"])

    with serving(server) as url:
        talk(script)
    row = probes.made[0].seen[0]
    # vla-eval's LIBERO turns OpenGL's bottom-up picture by 180 degrees: upright is its mirror.
    np.testing.assert_array_equal(row["agentview"], asymmetric(0)[:, ::-1])
    np.testing.assert_array_equal(row["wrist"], asymmetric(1)[:, ::-1])
    np.testing.assert_array_equal(row["proprio"], POSE)
    np.testing.assert_array_equal(np.stack(got)[:, :6], [[0.25, -0.5, 1.0, 0, 0, 0.125]] * 4)
    assert [action[6] for action in got] == [-1.0, 1.0, 1.0, -1.0]


def test_serve_tells_its_port_takes_the_default_goal_and_names_a_port_that_is_taken() -> None:
    probes = Probes()
    server = MoselModelServer(probes, goal=OTHER_GOAL)
    told: list[tuple[str, int]] = []

    async def script() -> None:
        async with anyio.create_task_group() as group:
            ready = anyio.Event()

            def on_ready(host: str, port: int) -> None:
                told.append((host, port))
                ready.set()

            group.start_soon(run_server, server, ServeConfig(port=0), on_ready)
            await ready.wait()
            host, port = told[0]
            async with client(f"ws://{host}:{port}") as one:
                await one.start_episode({})
                await one.act(message(task_description=None))
            taken = ServeConfig(port=port)
            says = f"port {port} cannot be opened: .*address already in use"
            with pytest.raises(MoselError, match=says):
                await run_server(server, taken, None)
            group.cancel_scope.cancel()

    talk(script)
    assert told[0][0] == "127.0.0.1"
    assert probes.made[0].resets[0]["task"] == OTHER_GOAL


def test_without_vla_eval_the_import_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "sys.modules['vla_eval'] = None\n"
        "from mosel_gym.errors import MissingLibrary\n"
        "try:\n"
        "    import mosel_gym.integrations.vla_eval\n"
        "except MissingLibrary as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install vla-eval" in done.stdout
