"""The `ChatModel` that everybody gets: a provider with cache, budget, pace and log around it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import BaseModel

from mosel_gym.errors import BadAnswer, MissingKey, ModelError, ModelRefused, ModelUnavailable
from mosel_gym.llm.budget import Budget, Pace
from mosel_gym.llm.cache import AnswerCache, cache_key
from mosel_gym.llm.call_log import CallLog, CallRecord, Outcome
from mosel_gym.llm.chat import Answer, AnswerT, Provider, Usage, checked_answer
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.messages import Image, Message, Text
from mosel_gym.llm.pictures import count_pictures
from mosel_gym.llm.prices import price_of

# Generous guesses, for the most that a call can cost.
_TOKENS_PER_BYTE = 0.5  # of UTF-8: a Chinese letter, which is a token or two, has three
_TOKENS_AROUND = 1000
"""The schema, and what a service adds."""


class MeteredModel:
    """A model with everything around a call: cache, budget, pace, then the call, count and log.

    Threads may share it. `usage` counts since it was built; the limits hold for that time too.

    Args:
        provider: Who answers.
        config: Limits, cache and log.
        total: What this model and others may spend together; None = nothing beside `config`.

    Raises:
        ModelError: A budget in money for a model whose price is not known.
    """

    def __init__(
        self,
        provider: Provider,
        config: ChatConfig | None = None,
        total: Budget | None = None,
    ) -> None:
        self._provider = provider
        self._config = config = config or ChatConfig()
        self._price = price_of(provider.name, config)
        if config.max_cost_usd is not None and self._price is None:
            raise ModelError(
                f"max_cost_usd={config.max_cost_usd:g} needs the price of {provider.name}, which "
                "is not known. Give it as --llm.price-in-usd and --llm.price-out-usd (US dollars "
                "per million tokens; 0 for a server of your own), or limit --llm.max-calls."
            )
        self._budget = Budget(provider.name, config.max_calls, config.max_cost_usd, total)
        self._pace = Pace(config.calls_per_minute)
        self._cache = AnswerCache(config.cache) if config.cache is not None else None
        self._log = CallLog(config.log)

    @property
    def name(self) -> str:
        """As it was chosen: "openai:gpt-4.1"."""
        return self._provider.name

    @property
    def spec(self) -> str:
        """The text that `chat_model` makes the same model from; `name`, where that is enough."""
        return str(getattr(self._provider, "spec", self.name))

    @property
    def usage(self) -> Usage:
        """Of all calls so far."""
        return self._budget.used

    def check_key(self) -> None:
        """Find out whether the service takes the key, where that can be had for nothing.

        Raises:
            MissingKey: It turns the key down. A service that cannot be reached is no error yet.
        """
        check = getattr(self._provider, "check_key", None)
        if check is not None:
            check()

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[AnswerT],
        check: Callable[[AnswerT], None] | None = None,
    ) -> AnswerT:
        """See `ChatModel.complete`."""
        key = ""
        if self._cache is not None:
            endpoint = getattr(self._provider, "endpoint", "")
            key = cache_key(self.name, endpoint, self._config, messages, schema)
            found = self._from_cache(self._cache, key, messages, schema, check)
            if found is not None:
                return found
        record: CallRecord | None = None
        text = ""

        def ask(conversation: Sequence[Message]) -> Answer:
            nonlocal record, text
            attempt = 1
            if record is not None:  # it is asked again because the last answer would not do
                self._log.write(replace(record, outcome="bad_answer"))
                attempt = record.attempt + 1
                record = None
            record, answer = self._ask(conversation, schema, attempt)
            text = answer.text
            return answer

        outcome: Outcome = "error"
        try:
            answer = checked_answer(ask, messages, schema, check, self.name)
            outcome = "ok"
        except BadAnswer:
            outcome = "bad_answer"
            raise
        except ModelRefused:
            outcome = "refused"
            raise
        finally:
            if record is not None:
                self._log.write(replace(record, outcome=outcome))
        if self._cache is not None:
            self._cache.put(key, self.name, schema.__name__, text)
        return answer

    def _from_cache(
        self,
        cache: AnswerCache,
        key: str,
        messages: Sequence[Message],
        schema: type[AnswerT],
        check: Callable[[AnswerT], None] | None,
    ) -> AnswerT | None:
        text = cache.get(key)
        if text is None:
            return None
        try:
            stored = Answer(text, Usage())
            found = checked_answer(lambda _: stored, messages, schema, check, self.name, repairs=0)
        except BadAnswer:  # the check has changed since; the new answer takes its place
            return None
        self._budget.add(Usage(cached=1))
        record = self._record(messages, schema, attempt=1)
        self._log.write(replace(record, cached=True, cost_usd=0.0, outcome="ok"))
        return found

    def _ask(
        self, conversation: Sequence[Message], schema: type[BaseModel], attempt: int
    ) -> tuple[CallRecord, Answer]:
        """One call; what it cost is counted whatever happens, its end is logged by the caller."""
        most_usd = self._most_usd(conversation)
        self._budget.book(most_usd)
        used = Usage()
        record = self._record(conversation, schema, attempt)
        outcome: Outcome = "error"
        began_s = time.monotonic()
        try:
            self._pace.wait()
            began_s = time.monotonic()
            answer = _sound(self._provider.ask(conversation, schema))
            tokens = answer.usage
            cost_usd = self._price.cost_usd(tokens) if self._price else 0.0
            used = Usage(
                input_tokens=tokens.input_tokens,
                output_tokens=tokens.output_tokens,
                cost_usd=cost_usd,
            )
            record.input_tokens, record.output_tokens = used.input_tokens, used.output_tokens
            record.cost_usd = cost_usd if self._price else None
            outcome = "ok"
        except MissingKey:
            outcome = "key"
            raise
        except ModelUnavailable:
            outcome = "unavailable"
            raise
        finally:
            seconds = time.monotonic() - began_s
            record.seconds = round(seconds, 3)
            self._budget.settle(most_usd, replace(used, seconds=seconds))
            if outcome != "ok":
                self._log.write(replace(record, outcome=outcome))
        return record, answer

    def _record(
        self, messages: Sequence[Message], schema: type[BaseModel], attempt: int
    ) -> CallRecord:
        return CallRecord(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            model=self.name,
            schema=schema.__name__,
            attempt=attempt,
            cached=False,
            pictures=sum(count_pictures(message.parts) for message in messages),
        )

    def _most_usd(self, messages: Sequence[Message]) -> float:
        """A bound on what a call costs; nobody knows its tokens before it is made."""
        if self._price is None:
            return 0.0
        size = pictures = 0
        for part in (part for message in messages for part in message.parts):
            if isinstance(part, Text):
                size += len(part.text.encode("utf-8", "replace"))
            elif isinstance(part, Image):
                pictures += 1
            else:
                watched = math.ceil(part.seconds * self._config.video_fps)
                pictures += min(len(part.frames), max(self._config.max_frames, watched))
        tokens = _TOKENS_AROUND + _TOKENS_PER_BYTE * size
        tokens += self._price.picture_tokens * pictures
        most = Usage(input_tokens=math.ceil(tokens), output_tokens=self._config.max_output_tokens)
        return self._price.cost_usd(most)


def _sound(answer: Answer) -> Answer:
    """JSON can spell half a character (U+D800), which no file and no request can hold."""
    return replace(answer, text=answer.text.encode("utf-8", "replace").decode("utf-8"))
