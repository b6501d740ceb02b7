"""An agent's execution, changed for an evaluation: what changes, and that the rows say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mosel_gym.agents.baselines import PalmEAgent
from mosel_gym.agents.planning.offline import OfflinePlanner
from mosel_gym.agents.pretrained import load_any
from mosel_gym.benchmark.eval_rows import eval_rows
from mosel_gym.benchmark.evaluate import EvalConfig, check_rows
from mosel_gym.benchmark.execution import ExecutedAgent, Execution
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.specs import PretrainedAgent
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig

TASK = "MOSEL-LiberoLong-Task6"


def test_each_option_changes_what_it_says(untrained: Path) -> None:
    plain = PretrainedAgent(str(untrained))
    usual = load_any(untrained).config  # type: ignore[attr-defined]
    off = ExecutedAgent(plain, Execution("off", "off", 4)).build()
    assert off.config.executor.done_above == 1.0  # type: ignore[attr-defined]
    assert off.config.judge_in_loop is False  # type: ignore[attr-defined]
    assert off.video_planner.config.num_steps == 4  # type: ignore[attr-defined]
    noisy = ExecutedAgent(plain, Execution(temperature=0.5)).build()
    assert noisy.inverse_dynamics.config.temperature == 0.5  # type: ignore[attr-defined]
    guided = ExecutedAgent(plain, Execution(guidance=0.5)).build()
    assert guided.inverse_dynamics.config.guidance == 0.5  # type: ignore[attr-defined]
    assert Execution(guidance=0.5).label("base") == "base, guidance 0.5"
    slow = Execution(advance_below=2.0, steps_per_frame=24)
    executor = ExecutedAgent(plain, slow).build().config.executor  # type: ignore[attr-defined]
    assert executor == replace(usual.executor, advance_below=2.0, max_steps_per_frame=24)
    assert slow.label("base") == "base, advance below 2, 24 steps a frame"
    patient = ExecutedAgent(plain, Execution(more_tries=2)).build()
    assert patient.config.follower == replace(usual.follower, more_tries=2)  # type: ignore[attr-defined]
    assert Execution(more_tries=2).label("base") == "base, 2 more tries"
    quick = ExecutedAgent(plain, Execution(rise_steps=0)).build()
    assert quick.config.transition == replace(usual.transition, rise_steps=0)  # type: ignore[attr-defined]
    assert Execution(rise_steps=4).label("base") == "base, 4 steps of rise"
    varied = ExecutedAgent(plain, Execution(retry_temperature=1.5)).build()
    assert varied.config.executor == replace(usual.executor, retry_temperature=1.5)  # type: ignore[attr-defined]
    assert Execution(retry_temperature=1.5).label("base") == (
        "base, further tries at temperature 1.5"
    )
    firm = ExecutedAgent(plain, Execution(stalled_below=0.02)).build()
    assert firm.config.executor == replace(usual.executor, stalled_below=0.02)  # type: ignore[attr-defined]
    assert Execution(stalled_below=0.02).label("base") == (
        "base, whole chunks where stalled below 0.02"
    )
    on = ExecutedAgent(plain, Execution("on")).build()
    assert on.config.executor.done_above < 1.0  # type: ignore[attr-defined]
    assert on.config.judge_in_loop == usual.judge_in_loop  # type: ignore[attr-defined]


def test_the_label_and_the_fingerprint_of_a_row_tell(untrained: Path) -> None:
    agent = str(untrained)
    config = EvalConfig(agent=agent, task=TASK, label="base", early_advance="off", sampling_steps=4)
    spec = ExecutedAgent(PretrainedAgent(agent), config.execution)
    (row,) = eval_rows(config, spec, TASK, [EpisodeResult(1, success=True)])
    assert row.agent == "base, 4 sampling steps, early advance off"
    assert row.fingerprint.endswith("4 sampling steps, early advance off")
    assert Execution(temperature=1.0).label("base") == "base, temperature 1"
    (own,) = eval_rows(
        EvalConfig(agent=agent, label="base"), PretrainedAgent(agent), TASK, [EpisodeResult(1)]
    )
    assert own.agent == "base"
    assert own.fingerprint != row.fingerprint


def test_what_has_no_effect_is_refused(untrained: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecMismatch, match="nobody else can say"):
        Execution("on", "off")
    with pytest.raises(SpecMismatch, match="sampling_steps is 0"):
        Execution(sampling_steps=0)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(SpecMismatch, match="temperature is"):
            Execution(temperature=wrong)
        with pytest.raises(SpecMismatch, match="retry_temperature is"):
            Execution(retry_temperature=wrong)
        with pytest.raises(SpecMismatch, match="stalled_below is"):
            Execution(stalled_below=wrong)
        with pytest.raises(SpecMismatch, match="guidance is"):
            Execution(guidance=wrong)
    with pytest.raises(SpecMismatch, match="advance_below is -1"):
        Execution(advance_below=-1.0)
    with pytest.raises(SpecMismatch, match="steps_per_frame is 0"):
        Execution(steps_per_frame=0)
    with pytest.raises(SpecMismatch, match="more_tries is -1"):
        Execution(more_tries=-1)
    with pytest.raises(SpecMismatch, match="rise_steps is -1"):
        Execution(rise_steps=-1)
    with pytest.raises(SpecMismatch, match=r"rise_steps=99 must lie in 0\.\."):
        ExecutedAgent(PretrainedAgent(str(untrained)), Execution(rise_steps=99)).build()
    told = GoalPolicy(GoalPolicyConfig(size=16, skill_id=True, skills=("lift",)))
    with pytest.raises(SpecMismatch, match="shows its policy no goal frame"):
        Execution(guidance=0.5).apply(PalmEAgent(OfflinePlanner(), told))
    hip = PretrainedAgent(f"hip:{untrained}")
    with pytest.raises(SpecMismatch, match="never asks a judge"):
        ExecutedAgent(hip, Execution(judge_in_loop="on")).build()
    with pytest.raises(SpecMismatch, match="no early advance to switch on"):
        ExecutedAgent(hip, Execution(early_advance="on")).build()
    with pytest.raises(SpecMismatch, match="scripted expert takes no early advance off"):
        check_rows(EvalConfig(agent="expert", early_advance="off"), tmp_path / "r.jsonl", [0])
