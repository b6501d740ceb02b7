"""`transformers serve` as it is, on tiny models, asked through OpenAI's SDK over real HTTP."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import numpy as np
import pytest
from pydantic import BaseModel

from mosel_gym.errors import BadAnswer, ModelUnavailable
from mosel_gym.llm.choose import chat_model
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.messages import Image, Video, system, user
from tests.llm.tiny_vlm import make_video_model

_NEEDED = ("accelerate", "fastapi", "openai", "starlette", "torchvision", "transformers", "uvicorn")
_MISSING = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(_MISSING),
    reason=f"transformers serve needs {', '.join(_MISSING)}: pip install transformers[serving]",
)

START_S = 150.0
LIFE_S = 300  # the server's, even if this process is killed and cannot end it
CONFIG = ChatConfig(max_output_tokens=12, max_frames=3, retries=0, timeout_s=60.0)


class PlanAnswer(BaseModel):
    """As a planner would ask for."""

    steps: list[str]


PLAN = PlanAnswer(steps=["open the drawer"])


def grey(level: int, side: int = 56) -> Image:
    return Image(np.full((side, side, 3), level, np.uint8))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Popen[bytes], Path]]:
    """The process and its log; it loads the model that a request names."""
    folder = tmp_path_factory.mktemp("serve")
    log = folder / "log.txt"
    serve = [str(Path(sys.executable).with_name("transformers")), "serve", "--device", "cpu"]
    address = ["--host", "127.0.0.1", "--port", "0"]  # the system picks a free port
    with log.open("wb") as output:
        process = Popen(
            ["timeout", "--kill-after=5", str(LIFE_S), *serve, *address],
            cwd=folder,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, log
    finally:
        _end(process)


@pytest.fixture(scope="module")
def nonsense(server: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Asks for the server, so that it starts while the models are made."""
    return make_video_model(tmp_path_factory.mktemp("nonsense"))


@pytest.fixture(scope="module")
def sensible(server: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video_model(tmp_path_factory.mktemp("sensible"), says=PLAN.model_dump_json())


@pytest.fixture(scope="module")
def url(server: tuple[Popen[bytes], Path], nonsense: Path, sensible: Path) -> str:
    """Waits until the server listens."""
    return _address(*server)


def _address(process: Popen[bytes], log: Path) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        said = log.read_text(errors="replace")
        found = re.search(r"running on (http://127\.0\.0\.1:\d+)", said)
        if found:
            return f"{found[1]}/v1"
        assert process.poll() is None, f"transformers serve ended:\n{said[-2000:]}"
        time.sleep(0.1)
    raise AssertionError(f"transformers serve has not started in {START_S:g} s:\n{said[-2000:]}")


def _end(process: Popen[bytes]) -> None:
    """The whole group goes: `timeout`, the server, and whatever it may have started."""
    group = process.pid
    for word in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, word)
            process.wait(timeout=15)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


def test_nonsense_is_asked_again_once_and_then_refused(url: str, nonsense: Path) -> None:
    model = chat_model(f"openai-compatible:{nonsense}@{url}", CONFIG)
    frames = np.stack([np.full((56, 56, 3), level, np.uint8) for level in range(0, 250, 50)])
    messages = [system("You plan."), user("Before:", grey(9), "then", Video(frames, 1.0), "Plan!")]
    with pytest.raises(BadAnswer, match="no usable PlanAnswer in 2 attempts") as caught:
        model.complete(messages, PlanAnswer)
    assert model.name in str(caught.value)
    assert model.usage.calls == 2
    assert model.usage.output_tokens == 24
    assert model.usage.input_tokens > 2 * 4 * 4  # two calls, each with four pictures of four tokens


def test_a_good_answer_comes_back_checked(url: str, sensible: Path) -> None:
    model = chat_model(f"openai-compatible:{sensible}@{url}", CONFIG)
    assert model.complete([user(grey(9), "Plan!")], PlanAnswer) == PLAN
    assert (model.usage.calls, model.usage.output_tokens) == (1, 2)  # the text, and the end


def test_a_good_answer_that_will_not_do_is_sent_back_once(url: str, sensible: Path) -> None:
    def check(answer: PlanAnswer) -> None:
        raise ValueError(f"{answer.steps[0]!r} is not in S")

    model = chat_model(f"openai-compatible:{sensible}@{url}", CONFIG)
    with pytest.raises(BadAnswer, match="'open the drawer' is not in S"):
        model.complete([user("Plan!")], PlanAnswer, check)
    assert model.usage.calls == 2


def test_pictures_arrive_whole(url: str, sensible: Path) -> None:
    def prompt_tokens(*pictures: Image) -> int:
        model = chat_model(f"openai-compatible:{sensible}@{url}", CONFIG)
        model.complete([user("Plan!", *pictures)], PlanAnswer)
        return model.usage.input_tokens

    small, large = grey(9, side=56), grey(9, side=112)
    one = prompt_tokens(small)
    # Tokens of a picture: one for every 28 x 28 pixels, and one each before and behind them.
    assert prompt_tokens(small, small) == one + 4 + 2
    assert prompt_tokens(large) == one + 16 - 4


def test_a_model_that_the_server_has_not_is_an_error(url: str, tmp_path: Path) -> None:
    model = chat_model(f"openai-compatible:{tmp_path / 'absent'}@{url}", CONFIG)
    with pytest.raises(ModelUnavailable, match="500"):
        model.complete([user("Plan!")], PlanAnswer)
