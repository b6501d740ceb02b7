"""Google's Gemini models, which watch video as video."""

from __future__ import annotations

import importlib
import io
import os
import time
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from mosel_gym.errors import ModelError, ModelUnavailable
from mosel_gym.llm import faults
from mosel_gym.llm.chat import Answer, Usage
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.deadline import DeadlineError, within
from mosel_gym.llm.extra import require
from mosel_gym.llm.google_contents import Videos, contents, encode_videos, instruction
from mosel_gym.llm.keys import find_key
from mosel_gym.llm.messages import Message
from mosel_gym.llm.mp4 import MP4
from mosel_gym.llm.schema import strict_schema

INLINE_LIMIT_BYTES = 12_000_000
"""Of all videos of a request together; the service takes 20 MB in all, and base64 adds a third."""
_POLL_S = 1.0
_DELETE_S = 5.0
"""For deleting what was uploaded; the answer is there by then, and must not wait for long."""
_FIRST_WAIT_S = 1.0
_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_STOPPED_FOR_SAFETY = {
    "BLOCKLIST",
    "ESCALATION",
    "IMAGE_SAFETY",
    "MODEL_ARMOR",
    "PROHIBITED_CONTENT",
    "PUP_LIMITED_DISABLED",
    "RECITATION",
    "SAFETY",
    "SPII",
}


