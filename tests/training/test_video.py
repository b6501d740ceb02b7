"""Training of codec and video planner on sliding blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData, SpecMismatch, UnknownId
from mosel_gym.models.codec import Codec, CodecConfig
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
from mosel_gym.training.codec import CodecTrainConfig, train_codec
from mosel_gym.training.loop import LoopConfig
from mosel_gym.training.video import VideoTrainConfig, imagined_clips, new_planner, train_video
from mosel_gym.training.video_data import VideoWindows

MakeClips = Callable[..., list[Clip]]
LOOP = LoopConfig(steps=120, batch_size=16, lr=4e-3, bf16=False, ema_decay=0.95)
CONFIG = VideoTrainConfig(
    model=VideoPlannerConfig(
        codec=CodecConfig(size=16, channels=8, widths=(16, 16)), widths=(32, 32), frames=3
    ),
    codec=CodecTrainConfig(loop=LOOP),
    loop=replace(LOOP, weight_decay=0.0),
)


def error(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.mean((one.astype(float) - two.astype(float)) ** 2))


def test_it_imagines_each_skill_from_the_same_picture(
    make_clips: MakeClips, tmp_path: Path
) -> None:
    clips = make_clips(2)
    planner, report = train_video(clips, CONFIG, tmp_path, progress=False)
    assert report.steps == 120
    assert planner.config.skills == ("slide left", "slide right")
    again = LatentVideoPlanner.load(tmp_path / "planner.safetensors")
    for clip, other in (clips, clips[::-1]):
        truth = clip.scene[[8, 16, 24]]
        imagined = planner.imagine(clip.scene[0], clip.skill, seed=0).frames
        assert error(imagined, truth) < 0.5 * error(clip.scene[[0, 0, 0]], truth)
        assert error(imagined, truth) < 0.5 * error(imagined, other.scene[[8, 16, 24]])
        from_disk = again.imagine(clip.scene[0], clip.skill, seed=0).frames
        assert error(imagined, from_disk) < 4  # half precision


def test_windows_are_evenly_spaced_and_end_at_the_end(make_clips: MakeClips) -> None:
    clips = make_clips(2, steps=40)
    planner = new_planner(clips, CONFIG)
    windows = VideoWindows(clips, planner)
    batch = windows.sample(np.random.default_rng(0), 5, latest_start=0, jitter=0)
    clip = clips[int(batch.skill[0])]
    expected = planner.encode_frames(clip.scene[[13, 27, 40]]).flatten(0, 1)
    assert batch.first.shape == (5, 8, 4, 4)
    assert (batch.clip[0] - expected).abs().max() < 0.01  # stored in half precision


def test_clips_with_few_drawn_pictures_still_work(make_clips: MakeClips) -> None:
    clips = make_clips(2, every=12)
    batch = VideoWindows(clips, new_planner(clips, CONFIG)).sample(np.random.default_rng(0), 8)
    assert batch.clip.shape == (8, 24, 4, 4)


def test_clips_can_be_moved_as_a_whole(make_clips: MakeClips) -> None:
    clips = make_clips(2)
    windows = VideoWindows(clips, new_planner(clips, CONFIG))
    still = windows.sample(np.random.default_rng(0), 64)
    moved = windows.sample(np.random.default_rng(0), 64, shift=1)
    seen: Counter[tuple[int, int]] = Counter()
    for row in range(64):
        both = torch.cat([still.first[row], still.clip[row]])[None]
        wide = torch.nn.functional.pad(both, (1, 1, 1, 1), mode="replicate")[0]
        found = torch.cat([moved.first[row], moved.clip[row]])
        fitting = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if torch.equal(wide[:, y : y + 4, x : x + 4], found)
        ]
        assert len(fitting) == 1  # one offset for all the frames of a clip
        seen[fitting[0]] += 1
    assert len(seen) == 9
    assert 25 <= seen[1, 1] <= 48  # half of them stay, and a ninth of the others


def test_imagined_clips_bring_what_the_planner_imagines(make_clips: MakeClips) -> None:
    clips = make_clips(3)
    planner = new_planner(clips, CONFIG)
    richer = imagined_clips(clips, planner, progress=False)
    for number, (clip, new) in enumerate(zip(clips, richer, strict=True)):
        assert new.imagined is not None
        assert new.imagined.shape == (planner.config.frames, 16, 16, 3)
        assert new.imagined.dtype == np.uint8
        expected = planner.imagine(clip.scene[0], clip.skill, seed=number).frames
        np.testing.assert_array_equal(new.imagined, expected)
        assert new.scene is clip.scene
        assert clip.imagined is None
    large = replace(clips[0], scene=clips[0].scene.repeat(2, axis=1).repeat(2, axis=2))
    imagined = imagined_clips([large], planner, progress=False)[0].imagined
    assert imagined is not None
    assert imagined.shape == (planner.config.frames, 32, 32, 3)  # as large as the clip's own
    strange = replace(clips[0], skill="jump")
    with pytest.raises(UnknownId, match="jump"):
        imagined_clips([strange], planner, progress=False)


def test_unusable_clips_are_refused(make_clips: MakeClips, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="at least one clip"):
        train_video([], CONFIG, tmp_path)
    with pytest.raises(SpecMismatch, match="--shift is -1"):
        train_video(make_clips(2), replace(CONFIG, shift=-1), tmp_path)
    clips = make_clips(2)
    with pytest.raises(SpecMismatch, match="size=32"):
        train_codec(
            Codec(CodecConfig(size=32, widths=(8, 16))), clips, CONFIG.codec, tmp_path / "codec"
        )
    still = [replace(clip, fresh=np.arange(25) == 0) for clip in clips]
    with pytest.raises(NotEnoughData, match="two pictures"):
        VideoWindows(still, new_planner(clips, CONFIG))
