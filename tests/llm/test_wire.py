"""What is really sent: pixels, frames, labels, roles, schemas."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image as PillowImage

from mosel_gym.errors import ModelUnavailable
from mosel_gym.llm import google_model
from mosel_gym.llm.choose import chat_model
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.google_model import GoogleProvider
from mosel_gym.llm.messages import Image, Video, assistant, system, user
from mosel_gym.types import Frame, Frames
from tests.llm.asking import GOOD, QUESTION, Service, Steps, clip
from tests.llm.loopback import Call
from tests.llm.servers import Fault, GoogleServer, OpenAIServer


def _pixels(picture: bytes) -> Frame:
    return np.asarray(PillowImage.open(io.BytesIO(picture)))


def _assert_same(found: Frames, sent: Frames, tolerance: float = 3.0) -> None:
    """JPEG and H.264 change pixels a little."""
    assert found.shape == sent.shape
    assert np.abs(found.astype(float) - sent.astype(float)).mean() < tolerance


def _decode(mp4: bytes, height: int, width: int, folder: Path) -> tuple[Frames, float]:
    path = folder / "got.mp4"
    path.write_bytes(mp4)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(path)]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    said = done.stderr.decode()
    assert f"{width}x{height}" in said
    rate = re.search(r"([\d.]+) fps", said)
    assert rate is not None
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3), float(rate[1])


def test_both_send_the_roles_and_the_strict_schema(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = [system("Rule one."), user("First."), assistant("Second."), user("Third.", "Fourth.")]
    with service.server(lambda _: GOOD) as server:
        server.use(monkeypatch)
        chat_model(service.spec).complete(talk, Steps)
    request = server.requests[0]
    assert request["model"] == service.spec.partition(":")[2]
    assert request["system"] == "Rule one."
    assert "First." in request["text"]
    assert request["turns"] == 3
    assert request["schema"] == {
        "description": "An answer.",
        "type": "object",
        "properties": {"steps": {"type": "array", "items": {"type": "string"}}},
        "required": ["steps"],
        "additionalProperties": False,
    }


def test_both_send_a_picture_with_the_right_pixels(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = clip(3, 48, 80).frames[1]
    with service.server(lambda _: GOOD) as server:
        server.use(monkeypatch)
        chat_model(service.spec).complete([user("Look:", Image(frame))], Steps)
    (picture,) = server.requests[0]["images"]
    _assert_same(_pixels(picture), frame)
    assert server.requests[0]["videos"] == []


def test_openai_gets_labelled_frames_the_last_one_included(
    no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = clip(50)
    with OpenAIServer(lambda _: GOOD) as server:
        server.use(monkeypatch)
        model = chat_model("openai:gpt-4.1", ChatConfig(max_frames=8))
        model.complete([user("Seen from above:", video, "What happened?")], Steps)
    request = server.requests[0]
    chosen = np.linspace(0, 49, 8).round().astype(int)
    assert len(request["images"]) == 8
    for picture, index in zip(request["images"], chosen, strict=True):
        _assert_same(_pixels(picture), video.frames[index])
    lines = request["text"].split("\n")
    assert lines[:2] == ["Seen from above:", "frame 1 of 8, 0.0 s"]
    assert lines[-2:] == ["frame 8 of 8, 4.9 s", "What happened?"]
    kinds = [part["type"] for part in request["body"]["messages"][0]["content"]]
    assert kinds == ["text", *["text", "image_url"] * 8, "text"]
    wanted = request["body"]["response_format"]
    assert wanted["type"] == "json_schema"
    assert (wanted["json_schema"]["name"], wanted["json_schema"]["strict"]) == ("Steps", True)


@pytest.mark.parametrize(("frames", "most", "sent"), [(1, 20, 1), (3, 20, 3), (9, 1, 1)])
def test_short_clips_are_sent_whole(
    frames: int, most: int, sent: int, no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = clip(frames)
    with OpenAIServer(lambda _: GOOD) as server:
        server.use(monkeypatch)
        model = chat_model("openai:gpt-4.1", ChatConfig(max_frames=most))
        model.complete([user(video)], Steps)
    images = server.requests[0]["images"]
    assert len(images) == sent
    _assert_same(_pixels(images[-1]), video.frames[-1])


def test_google_gets_every_frame_as_an_mp4(
    no_keys: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    video = clip(50, 63, 65)  # odd sides grow by one
    with GoogleServer(lambda _: GOOD) as server:
        server.use(monkeypatch)
        model = chat_model("google:gemini-2.5-pro", ChatConfig(video_fps=4.0))
        model.complete([system("Be exact."), user("What happened?", video)], Steps)
    request = server.requests[0]
    found, fps = _decode(request["videos"][0], 64, 66, tmp_path)
    assert fps == video.fps
    assert found.shape == (50, 64, 66, 3)
    _assert_same(found[:, :63, :65], video.frames, tolerance=6.0)
    part = request["body"]["contents"][0]["parts"][1]
    assert part["videoMetadata"] == {"fps": 4.0}
    assert request["body"]["generationConfig"]["responseMimeType"] == "application/json"


@pytest.mark.parametrize(("recorded", "asked", "sent"), [(0.5, 2.0, 0.5), (60.0, 50.0, 24.0)])
def test_google_is_asked_for_a_rate_that_it_knows(
    recorded: float, asked: float, sent: float, no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GoogleServer(lambda _: GOOD) as server:
        server.use(monkeypatch)
        model = chat_model("google:gemini-2.5-pro", ChatConfig(video_fps=asked))
        model.complete([user(clip(4, fps=recorded))], Steps)
    part = server.requests[0]["body"]["contents"][0]["parts"][0]
    assert part["videoMetadata"] == {"fps": sent}


def test_big_videos_go_through_the_files_api_and_are_deleted(
    no_keys: None, short_waits: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with GoogleServer(lambda _: GOOD, polls=3) as server:
        server.use(monkeypatch)
        provider = GoogleProvider("gemini-2.5-pro", ChatConfig(), inline_limit_bytes=100)
        provider.ask([user("Two:", clip(6), clip(9))], Steps)
    videos = server.requests[0]["videos"]
    assert [len(_decode(video, 64, 64, tmp_path)[0]) for video in videos] == [6, 9]
    assert "inlineData" not in str(server.requests[0]["body"])
    assert server.uploads == 2
    assert server.files == {}, "deleted after the answer"


class NeverDeletes(GoogleServer):
    """Takes uploads, and is silent when one is to be deleted."""

    def handle(self, call: Call) -> None:
        """Serve one HTTP request."""
        if call.method == "DELETE":
            self.send_fault(call, Fault("silence"))
        else:
            super().handle(call)


def test_an_answer_is_not_lost_if_an_upload_cannot_be_deleted(
    no_keys: None, short_waits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(google_model, "_DELETE_S", 0.2, raising=False)
    with NeverDeletes(lambda _: GOOD) as server:
        server.use(monkeypatch)
        config = ChatConfig(deadline_s=3.0)
        provider = GoogleProvider("gemini-2.5-pro", config, inline_limit_bytes=100)
        assert provider.ask([user(clip(6))], Steps).text == GOOD
    assert len(server.files) == 1


def test_a_video_that_the_service_cannot_use(
    no_keys: None, short_waits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GoogleServer(lambda _: GOOD, becomes="FAILED") as server:
        server.use(monkeypatch)
        provider = GoogleProvider("gemini-2.5-pro", ChatConfig(), inline_limit_bytes=100)
        with pytest.raises(ModelUnavailable, match="could not use a video"):
            provider.ask([user(clip(6))], Steps)
    assert server.files == {}
    assert server.requests == []


def test_a_compatible_server_is_told_in_words_too(
    no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAIServer(lambda _: GOOD) as server:
        monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", server.key)
        model = chat_model(f"openai-compatible:some/model@{server.url}/")
        assert model.name == f"openai-compatible:some/model@{server.url}"
        model.complete(QUESTION, Steps)
        model.complete(QUESTION[1:], Steps)
    for request in server.requests:
        assert request["model"] == "some/model"
        assert request["schema"] is not None
        assert '"required": ["steps"]' in request["system"]
        roles = [message["role"] for message in request["body"]["messages"]]
        assert roles == ["system", "user"]
    assert server.requests[0]["system"].startswith("Be brief.")


def test_a_compatible_server_needs_no_key_but_may_turn_one_down(
    no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAIServer(lambda _: GOOD) as server:
        model = chat_model(f"openai-compatible:some/model@{server.url}")
        with pytest.raises(Exception, match="OPENAI_COMPATIBLE_API_KEY"):
            model.complete(QUESTION, Steps)


@pytest.mark.parametrize(
    ("model", "config", "sent"),
    [
        ("gpt-4.1", ChatConfig(), 0.0),
        ("gpt-4.1", ChatConfig(temperature=0.7), 0.7),
        ("gpt-4.1", ChatConfig(temperature=None), None),
        ("o3", ChatConfig(), None),
        ("gpt-5-mini", ChatConfig(), None),
        ("gpt-5-chat-latest", ChatConfig(), 0.0),
    ],
)
def test_reasoning_models_are_told_no_temperature(
    model: str,
    config: ChatConfig,
    sent: float | None,
    no_keys: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with OpenAIServer(lambda _: GOOD) as server:
        server.use(monkeypatch)
        chat_model(f"openai:{model}", config).complete(QUESTION, Steps)
    assert server.requests[0]["body"].get("temperature") == sent


@pytest.mark.parametrize(
    ("pixels", "shape"),
    [
        (np.zeros((4, 4), np.uint8), "uint8 .4, 4."),
        (np.zeros((4, 4, 4), np.uint8), "uint8 .4, 4, 4."),
        (np.zeros((0, 4, 3), np.uint8), "uint8 .0, 4, 3."),
        (np.zeros((4, 4, 3), np.float32), "float32 .4, 4, 3."),
    ],
)
def test_what_is_no_picture_is_refused_at_once(pixels: Frame, shape: str) -> None:
    with pytest.raises(ValueError, match=f"a picture is .*{shape}"):
        Image(pixels)
    with pytest.raises(ValueError, match=r"a video is .*\[2, "):
        Video(np.stack([pixels] * 2), 1.0)


def test_a_video_has_frames_and_a_rate() -> None:
    with pytest.raises(ValueError, match=r"this is uint8 \[0, 4, 4, 3\]"):
        Video(np.zeros((0, 4, 4, 3), np.uint8), 1.0)
    with pytest.raises(ValueError, match="fps=0"):
        Video(np.zeros((2, 4, 4, 3), np.uint8), 0.0)
