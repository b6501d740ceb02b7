"""The real openpi-client from PyPI against our server: both ends agree on every convention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mosel_gym.integrations.serving import ServeConfig
from mosel_gym.rotations import axis_angle_to_quat
from tests.integrations.openpi_peer import OpenpiPeer, Refused
from tests.integrations.openpi_probe import (
    CLOSES,
    GOAL,
    OPENS,
    OTHER,
    STATE,
    Probe,
    Served,
    action,
    observation,
    serving,
)


@pytest.fixture(scope="module")
def peer() -> Iterator[OpenpiPeer]:
    with OpenpiPeer() as peer:
        yield peer


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def probe(peer: OpenpiPeer, served: Served) -> Iterator[Probe]:
    """The agent of a fresh session of the client "a"."""
    peer.connect("a", served.port)
    yield served.probes[-1]
    peer.ask("leave", "a")


def raw(agentview: Any, wrist: Any, proprio: Any) -> dict[str, Any]:
    """Our observation as LIBERO's own environment hands it out: bottom row first, quaternion."""
    wxyz = axis_angle_to_quat(np.asarray(proprio[3:6], float))
    w, x, y, z = (float(getattr(wxyz, part)) for part in "wxyz")
    return {
        "agentview_image": agentview[::-1],
        "robot0_eye_in_hand_image": wrist[::-1],
        "robot0_eef_pos": proprio[:3],
        "robot0_eef_quat": np.array([x, y, z, w]),
        "robot0_gripper_qpos": proprio[6:8],
    }


def test_the_metadata_states_the_contract(peer, served):
    told = peer.connect("m", served.port)
    peer.ask("leave", "m")
    assert told["action_horizon"] == 1
    assert told["image_orientation"] == "rotated"
    assert (told["state"], told["state_size"]) == ("eef_position+axis_angle+finger_joints", 8)
    assert told["gripper"] == {"open": OPENS, "close": CLOSES}
    assert (told["robot"], told["action_size"], told["control_hz"]) == ("panda", 7, 20)
    assert told["reset_key"] == "mosel/reset"
    assert told["agent"] == "probe"


def test_a_known_frame_arrives_upright_and_the_state_as_it_is(peer, probe):
    rng = np.random.default_rng(1)
    agentview, wrist = rng.integers(0, 256, (2, 224, 224, 3), np.uint8)
    peer.ask("libero", "a", prompt=GOAL, **raw(agentview, wrist, STATE))
    (seen,) = probe.seen
    np.testing.assert_array_equal(seen["agentview"], agentview)
    np.testing.assert_array_equal(seen["wrist"], wrist)
    np.testing.assert_allclose(seen["proprio"], STATE, atol=1e-6)
    assert seen["proprio"].dtype == np.float32


def test_a_rotation_beyond_half_a_turn_keeps_its_sign(peer, probe):
    proprio = STATE.copy()
    proprio[3:6] = [0.0, 3.5, 0.0]  # w < 0: whoever flips it there sends -2.78
    picture = np.zeros((224, 224, 3), np.uint8)
    peer.ask("libero", "a", prompt=GOAL, **raw(picture, picture, proprio))
    np.testing.assert_allclose(probe.seen[0]["proprio"], proprio, atol=1e-6)


def test_a_small_frame_that_the_client_enlarges_is_upright_too(peer, probe):
    agentview = np.zeros((128, 128, 3), np.uint8)
    agentview[:32, :64] = (255, 0, 0)  # a red field, top left
    peer.ask("libero", "a", prompt=GOAL, **raw(agentview, agentview, STATE))
    got = probe.seen[0]["agentview"]
    assert got.shape == (224, 224, 3)
    assert got[10, 10].tolist() == [255, 0, 0]
    corners = [got[10, -10], got[-10, 10], got[-10, -10]]
    assert not np.any(corners)


def test_a_known_action_arrives_bit_equal_with_its_gripper(peer, probe):
    for step, grip in enumerate((OPENS, CLOSES, OPENS)):
        reply = peer.ask("infer", "a", **observation(step))
        expected = action(step)
        assert reply["actions"].shape == (1, 7)
        assert reply["actions"].dtype == np.float32
        assert reply["actions"][0].tobytes() == expected.tobytes()
        assert reply["actions"][0, 6] == grip


def test_openpis_own_chunk_broker_takes_chunks_of_one(peer, probe):
    got = peer.ask("broker", "a", **observation())["action"]
    np.testing.assert_array_equal(got, action(0))


def test_when_an_episode_begins(peer, probe, served):
    def step(**changes: Any) -> int:
        return int(peer.ask("infer", "a", **observation(**changes))["step"])

    assert [step(), step(), step(mosel__reset=False)] == [0, 1, 2]
    assert [step(mosel__reset=True), step()] == [0, 1], "the key"
    assert [step(prompt=OTHER), step(prompt=OTHER)] == [0, 1], "another prompt"
    assert step(prompt=None) == 2, "no prompt goes on with the goal"
    assert step(prompt=None, mosel__reset=True) == 0, "and begins anew with it"
    assert probe.goals == [GOAL, GOAL, OTHER, OTHER]
    assert len(probe.seen) == 1, "nothing of the episode before is left"
    peer.ask("leave", "a")
    peer.connect("a", served.port)
    assert step() == 0, "a new connection"
    assert served.probes[-1] is not probe


def test_an_error_reaches_the_client_in_words(peer, served):
    peer.connect("e", served.port)
    with pytest.raises(Refused, match=r"SpecMismatch: The message lacks 'observation/wrist_image'"):
        peer.ask("infer", "e", **observation(observation__wrist_image=None))


def test_a_message_that_is_too_large_says_so(peer):
    with serving(ServeConfig(port=0, max_message_mb=1)) as small:
        peer.connect("big", small.port)
        with pytest.raises(Refused, match=r"ConnectionClosed|Broken ?[Pp]ipe|reset"):
            peer.ask("infer", "big", **observation(x=np.zeros(2**21, np.uint8)))
        assert small.probes[0].calls == 0
        peer.connect("next", small.port)
        assert peer.ask("infer", "next", **observation())["step"] == 0
        peer.ask("leave", "next")