class GoogleProvider:
    """A model behind the Gemini API.

    A video is sent as an mp4 at its own frame rate: within the request, or through the files API
    where it is big, from which it is deleted after the answer. The service looks at `video_fps`
    frames a second of it, its own default of 1 being too few to see a grasp; a slower recording is
    looked at frame by frame. Retries and time-outs are the SDK's, but for connections that are cut.

    Args:
        model: As the service calls it.
        config: Time, retries, video rate and temperature.
        inline_limit_bytes: Videos of more bytes, all together, go through the files API.

    Raises:
        MissingKey: Neither GEMINI_API_KEY nor GOOGLE_API_KEY is set.
        MissingLibrary: The SDK is not installed.
    """

    def __init__(
        self,
        model: str,
        config: ChatConfig | None = None,
        inline_limit_bytes: int = INLINE_LIMIT_BYTES,
    ):
        require("google.genai")
        self._model = model
        self._config = config or ChatConfig()
        self._inline_limit_bytes = inline_limit_bytes
        self._key = find_key("Google's Gemini", _VARIABLES, "https://aistudio.google.com/apikey")
        self.endpoint = os.environ.get("GOOGLE_GEMINI_BASE_URL", "")
        """Where calls go, if not to Google; the SDK reads it too. Part of the cache's key."""

    @property
    def name(self) -> str:
        """As it was chosen."""
        return f"google:{self._model}"

    def ask(self, messages: Sequence[Message], schema: type[BaseModel]) -> Answer:
        """See `Provider.ask`."""
        # What is wrong with our own messages is no fault of the service: it is raised from here.
        videos, wanted = encode_videos(messages), strict_schema(schema)
        found = self._answer_or_fault(messages, videos, wanted)
        if isinstance(found, ModelError):
            raise found  # outside of any except block: the SDK's exception is not its context
        return found

    def check_key(self) -> None:
        """Ask for the model's card, which is free, to learn of a wrong key before any work is done.

        Whatever else comes of it is left to the first call, which may well go through.

        Raises:
            MissingKey: The key is turned down.
        """
        from google.genai import errors, types

        options = types.HttpOptions(
            timeout=round(1000 * faults.CHECK_S), retry_options=types.HttpRetryOptions(attempts=1)
        )
        config = types.GetModelConfig(http_options=options)
        try:
            with self._client() as client:
                within(faults.CHECK_S, lambda: client.models.get(model=self._model, config=config))
            return
        except errors.APIError as error:
            status = error.code if error.code == 401 or _key_is_wrong(error) else 0
        except Exception:
            return
        if status:
            raise faults.key_turned_down(self.name, self._key, status)

    def _client(self) -> Any:
        from google import genai
        from google.genai import types

        retry = types.HttpRetryOptions(
            attempts=self._config.retries + 1, initial_delay=_FIRST_WAIT_S, jitter=_FIRST_WAIT_S
        )
        # One a call, since a call that is given up closes it; that takes a few milliseconds.
        return genai.Client(
            api_key=self._key.reveal(),
            vertexai=False,  # else an environment variable decides
            http_options=types.HttpOptions(
                timeout=round(1000 * self._config.timeout_s), retry_options=retry
            ),
        )

    def _answer_or_fault(
        self, messages: Sequence[Message], videos: Videos, schema: dict[str, Any]
    ) -> Answer | ModelError:
        from google.genai import errors

        name, key, config = self.name, self._key, self._config
        uploaded: list[Any] = []
        try:
            with self._client() as client:  # leaving the block closes it
                try:
                    reply = within(
                        config.deadline_s,
                        lambda: self._call(client, messages, videos, schema, uploaded),
                    )
                finally:
                    _delete(client, uploaded)
        except DeadlineError:
            return faults.too_late(name, config)
        except errors.APIError as error:
            if _key_is_wrong(error):
                return faults.key_turned_down(name, key, error.code)
            said = f"{error.status or ''} {error.message or ''}"
            return faults.from_status(name, key, error.code, said, config)
        except _connection_errors() as error:
            said = f"{error}" or type(error).__name__
            return faults.unreachable(name, key, said, config)
        except ModelUnavailable as error:
            return error
        except ValueError as error:
            return faults.not_json(name, key, f"{error}")
        except Exception as error:  # whatever else a library may come up with
            return faults.unexpected(name, key, error)
        return _read(reply) or faults.not_json(name, key, "neither an answer nor a reason")

    def _call(
        self,
        client: Any,
        messages: Sequence[Message],
        videos: Videos,
        schema: dict[str, Any],
        uploaded: list[Any],
    ) -> Any:
        from google.genai import types

        inline = sum(map(len, videos.values())) <= self._inline_limit_bytes
        upload = None if inline else lambda data: self._upload(client, data, uploaded)
        config = types.GenerateContentConfig(
            system_instruction=instruction(messages),
            temperature=self._config.temperature,
            max_output_tokens=self._config.max_output_tokens,
            response_mime_type="application/json",
            response_json_schema=schema,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        turns = contents(messages, videos, self._config.video_fps, upload)
        return self._generate(client, turns, config)

    def _generate(self, client: Any, turns: list[Any], config: Any) -> Any:
        """The SDK tries again after statuses and time-outs, but not if a connection is cut."""
        wait_s = _FIRST_WAIT_S
        for left in range(self._config.retries, -1, -1):
            try:
                return client.models.generate_content(
                    model=self._model, contents=turns, config=config
                )
            except _connection_errors() as error:
                if not left or not _was_cut(error):
                    raise
            time.sleep(wait_s)
            wait_s *= 2
        raise AssertionError("unreachable")

    def _upload(self, client: Any, data: bytes, uploaded: list[Any]) -> str:
        from google.genai import types

        config = types.UploadFileConfig(mime_type=MP4)
        file = client.files.upload(file=io.BytesIO(data), config=config)
        uploaded.append(file)
        while file.state == types.FileState.PROCESSING:  # the deadline ends this, if nothing else
            time.sleep(_POLL_S)
            file = client.files.get(name=file.name)
        if file.state != types.FileState.ACTIVE:
            raise ModelUnavailable(
                f"{self.name}: the service could not use a video of {len(data)} bytes that was "
                f"uploaded ({file.state}). Run again, or send pictures to another model."
            )
        return str(file.uri)


def _key_is_wrong(error: Any) -> bool:
    return error.status == "INVALID_ARGUMENT" and "API_KEY_INVALID" in f"{error.details}"


def _delete(client: Any, uploaded: list[Any]) -> None:
    """What is not deleted in time, the service drops after two days."""
    if not uploaded:
        return
    try:
        within(_DELETE_S, lambda: [client.files.delete(name=file.name) for file in uploaded])
    except Exception:  # the answer counts, whatever happens to the upload
        return


def _read(reply: Any) -> Answer | None:
    """None if it holds neither an answer nor a reason for there being none."""
    usage = Usage(calls=1)
    if reply.usage_metadata is not None:
        counted = reply.usage_metadata
        usage = Usage(
            calls=1,
            input_tokens=counted.prompt_token_count or 0,
            # Silent reasoning is charged as output.
            output_tokens=(counted.candidates_token_count or 0)
            + (counted.thoughts_token_count or 0),
        )
    if not reply.candidates:
        feedback = reply.prompt_feedback
        reason = feedback and (feedback.block_reason_message or feedback.block_reason)
        if not reason:
            return None
        return Answer("", usage, refusal=f"the prompt was blocked: {_word(reason)}")
    candidate = reply.candidates[0]
    finish = _word(candidate.finish_reason)
    parts = (candidate.content and candidate.content.parts) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    refusal = None
    if finish in _STOPPED_FOR_SAFETY:
        refusal = f"the service stopped the answer: {candidate.finish_message or finish}"
    return Answer(text, usage, refusal, cut_off=finish == "MAX_TOKENS")


def _word(reason: Any) -> str:
    return str(getattr(reason, "value", reason) or "no reason given")


def _connection_errors() -> tuple[type[Exception], ...]:
    """Of the HTTP library below the SDK, which is a matter of its release and of the settings."""
    found: list[type[Exception]] = []
    for library in ("httpx2", "httpx"):
        try:
            found.append(importlib.import_module(library).RequestError)
        except ModuleNotFoundError:
            continue
    return tuple(found)


def _was_cut(error: Exception) -> bool:
    return type(error).__name__ in ("ReadError", "RemoteProtocolError", "WriteError", "CloseError")
