"""OpenAI's chat completions, and every server that speaks the same."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from mosel_gym.errors import ModelError
from mosel_gym.llm import faults
from mosel_gym.llm.chat import Answer, Usage
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.deadline import DeadlineError, within
from mosel_gym.llm.extra import require
from mosel_gym.llm.keys import Key, find_key
from mosel_gym.llm.messages import Image, Message, Part, Text, system
from mosel_gym.llm.pictures import JPEG, jpeg, labelled_frames
from mosel_gym.llm.schema import schema_in_words, strict_schema
from mosel_gym.types import Frame

_COMPATIBLE_VARIABLE = "OPENAI_COMPATIBLE_API_KEY"
# These reason before they answer, and reject a temperature.
_REASONS = re.compile(r"o\d|gpt-5(?!-chat)")


class OpenAIProvider:
    """A model behind the chat completions interface.

    Videos are sent as evenly spaced frames, since the interface has no video. Retries, their waits
    and the time-out of one try are the SDK's; a deadline over the whole call is ours.

    Args:
        model: As the service calls it.
        config: Time, retries, frames and temperature.
        url: Of a compatible server, up to and including its version ("http://127.0.0.1:8000/v1").
            None is OpenAI's own, or where OPENAI_BASE_URL points to. A compatible server may not
            enforce the schema, so it stands in the prompt as well.

    Raises:
        MissingKey: OPENAI_API_KEY is not set. A compatible server needs no key; where it does,
            OPENAI_COMPATIBLE_API_KEY has it.
        MissingLibrary: The SDK is not installed.
    """

    def __init__(self, model: str, config: ChatConfig | None = None, url: str | None = None):
        require("openai")
        self._model = model
        self._config = config or ChatConfig()
        self._url = url
        if url is None:
            self._key = find_key(
                "OpenAI", ("OPENAI_API_KEY",), "https://platform.openai.com/api-keys"
            )
        else:
            self._key = _optional_key()
        self.endpoint = url or os.environ.get("OPENAI_BASE_URL", "")
        """Where calls go, if not to OpenAI; the SDK reads it too. Part of the cache's key."""

    @property
    def name(self) -> str:
        """As it was chosen."""
        if self._url is None:
            return f"openai:{self._model}"
        return f"openai-compatible:{self._model}@{self._url}"

    def ask(self, messages: Sequence[Message], schema: type[BaseModel]) -> Answer:
        """See `Provider.ask`."""
        request = self._request(messages, schema)
        found = self._answer_or_fault(request)
        if isinstance(found, ModelError):
            raise found  # outside of any except block: the SDK's exception is not its context
        return found

    def check_key(self) -> None:
        """Ask for the model's card, which is free, to learn of a wrong key before any work is done.

        Whatever else comes of it is left to the first call: a restricted key may ask, and not look.

        Raises:
            MissingKey: The key is turned down.
        """
        import openai

        status = 200
        try:
            with self._client() as client:
                quick = client.with_options(max_retries=0, timeout=faults.CHECK_S)
                headers = self._headers()
                within(
                    faults.CHECK_S,
                    lambda: quick.models.retrieve(self._model, extra_headers=headers),
                )
        except openai.APIStatusError as error:
            status = error.status_code
        except Exception:
            return
        if status == 401:
            raise faults.key_turned_down(self.name, self._key, status)

    def _headers(self) -> dict[str, Any]:
        import openai

        if self._url is None:
            return {}
        # Another server need not know whose account at OpenAI this is.
        return {"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit}

    def _client(self) -> Any:
        import openai

        # One a call, since a call that is given up closes it; that takes a few milliseconds.
        return openai.OpenAI(
            api_key=self._key.reveal(),
            base_url=self._url,
            timeout=self._config.timeout_s,
            max_retries=self._config.retries,
        )

    def _request(self, messages: Sequence[Message], schema: type[BaseModel]) -> dict[str, Any]:
        if self._url is not None:
            messages = _with_instruction(messages, schema_in_words(schema))
        request: dict[str, Any] = {
            "extra_headers": self._headers(),
            "model": self._model,
            "messages": [self._message(message) for message in messages],
            "max_completion_tokens": self._config.max_output_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": re.sub(r"[^\w-]", "_", schema.__name__)[:64],
                    "strict": True,
                    "schema": strict_schema(schema),
                },
            },
        }
        told = self._url is not None or not _REASONS.match(self._model)
        if told and self._config.temperature is not None:
            request["temperature"] = self._config.temperature
        return request

    def _message(self, message: Message) -> dict[str, Any]:
        if all(isinstance(part, Text) for part in message.parts):
            # Plain text: older chat templates know no list of parts for the system's and its own.
            words = "\n\n".join(part.text for part in message.parts if isinstance(part, Text))
            return {"role": message.role, "content": words}
        content = [sent for part in message.parts for sent in self._part(part)]
        return {"role": message.role, "content": content}

    def _part(self, part: Part) -> list[dict[str, Any]]:
        if isinstance(part, Text):
            return [_text(part.text)]
        if isinstance(part, Image):
            return [_picture(part.frame)]
        sent = []
        for label, frame in labelled_frames(part, self._config.max_frames):
            sent += [_text(label), _picture(frame)]
        return sent

    def _answer_or_fault(self, request: dict[str, Any]) -> Answer | ModelError:
        import openai

        name, key, config = self.name, self._key, self._config
        try:
            with self._client() as client:  # leaving the block closes it
                reply = within(config.deadline_s, lambda: client.chat.completions.create(**request))
        except DeadlineError:
            return faults.too_late(name, config)
        except openai.APIStatusError as error:
            return faults.from_status(name, key, error.status_code, error.message, config)
        except openai.APITimeoutError:
            return faults.unreachable(name, key, "it said nothing in time", config)
        except openai.APIConnectionError as error:
            return faults.unreachable(name, key, f"{error.__cause__ or error}", config)
        except (openai.OpenAIError, ValueError) as error:
            return faults.not_json(name, key, f"{error}")
        except Exception as error:  # whatever else a library may come up with
            return faults.unexpected(name, key, error)
        return _read(reply) or faults.not_json(name, key, f"{reply}")


def _read(reply: Any) -> Answer | None:
    """None if it is not a chat completion; the SDK lets through whatever is JSON."""
    try:
        choice = reply.choices[0]
        text, refusal = choice.message.content or "", choice.message.refusal or None
        counts = (reply.usage.prompt_tokens, reply.usage.completion_tokens) if reply.usage else ()
    except (AttributeError, IndexError, TypeError):
        return None
    if not isinstance(text, str) or not all(isinstance(count, int) for count in counts):
        return None
    if choice.finish_reason == "content_filter" and not refusal:
        refusal = "the service's content filter stopped the answer"
    usage = Usage(1, 0, *counts)
    return Answer(text, usage, refusal and f"{refusal}", cut_off=choice.finish_reason == "length")


def _optional_key() -> Key:
    # The SDK insists on a key; servers without one ignore what it is.
    secret = os.environ.get(_COMPATIBLE_VARIABLE, "").strip() or "none"
    return Key(secret, _COMPATIBLE_VARIABLE)


def _with_instruction(messages: Sequence[Message], words: str) -> list[Message]:
    """Chat templates often take one system message, at the start, and no other."""
    if messages and messages[0].role == "system":
        first = messages[0]
        return [Message("system", (*first.parts, Text(words))), *messages[1:]]
    return [system(words), *messages]


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _picture(frame: Frame) -> dict[str, Any]:
    data = base64.b64encode(jpeg(frame)).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{JPEG};base64,{data}"}}
