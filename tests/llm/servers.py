"""The loopback servers, under one name; `tests/llm/loopback.py` says how they are used."""

from tests.llm.google_server import GoogleServer
from tests.llm.loopback import KEY, Answer, Fault, Reply, Request, in_turn
from tests.llm.openai_server import OpenAIServer

__all__ = ["KEY", "Answer", "Fault", "GoogleServer", "OpenAIServer", "Reply", "Request", "in_turn"]
