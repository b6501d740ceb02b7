"""Recorded episodes for a video language model whose answers are written down."""

from __future__ import annotations

import numpy as np

from mosel_gym.agents import VideoLanguageAnalyzer
from mosel_gym.llm.messages import Image
from mosel_gym.registry import task_of
from mosel_gym.types import Episode, SkillSegment, TaskPlan
from tests.agents.scripted_chat import ScriptedChat, attempt, judged

TASK = task_of("MOSEL-LiberoLong-Task6")
MUG, PUDDING = TASK.plan
BOTH = (
    SkillSegment(MUG, 0, 40),
    SkillSegment(PUDDING, 40, 50, "transition"),
    SkillSegment(PUDDING, 50, 95),
)


def make_episode(segments=BOTH, plan=(MUG, PUDDING), steps=100, **fields) -> Episode:
    """Each picture is as bright as its row's number."""
    shades = np.arange(steps + 1, dtype=np.uint8)[:, None, None, None]
    pictures = np.broadcast_to(shades, (steps + 1, 8, 8, 3)).copy()
    values = {
        "task_id": TASK.id,
        "goal": TASK.goal,
        "seed": 1,
        "observations": {
            "wrist": 255 - pictures,
            "proprio": np.full((steps + 1, 8), 0.98765, np.float32),
            "agentview": pictures,
        },
        "actions": np.zeros((steps, 7), np.float32),
        "plan": TaskPlan(tuple(plan), "a secret thought", "test"),
        "segments": segments,
    }
    return Episode(**(values | fields))


def analyze(*answers, episode=None, config=None, **arguments):
    chat = ScriptedChat(*answers)
    analyzer = VideoLanguageAnalyzer(chat, config, **arguments)
    return analyzer.analyze(episode or make_episode()), chat


def rows_of(chat, call=0) -> list[int]:
    return [int(p.frame[0, 0, 0]) for p in chat.pictures(call) if isinstance(p, Image)]


ALL_WELL = judged(attempt(1), attempt(2, evidence=[19, 20], reason="The box lies there."))
