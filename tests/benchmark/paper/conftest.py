"""What the tests that really run share: agents and demonstrations."""

from __future__ import annotations

import pytest

from mosel_gym.benchmark.paper.config import PaperConfig


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> PaperConfig:
    """The smallest settings, with agents of their own."""
    from tests.benchmark.paper.tiny_agents import write_agents, write_demos

    folder = tmp_path_factory.mktemp("tiny")
    return PaperConfig(
        agents=write_agents(folder / "agents"),
        demos=write_demos(folder / "demos"),
        trials=1,
        interactions=1,
        steps=1,
        refine_rounds=1,
        sampled_videos=1,
        sampling_steps=(2,),
        max_steps=16,
        settle=1,
        hold=1,
        render_every=1,
        rollout_render_every=1,
    )
