"""What `mosel bench agent` times: kinds of calls, parts of an episode, and what is extrapolated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mosel_gym.agents.pretrained import load_any
from mosel_gym.benchmark.agent_speed import AgentSpeedConfig, PlanSpeed, _plans, bench_agent
from mosel_gym.benchmark.agent_speed_act import ActSpeed, TimedEpisode, Watch, timed_episode
from mosel_gym.benchmark.agent_speed_round import RoundSize, RoundSpeed
from mosel_gym.benchmark.agent_speed_table import agent_table
from mosel_gym.benchmark.provenance import provenance, read_json
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.registry import task_of
from tests.benchmark.tiny import TinyEnv

TASK = task_of("MOSEL-LiberoLong-Task6")


class CountingEnv(TinyEnv):
    """The counting game under the name of a real task."""

    def _info(self) -> dict[str, Any]:
        info = super()._info() | {"task": TASK.goal, "image_age": 0, "robot": "panda"}
        return info | {"skill_done": dict.fromkeys(TASK.skill_texts, False)}


def test_every_call_of_act_has_a_kind_and_every_part_its_time(untrained: Path) -> None:
    agent: Any = load_any(untrained)
    # No frame is ever reached, and the judge is asked at every border without being sure.
    follows = replace(agent.config.executor, advance_below=-1.0, done_above=0.9999)
    agent.config = replace(agent.config, executor=follows)
    found = timed_episode(CountingEnv(success_hold=99, max_steps=30), agent, seed=0)
    assert found.steps == sum(len(calls) for calls in found.act_s.values()) == 30
    assert len(found.act_s["border with a plan"]) >= 1
    assert len(found.act_s["border"]) >= 1
    assert found.act_s["inside"]
    assert {kind: len(calls) for kind, calls in found.cpu_s.items()} == {
        kind: len(calls) for kind, calls in found.act_s.items()
    }
    assert set(found.parts_s) >= {"physics", "pictures", "policy", "planner", "judge"}
    assert all(seconds >= 0 for seconds in found.parts_s.values())
    networks = sum(found.parts_s[name] for name in ("policy", "planner", "judge", "rest of act"))
    acting = sum(sum(calls) for calls in found.act_s.values())
    assert networks == pytest.approx(acting)


def test_the_watch_leaves_no_trace_on_the_agent(untrained: Path) -> None:
    agent: Any = load_any(untrained)
    frame = np.zeros((16, 16, 3), np.uint8)
    with Watch(agent) as watch:
        agent.video_planner.imagine(frame, TASK.plan[0])
    assert watch.calls == {"policy": 0, "planner": 1, "judge": 0}
    assert watch.seconds["planner"] > 0
    agent.video_planner.imagine(frame, TASK.plan[0])
    assert watch.calls["planner"] == 1
    assert "act" not in vars(agent.inverse_dynamics)


def test_plans_are_timed_at_each_number_of_steps_and_the_own_one_stays(untrained: Path) -> None:
    agent: Any = load_any(untrained)
    agent.reset(TASK.goal, plan=TASK.plan)
    config = AgentSpeedConfig(sampling_steps=(1, 8), plans=3)
    own = agent.video_planner.config.num_steps
    one, eight = _plans(config, CountingEnv(), agent)
    assert (one.steps, eight.steps) == (1, 8)
    assert len(one.seconds) == 3
    assert min(one.cpu_s) < min(eight.cpu_s)  # wall time says little on a busy machine
    assert agent.video_planner.config.num_steps == own


def test_steps_are_scaled_and_what_happens_once_is_not() -> None:
    parts = {"reset": 1.0, "physics": 3.0, "reflection": 0.5}
    speed = ActSpeed([TimedEpisode({"inside": [0.1] * 300}, parts, 300, True)] * 2)
    assert speed.parts_s(600) == {"reset": 1.0, "physics": 6.0, "reflection": 0.5}
    assert len(speed.act_s["inside"]) == 600


def round_speed() -> RoundSpeed:
    size = RoundSize(4, {"video": 20, "policy": 20}, 2)
    training, loading = {"video": 10.0, "policy": 4.0}, {"video": 1.0, "policy": 2.0}
    return RoundSpeed(size, 40.0, 2.0, training, loading, 20.0)


def test_a_small_round_is_extrapolated_stage_by_stage() -> None:
    full = round_speed().extrapolated(RoundSize(100, {"video": 200, "policy": 400}, 20))
    assert full["rollouts"] == 1000.0
    assert full["judging"] == 50.0
    assert full["training, video"] == 10.0 * 10 + 1.0 * 25
    assert full["training, policy"] == 4.0 * 20 + 2.0 * 25
    assert full["check"] == 200.0
    assert sum(round_speed().stages_s.values()) == 40.0 + 2.0 + 11.0 + 6.0 + 20.0


def found(plans: Sequence[PlanSpeed]) -> dict[str, Any]:
    acting = {"inside": [1e-4] * 99 + [2e-3], "border": [0.07] * 10, "border with a plan": [0.1]}
    parts = {"reset": 0.1, "physics": 5.0, "pictures": 4.0, "policy": 1.0}
    full = RoundSize(100, {"video": 200, "policy": 400}, 20)
    return {
        "task": TASK.id,
        "acting": ActSpeed([TimedEpisode(acting, parts, 300, True, acting)]),  # type: ignore[arg-type]
        "plans": tuple(plans),
        "round": round_speed(),
        "round_extrapolated": round_speed().extrapolated(full),
        "round_full_size": full,
        "niceness": 0,
        "load_average": 0.5,
        "load_average_after": 1.0,
        **provenance(AgentSpeedConfig(), 0),
    }


def test_what_is_expected_stands_beside_what_was_measured() -> None:
    text = agent_table(
        found([PlanSpeed(4, (0.04, 0.05, 0.06), (0.03,)), PlanSpeed(50, (2.0,), (2.0,))])
    )
    assert "| inside a chunk | 100 | 0.10 | 0.12 | 0.10 | 1 | yes |" in text
    assert (
        "| at a chunk border: judged, and a new chunk | 10 | 70.00 | 70.00 | 70.00 | 60 | NO |"
        in text
    )
    assert "| 4 | 3 | 0.050 | 0.030 | 1.5 | yes |" in text
    assert "| all | 20.10 | 100 % |" in text
    assert "1.5 times real time" in text
    assert "EXTRAPOLATED, not measured, to 100 interactions" in text
    assert "one pass" in agent_table(found([PlanSpeed(None, (0.04,), (0.04,))]))


def test_sizes_and_names_are_checked_before_anything_runs() -> None:
    with pytest.raises(SpecMismatch, match="plans is 0"):
        bench_agent(AgentSpeedConfig(plans=0))
    with pytest.raises(UnknownId, match="libero-lnog"):
        bench_agent(AgentSpeedConfig(agent="libero-lnog"))


@pytest.mark.slow
def test_measured_with_the_simulator(untrained: Path, tmp_path: Path) -> None:
    config = AgentSpeedConfig(
        agent=str(untrained),
        repeats=1,
        episode_steps=30,
        plans=2,
        round_interactions=1,
        round_steps=2,
        round_check=1,
    )
    done = bench_agent(config, tmp_path / "agent.json")
    stored = read_json(tmp_path / "agent.json")
    assert "REACHED" not in agent_table(done)
    assert [plan["steps"] for plan in stored["plans"]] == [2, 4, 8, 50]
    assert stored["round"]["rollouts_s"] > 0
    assert stored["hardware"]["cpu"]
    assert stored["torch_threads"] == 1
