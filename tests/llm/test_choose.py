"""Choosing a model by a short text, its settings, and what is known about prices."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mosel_gym.errors import MissingLibrary, UnknownId
from mosel_gym.llm.choose import PROVIDERS, chat_model, looks_like_model
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.prices import PRICES, price_of


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("opnai:gpt-4.1", r"Unknown model 'opnai:gpt-4.1'.*Did you mean 'openai:gpt-4.1'"),
        ("Google:gemini", r"Did you mean 'google:gemini-2.5-pro'"),
        ("llama", r"PROVIDER:MODEL\. Examples: openai:gpt-4\.1"),
        ("openai:", r"Unknown model 'openai:'"),
        ("", r"Unknown model ''"),
        ("openai-compatible:qwen", r"lacks the server's address.*MODEL@URL"),
        ("openai-compatible:qwen@127.0.0.1:8000", r"lacks the server's address"),
    ],
)
def test_what_is_no_model_is_explained(spec: str, said: str) -> None:
    with pytest.raises(UnknownId, match=said):
        chat_model(spec)


@pytest.mark.parametrize("url", ["http://me:hunter22@host/v1", "http://host/v1?key=hunter22"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UnknownId, match="OPENAI_COMPATIBLE_API_KEY") as told:
        chat_model(f"openai-compatible:qwen@{url}")
    assert "hunter22" not in str(told.value)


@pytest.mark.parametrize("spec", [*PROVIDERS.values(), "opnai:gpt-4.1", "gogle:gemini"])
def test_these_look_like_models(spec: str) -> None:
    assert looks_like_model(spec)


@pytest.mark.parametrize(
    "spec",
    ["offline", "pixel", "pixel:libero-long", "privileged:0.9,0.8", "openai", "openai:", "", ":x"],
)
def test_these_do_not(spec: str) -> None:
    assert not looks_like_model(spec)


def test_a_scripted_model_needs_neither_key_nor_network(no_keys: None, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no-such-file"):
        chat_model(f"scripted:{tmp_path / 'no-such-file.json'}")


def test_looking_needs_no_package_and_a_missing_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(
        sys.modules, "pydantic", None
    )  # importing it fails, as if it were not there
    assert looks_like_model("openai:gpt-4.1")
    with pytest.raises(MissingLibrary, match=r"needs? pydantic.*pip install mosel-gym\[llm\]"):
        chat_model("openai:gpt-4.1")


def test_choosing_loads_no_sdk() -> None:
    code = (
        "import sys, mosel_gym.llm.choose, mosel_gym.llm.config\n"
        "heavy = {'pydantic', 'openai', 'google.genai', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"timeout_s": 0}, "timeout_s=0 must be greater than 0"),
        ({"deadline_s": -1.0}, "deadline_s=-1.0"),
        ({"max_frames": 0}, "max_frames=0"),
        ({"calls_per_minute": float("nan")}, "calls_per_minute=nan"),
        ({"retries": -1}, "retries=-1 must not be negative"),
        ({"max_cost_usd": -0.5}, "max_cost_usd=-0.5"),
        ({"price_in_usd": 1.0}, "give both, or neither"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ChatConfig(**wrong)


def test_settings_travel_to_other_processes() -> None:
    config = ChatConfig(max_calls=3, cache=Path("cache"))
    assert pickle.loads(pickle.dumps(config)) == config


def test_prices_are_plausible_and_local_models_are_free() -> None:
    for name, price in PRICES.items():
        assert 0 < price.in_usd < price.out_usd < 100, name
    for name in ("transformers:some/model", "scripted:file.json"):
        free = price_of(name, ChatConfig())
        assert free is not None
        assert (free.in_usd, free.out_usd) == (0.0, 0.0)
    assert price_of("openai-compatible:gpt-4.1@http://host/v1", ChatConfig()) is None
