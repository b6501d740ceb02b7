"""Models by a short text: "openai:gpt-4.1", "google:gemini-2.5-pro", "scripted:answers.json"."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mosel_gym.errors import UnknownId
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.extra import require

if TYPE_CHECKING:
    from mosel_gym.llm.budget import Budget
    from mosel_gym.llm.chat import ChatModel, Provider

PROVIDERS = {
    "openai": "openai:gpt-4.1",
    "google": "google:gemini-2.5-pro",
    "openai-compatible": "openai-compatible:MODEL@http://127.0.0.1:8000/v1",
    "transformers": "transformers:Qwen/Qwen2.5-VL-7B-Instruct",
    "scripted": "scripted:answers.json",
}
"""Every provider with an example."""


def looks_like_model(spec: str) -> bool:
    """Whether a text names a model, if only by a misspelt provider, which `chat_model` explains."""
    word, colon, rest = spec.partition(":")
    return bool(colon and rest and (word in PROVIDERS or _near(word)))


def chat_model(
    spec: str, config: ChatConfig | None = None, total: Budget | None = None
) -> ChatModel:
    """The model that a text names; keys and packages are looked for now, before any call.

    Args:
        spec: `PROVIDER:MODEL`, see `PROVIDERS`.
        config: Time, budgets, cache and log; None = the defaults.
        total: A budget that this model shares with others.

    Raises:
        UnknownId: The provider is unknown or the text is incomplete; says which there are.
        MissingKey: The service's key is not set; names the variable.
        MissingLibrary: A package is not installed; says what installs it.
        ModelError: A budget in money for a model whose price is not known.
    """
    require("pydantic")
    from mosel_gym.llm.metered import MeteredModel

    config = config or ChatConfig()
    return MeteredModel(_provider(spec, config), config, total)


def _provider(spec: str, config: ChatConfig) -> Provider:
    word, _, rest = spec.partition(":")
    if word not in PROVIDERS or not rest:
        near = _near(word)
        meant = f" Did you mean {PROVIDERS[near[0]]!r}?" if near else ""
        raise UnknownId(
            f"Unknown model {spec!r}; a model is named PROVIDER:MODEL.{meant} "
            f"Examples: {', '.join(PROVIDERS.values())}."
        )
    if word == "openai":
        from mosel_gym.llm.openai_model import OpenAIProvider

        return OpenAIProvider(rest, config)
    if word == "google":
        from mosel_gym.llm.google_model import GoogleProvider

        return GoogleProvider(rest, config)
    if word == "openai-compatible":
        from mosel_gym.llm.openai_model import OpenAIProvider

        model, url = _model_and_url(spec, rest)
        return OpenAIProvider(model, config, url)
    if word == "transformers":
        from mosel_gym.llm.transformers_model import TransformersProvider

        return TransformersProvider(rest, config)
    from mosel_gym.llm.scripted import ScriptedProvider

    return ScriptedProvider(rest)


def _near(word: str) -> list[str]:
    return difflib.get_close_matches(word.lower(), PROVIDERS, n=1, cutoff=0.7)


def _model_and_url(spec: str, rest: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.+?)@(https?://.+)", rest)
    if not found:
        raise UnknownId(
            f"{spec!r} lacks the server's address. Write MODEL@URL, up to and including the "
            f"version: {PROVIDERS['openai-compatible']}."
        )
    model, url = found.groups()
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError as error:
        raise UnknownId(f"{url!r} is no address: {error}.") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        # Not repeated here: it may be a secret, and names of models are written into results.
        raise UnknownId(
            f"The address of the model {model!r} has a user, a query or a fragment in it. Give "
            "the plain address, and a key in OPENAI_COMPATIBLE_API_KEY."
        )
    return model, url.rstrip("/")
