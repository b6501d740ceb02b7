"""vla-eval's own runner, in this process: our server on our benchmark, and its servers on it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("vla_eval", reason="needs vla-eval: pip install vla-eval")
import vla_eval
from vla_eval.cli.smoke import _make_echo_server
from vla_eval.model_servers.predict import PredictModelServer
from vla_eval.specs import GRIPPER_CLOSE_NEG

from mosel_gym.benchmark.specs import EnvSpec
from mosel_gym.envs.expert_episode import expert_episode
from mosel_gym.integrations.vla_eval import MoselBenchmark, MoselModelServer
from mosel_gym.registry import task_of
from tests.integrations.vla_eval_probe import Probe, Probes, config

SKILL = "MOSEL-Libero90-Task34"
TASK6 = "MOSEL-LiberoLong-Task6"


def evaluate(server: Any, settings: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    (result,) = vla_eval.evaluate(server, settings, docker=False, **{"no_save": True, **kwargs})
    return dict(result)


def _rows(folder: Path) -> list[dict[str, Any]]:
    """The steps that vla-eval recorded of the first episode."""
    text = min(folder.rglob("*.jsonl")).read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_the_runner_delivers_every_episode_and_counts_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vla_eval")
    probes = Probes(lambda: Probe([[0, 0, 0.5, 0, 0, 0, 0]]))
    settings = config(
        [SKILL, "MOSEL-Libero90-Task40"],
        episodes_per_task=2,
        max_steps=3,
        recording={"record_video": True},
        params={"seed": 5},
    )
    result = evaluate(MoselModelServer(probes), settings, no_save=False, output_dir=tmp_path)

    assert "Spec validation passed" in caplog.text
    assert "Spec mismatch" not in caplog.text
    assert result["num_errors"] == 0
    assert (result["mean_success"], result["mean_subgoal_share"]) == (0.0, 0.0)
    first, second = result["tasks"]
    assert (first["task"], second["task"]) == ("close the microwave", "turn off the stove")
    metrics = [episode["metrics"] for episode in first["episodes"]]
    assert [entry["seed"] for entry in metrics] == [5, 6]
    assert metrics[0]["protocol"] == "openpi"
    assert list(metrics[0]["subgoals"].values()) == [False]
    # One agent for all, begun anew four times, with the skills and the seed of each episode.
    (agent,) = probes.made
    assert [entry["seed"] for entry in agent.resets] == [5, 6, 5, 6]
    assert [entry["at"] for entry in agent.resets] == [0, 3, 6, 9]
    assert agent.resets[0]["skills"] == list(task_of(SKILL).skill_texts)
    assert {name: value.shape for name, value in agent.seen[0].items()} == {
        "agentview": (64, 64, 3),
        "wrist": (64, 64, 3),
        "proprio": (8,),
    }
    rows = _rows(tmp_path)
    assert rows[0]["action"] == [0, 0, 0.5, 0, 0, 0, -1]
    assert list(tmp_path.rglob("*.mp4"))


def test_a_demonstration_that_works_is_a_success_in_their_results() -> None:
    env = EnvSpec(SKILL, {"cameras": (), "protocol": "openpi"}).make()
    expert = expert_episode(env.unwrapped, None, 1, keep_states=False)  # type: ignore[arg-type]
    env.close()
    server = MoselModelServer(Probes(lambda: Probe(expert.actions.tolist())))
    settings = config(SKILL, params={"seed": 1})
    result = evaluate(server, settings)
    (episode,) = result["tasks"][0]["episodes"]
    assert episode["metrics"]["success"] is True
    assert episode["metrics"]["subgoal_share"] == 1.0
    assert episode["steps"] <= len(expert.actions)


def test_their_echo_server_drives_our_environments() -> None:
    for suite, size in ((SKILL, 7), ("MOSEL-RoboTwin-PushBlock", 14)):
        result = evaluate(_make_echo_server(size), config(suite, max_steps=3))
        assert (result["num_errors"], result["tasks"][0]["avg_steps"]) == (0, 3)


class TheirChunks(PredictModelServer):  # type: ignore[misc]
    """One of vla-eval's servers: it predicts three actions, and sends them one by one."""

    def __init__(self) -> None:
        super().__init__(chunk_size=3)
        self.seen: list[dict[str, Any]] = []

    def predict(self, obs: dict[str, Any], ctx: Any) -> dict[str, Any]:
        self.seen.append(obs)
        return {"actions": np.zeros((3, 7), np.float32)}

    def get_action_spec(self) -> dict[str, Any]:
        return {"gripper": GRIPPER_CLOSE_NEG}

    def get_observation_spec(self) -> dict[str, Any]:
        return {}


