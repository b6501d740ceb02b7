"""The shipped agent behind the server, the real client before it, the real task beside both."""

from __future__ import annotations

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from mosel_gym.agents import MoselAgent
from mosel_gym.agents.pretrained import load_any
from mosel_gym.integrations.openpi import OpenpiServer
from mosel_gym.integrations.serving import ServeConfig
from mosel_gym.rotations import axis_angle_to_quat
from tests.integrations.openpi_peer import ROOT, OpenpiPeer, Refused
from tests.integrations.openpi_probe import observation, running

ID = "MOSEL-LiberoLong-Task6"


@pytest.fixture(scope="module")
def port():
    server = OpenpiServer(lambda: load_any("libero-long"), ServeConfig(port=0))
    with running(server) as port:
        yield port


def as_libero_has_it(ours):
    """Our observation as LIBERO's own environment hands it out: bottom row first, quaternion."""
    wxyz = axis_angle_to_quat(ours["proprio"][3:6].astype(float))
    return {
        "agentview_image": ours["agentview"][::-1],
        "robot0_eye_in_hand_image": ours["wrist"][::-1],
        "robot0_eef_pos": ours["proprio"][:3],
        "robot0_eef_quat": np.array([wxyz.x, wxyz.y, wxyz.z, wxyz.w]),
        "robot0_gripper_qpos": ours["proprio"][6:8],
    }


def test_the_shipped_agent_acts_over_the_wire_as_it_does_at_home(port):
    env = gym.make(ID, camera_size=224)
    ours, info = env.reset(seed=5000)
    at_home = MoselAgent.from_pretrained("libero-long")
    at_home.reset(info["task"])
    start = ours["proprio"][:3].copy()
    with OpenpiPeer() as peer:
        assert peer.connect("a", port)["agent"] == at_home.name
        for step in range(20):
            reply = peer.ask("libero", "a", prompt=info["task"], **as_libero_has_it(ours))
            expected = at_home.act(ours)
            assert reply["step"] == step
            np.testing.assert_allclose(reply["actions"][0], expected, atol=2e-3)
            assert reply["actions"][0, 6] == expected[6], "the gripper"
            ours, _, _, _, info = env.step(reply["actions"][0])
        assert np.linalg.norm(ours["proprio"][:3] - start) > 0.02, "the arm moved"
        assert info["clipped_actions"] == 0
        with pytest.raises(Refused, match="UnknownId: No task has the goal 'juggle the cups'"):
            peer.ask("infer", "a", **observation(prompt="juggle the cups"))
    env.close()


@pytest.mark.slow
def test_the_example_runs(port):
    command = [sys.executable, "examples/10_openpi.py", "--port", str(port), "--max-steps", "12"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert "'image_orientation': 'rotated'" in first
    assert last == "success: False"
