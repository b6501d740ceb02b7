"""A foundation model of a saved agent: named at once, made when it is first asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mosel_gym.llm.chat import AnswerT, ChatModel, Usage
from mosel_gym.llm.messages import Message

if TYPE_CHECKING:
    from mosel_gym.llm.config import ChatConfig


class LazyModel:
    """A `ChatModel` by its text; loading an agent neither needs a key nor reaches for weights.

    Args:
        spec: As for `mosel_gym.llm.choose.chat_model`, such as "openai:gpt-4.1".
        config: Budget, cache and log; None = the defaults.
    """

    def __init__(self, spec: str, config: ChatConfig | None = None) -> None:
        self._spec, self._config = spec, config
        self._model: ChatModel | None = None

    @property
    def name(self) -> str:
        """The text."""
        return self._spec

    @property
    def usage(self) -> Usage:
        """Of all calls so far."""
        return Usage() if self._model is None else self._model.usage

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[AnswerT],
        check: Callable[[AnswerT], None] | None = None,
    ) -> AnswerT:
        """As `ChatModel.complete`.

        Raises:
            UnknownId, MissingKey, MissingLibrary: At the first call, as `chat_model`.
        """
        if self._model is None:
            from mosel_gym.llm.choose import chat_model

            self._model = chat_model(self._spec, self._config)
        return self._model.complete(messages, schema, check)