def test_their_chunked_server_and_a_gripper_of_the_wrong_sign(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "vla_eval")
    server = TheirChunks()
    result = evaluate(server, config(SKILL, max_steps=6))
    assert result["num_errors"] == 0
    assert len(server.seen) == 2
    assert set(server.seen[0]["images"]) == {"agentview"}  # nobody asked for more
    assert "states" not in server.seen[0]
    assert server.seen[0]["task_description"] == "close the microwave"
    assert "Spec mismatch: action [gripper]: gripper: binary_close_negative" in caplog.text


def test_an_error_is_told_by_the_runner_and_the_next_episode_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "vla_eval")
    probes = Probes(lambda: Probe([[0.0] * 7] * 2 + [[np.inf] * 7]))
    settings = config(SKILL, max_steps=4, episodes_per_task=2)
    result = evaluate(MoselModelServer(probes), settings)
    for episode in result["tasks"][0]["episodes"]:
        assert episode["failure_reason"] == "model_act"
        assert "The agent is at fault" in episode["failure_detail"]
    # Both got that far: the second was not one answer behind, and the same agent began anew.
    assert [entry["at"] for entry in probes.made[0].resets] == [0, 3]


def test_the_state_that_our_agents_do_not_take_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "vla_eval")
    settings = config(SKILL, max_steps=2, params={"quat_no_antipodal": False})
    result = evaluate(MoselModelServer(Probes()), settings)
    (episode,) = result["tasks"][0]["episodes"]
    assert "declares mosel/state = 'eef_position+shortest" in episode["failure_detail"]


def test_the_shipped_agent_acts_in_their_runner_as_in_our_own_loop(tmp_path: Path) -> None:
    from mosel_gym.agents.pretrained import load_any

    steps, seed = 10, 3
    settings = config(
        TASK6,
        max_steps=steps,
        params={"protocol": "mosel", "camera_size": 128, "seed": seed},
    )
    server = MoselModelServer("libero-long")
    result = evaluate(server, settings, no_save=False, output_dir=tmp_path)
    assert result["num_errors"] == 0, result
    rows = _rows(tmp_path)

    agent = load_any("libero-long")
    env = EnvSpec(TASK6, {"protocol": "mosel"}).make()
    observation, info = env.reset(seed=seed)
    agent.reset(info["task"], info["skills"], seed=seed)
    for row in rows[:steps]:
        action = agent.act(observation)
        np.testing.assert_array_equal(np.float32(row["action"][:6]), action[:6])
        observation, *_ = env.step(action)
        np.testing.assert_array_equal(np.float32(row["state"]), observation["proprio"])
    env.close()


def test_their_names_find_the_benchmark_and_set_its_renderer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vla_eval.registry import resolve_import_string
    from vla_eval.render import apply_render_mode

    for name in ("MUJOCO_GL", "PYOPENGL_PLATFORM", "LIBGL_ALWAYS_SOFTWARE"):
        monkeypatch.setenv(name, "")
    found = resolve_import_string("mosel_gym.integrations.vla_eval:MoselBenchmark")
    assert found is MoselBenchmark
    assert apply_render_mode(found, "cpu", "ours")["MUJOCO_GL"] == "osmesa"
