"""What the tests that really run share: agents, demonstrations, and one process that stays open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.workers import Workers


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
        render_every=8,
        rollout_render_every=8,
    )


@pytest.fixture(scope="session")
def one_process() -> Iterator[Workers]:
    """It keeps its simulator and its networks between tables."""
    with Workers(1) as pool:
        yield pool
