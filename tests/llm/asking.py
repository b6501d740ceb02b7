"""What the tests of both services share: a question, its schema, and how a service is set up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from mosel_gym.llm.chat import ChatModel
from mosel_gym.llm.messages import Message, Video, system, user
from mosel_gym.types import Frames
from tests.llm.google_server import GoogleServer
from tests.llm.openai_server import OpenAIServer


class Steps(BaseModel):
    """An answer."""

    steps: list[str]


GOOD = '{"steps": ["open the drawer"]}'
QUESTION: tuple[Message, ...] = (system("Be brief."), user("What is to be done?"))


@dataclass(frozen=True)
class Service:
    """One of the two."""

    spec: str
    server: type[OpenAIServer] | type[GoogleServer]
    key_variable: str


SERVICES = (
    Service("openai:gpt-4.1", OpenAIServer, "OPENAI_API_KEY"),
    Service("google:gemini-2.5-pro", GoogleServer, "GEMINI_API_KEY"),
)


def clip(frames: int, height: int = 64, width: int = 64, fps: float = 10.0) -> Video:
    """A square that wanders over a ground whose brightness counts the frames."""
    pictures: Frames = np.zeros((frames, height, width, 3), np.uint8)
    for index, picture in enumerate(pictures):
        picture[:] = 20 + 200 * index // max(frames - 1, 1)
        column = index * (width - 16) // max(frames - 1, 1)
        picture[16:32, column : column + 16] = (220, 30, 30)
    return Video(pictures, fps)


def ask(model: ChatModel, word: str = "What now?") -> Steps:
    """One short question."""
    return model.complete([user(word)], Steps)
