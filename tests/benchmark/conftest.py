"""An agent with untrained networks: it can do nothing, but every part of it is real."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small saved agent for Task6."""
    import torch

    from mosel_gym.agents import MoselAgent, OfflinePlanner, PixelAnalyzer
    from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
    from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig
    from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
    from mosel_gym.registry import task_of

    skills = task_of("MOSEL-LiberoLong-Task6").skill_texts
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        judge = SubgoalJudge(SubgoalJudgeConfig(skills=skills, size=32))
        with torch.no_grad():  # says "reached" of everything, so that a round has data
            last = judge.head[-1]
            assert isinstance(last, torch.nn.Linear)
            last.bias.fill_(5.0)
        agent = MoselAgent(
            OfflinePlanner(),
            LatentVideoPlanner(VideoPlannerConfig(skills=skills, widths=(16, 16))),
            GoalPolicy(GoalPolicyConfig(features=32, width=32, depth=1, num_steps=2)),
            PixelAnalyzer(judge),
        )
    agent.card = {"layout_spread_m": 0.0, "demo_layout_spread_m": 0.05}
    return agent.save(tmp_path_factory.mktemp("agent") / "untrained")
