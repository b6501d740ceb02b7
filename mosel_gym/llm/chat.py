"""The one seam to foundation models: messages and a schema in, a checked object out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from mosel_gym.errors import BadAnswer, ModelRefused
from mosel_gym.llm.messages import Message, assistant, user

AnswerT = TypeVar("AnswerT", bound=BaseModel)


@dataclass(frozen=True)
class Usage:
    """What calls have cost, as the provider reported it."""

    calls: int = 0
    """Answers that were asked for over the network, or of a local model."""
    cached: int = 0
    """Answers that came from the cache, free of charge."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    """0 where no price is known; see `ChatConfig`."""
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.cached + other.cached,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
            self.seconds + other.seconds,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.calls - other.calls,
            self.cached - other.cached,
            self.input_tokens - other.input_tokens,
            self.output_tokens - other.output_tokens,
            self.cost_usd - other.cost_usd,
            self.seconds - other.seconds,
        )


@dataclass(frozen=True)
class Answer:
    """What a provider gave back, unchecked."""

    text: str
    """JSON, one hopes."""
    usage: Usage
    refusal: str | None = None
    """The provider's own word that it declines, or that it stopped for safety."""
    cut_off: bool = False
    """The answer stopped where it reached the limit of output tokens."""


class Provider(Protocol):
    """One way to reach a model. Time-outs and retries are its business, and its SDK's."""

    @property
    def name(self) -> str:
        """As it is chosen, without any key: "openai:gpt-4.1"."""
        ...

    def ask(self, messages: Sequence[Message], schema: type[BaseModel]) -> Answer:
        """One call; asks for JSON of that schema as strictly as the provider can.

        Raises:
            ModelUnavailable: No answer after all retries; says what was tried.
            MissingKey: The provider turned the key down.
        """
        ...


class ChatModel(Protocol):
    """What planners and analyzers see of a model."""

    @property
    def name(self) -> str:
        """Named in every result."""
        ...

    @property
    def usage(self) -> Usage:
        """Of all calls so far."""
        ...

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[AnswerT],
        check: Callable[[AnswerT], None] | None = None,
    ) -> AnswerT:
        """Ask, validate, and where the answer will not do, ask once more with the reason.

        Args:
            messages: The conversation.
            schema: The shape of the answer.
            check: Raises ValueError, with a reason that the model can act on, for an answer of the
                right shape that will not do.

        Raises:
            BadAnswer: The second answer will not do either.
            ModelRefused: The model declines.
            BudgetReached: Before a call that the budget does not allow; no call is made.
            ModelUnavailable, MissingKey: As `Provider.ask`.
        """
        ...


def checked_answer(
    ask: Callable[[Sequence[Message]], Answer],
    messages: Sequence[Message],
    schema: type[AnswerT],
    check: Callable[[AnswerT], None] | None,
    name: str,
    repairs: int = 1,
) -> AnswerT:
    """The bounded repair loop that every `ChatModel` runs; see `ChatModel.complete`."""
    conversation = list(messages)
    for attempt in range(repairs + 1):
        answer = ask(conversation)
        if answer.refusal:
            raise ModelRefused(
                f"{name} declined to answer: {answer.refusal[:300]!r}. Reword the prompt or the "
                "task, or choose another model."
            )
        try:
            found = schema.model_validate_json(_json_part(answer.text))
            if check is not None:
                check(found)
            return found
        except ValueError as error:  # a pydantic ValidationError is one
            reason = _reason(error)
            if answer.cut_off:
                reason = (
                    "it was cut off at the limit of output tokens (--llm.max-output-tokens); be "
                    f"brief. {reason}"
                )
            if attempt == repairs:
                raise BadAnswer(
                    f"{name} gave no usable {schema.__name__} in {repairs + 1} attempts. Last "
                    f"answer: {answer.text[:300]!r}. What is wrong with it: {reason}"
                ) from error
        conversation += [
            assistant(answer.text or "(empty)"),
            user(
                f"That answer cannot be used: {reason}\nAnswer again with one JSON object of the "
                "schema that was asked for, and nothing else."
            ),
        ]
    raise AssertionError("unreachable")


def _json_part(text: str) -> str:
    """The text from its first "{" to its last "}": models like to wrap JSON in prose or fences."""
    start, stop = text.find("{"), text.rfind("}")
    return text[start : stop + 1] if 0 <= start < stop else text


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False, include_input=False)[:5]
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'JSON'}: {e['msg']}" for e in found)
