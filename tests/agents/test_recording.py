"""What a video language model is shown of an episode: which pictures, and how they are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mosel_gym.agents import VideoLanguageConfig
from mosel_gym.errors import SpecMismatch
from mosel_gym.llm.messages import Video
from tests.agents.judged_episodes import ALL_WELL, analyze, make_episode, rows_of
from tests.agents.scripted_chat import attempt, judged


def test_twenty_frames_with_the_last_and_when_each_skill_was_tried():
    _, chat = analyze(ALL_WELL)
    assert rows_of(chat) == np.linspace(0, 100, 20).round().astype(int).tolist()
    text = chat.text()
    assert text.count("Frame ") == 20
    assert 'Frame 20 at 5.0 s, camera "agentview":' in text
    assert '"when": "frames 1 to 8", "sub-goal": "the white mug stands upright' in text
    assert '"when": "frames 11 to 19"' in text


def test_only_drawn_pictures_are_shown():
    fresh = np.arange(101) % 25 == 0
    _, chat = analyze(judged(attempt(1), attempt(2)), episode=make_episode(fresh=fresh))
    assert rows_of(chat) == [0, 25, 50, 75, 100]


def test_wrist_and_borders():
    config = VideoLanguageConfig(frames=2, wrist=True, borders=True)
    _, chat = analyze(judged(attempt(1), attempt(2)), config=config)
    expected = [shade for row in (0, 40, 50, 95, 100) for shade in (row, 255 - row)]
    assert rows_of(chat) == expected
    assert 'camera "wrist"' in chat.text()
    fresh = np.zeros(101, bool)
    fresh[[0, 30, 44, 52, 99]] = True
    _, chat = analyze(
        judged(attempt(1), attempt(2)),
        config=replace(config, wrist=False),
        episode=make_episode(fresh=fresh),
    )
    assert rows_of(chat) == [0, 44, 99]  # 50 shows what was drawn at 44, and 95 waits for 99


def test_the_whole_clip():
    config = VideoLanguageConfig(whole=True, wrist=True)
    answer = judged(attempt(1, evidence=[0, 2]), attempt(2, evidence=[5]))
    reflection, chat = analyze(answer, config=config)
    scene, wrist = chat.pictures()
    assert isinstance(scene, Video)
    assert isinstance(wrist, Video)
    assert (scene.frames.shape, scene.fps) == ((101, 8, 8, 3), 20.0)
    assert wrist.frames[0, 0, 0, 0] == 255
    assert "seconds 0, 2" in reflection.verdicts[0].reason
    assert '"when": "seconds 2.5 to 4.8"' in chat.text()
    _, chat = analyze(answer, config=replace(config, wrist=False, borders=True))
    assert len(chat.pictures()) == 5
    assert rows_of(chat) == [0, 40, 50, 95]
    bad = judged(attempt(1), attempt(2, evidence=[6]))
    _, chat = analyze(bad, answer, config=config)
    assert "from 0 to 5" in chat.text(1)


def test_robotwin_cameras_and_episodes_without_pictures():
    episode = make_episode()
    head = {"right_camera": episode.observations["wrist"]}
    head["head_camera"] = episode.observations["agentview"]
    two = replace(episode, observations=head)
    _, chat = analyze(ALL_WELL, episode=two)
    assert rows_of(chat)[:2] == [0, 5]
    config = VideoLanguageConfig(frames=2, wrist=True)
    _, chat = analyze(judged(attempt(1), attempt(2)), episode=two, config=config)
    assert rows_of(chat) == [0, 255, 100, 155]
    blind = replace(episode, observations={"proprio": episode.observations["proprio"]})
    with pytest.raises(SpecMismatch, match="proprio"):
        analyze(episode=blind)
    with pytest.raises(ValueError, match="at least 2"):
        VideoLanguageConfig(frames=1)
