"""One question to each real service; costs about a cent, and is skipped without a key."""

from __future__ import annotations

import os
from typing import Literal

import pytest
from pydantic import BaseModel

from mosel_gym.llm.choose import chat_model
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.messages import system, user
from tests.llm.asking import clip

pytestmark = pytest.mark.network


class Seen(BaseModel):
    """What the video shows."""

    colour: Literal["red", "green", "blue"]
    moves_to: Literal["left", "right", "up", "down"]


@pytest.mark.parametrize(
    ("spec", "variables"),
    [
        ("openai:gpt-4.1-mini", ("OPENAI_API_KEY",)),
        ("google:gemini-2.5-flash", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
    ],
)
def test_a_real_model_watches_a_square_move(spec: str, variables: tuple[str, ...]) -> None:
    if not any(os.environ.get(variable) for variable in variables):
        pytest.skip(f"{' or '.join(variables)} is not set; nothing was sent to {spec}")
    model = chat_model(spec, ChatConfig(max_calls=2, max_cost_usd=0.1, max_frames=6))
    question = [
        system("You describe short videos exactly."),
        user("A square moves over a grey ground.", clip(20, 128, 128), "Its colour, and whereto?"),
    ]
    seen = model.complete(question, Seen)
    assert (seen.colour, seen.moves_to) == ("red", "right")
    assert model.usage.input_tokens > 0
    assert 0 < model.usage.cost_usd < 0.1
