"""What the training commands share: the debug size, the cache, and several processes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mosel_gym.cli.token_options import TokenOptions
from mosel_gym.data.cameras import Cameras
from mosel_gym.data.windows import Clip, load_clips
from mosel_gym.training.devices import is_main, launched
from mosel_gym.training.judge import JudgeTrainConfig
from mosel_gym.training.policy import PolicyTrainConfig
from mosel_gym.training.video_recipe import VideoTrainConfig

ConfigT = TypeVar("ConfigT")

_LOOP = {"steps": 20, "batch_size": 8, "log_every": 5, "checkpoint_every_s": 1.0}
_SEEN = {"size": 16, "features": 16}
_POLICY = {"model": {**_SEEN, "width": 32, "depth": 1}, "loop": _LOOP}
_SEEN_BY_TOKENS = {"model": _SEEN, "loop": _LOOP}
_AUTOENCODER = {"width": 32, "heads": 2, "encoder_depth": 1, "decoder_depth": 1}
_TOKENS = {"width": 32, "depth": 1, "heads": 2, "autoencoder": _AUTOENCODER, "loop": _LOOP}
_LATENTS = {
    "model": {"codec": {"size": 16, "channels": 4, "widths": (8, 16)}, "widths": (16, 16)},
    "codec": {"loop": _LOOP},
    "loop": _LOOP,
}
_PIXELS = {"pixel": {"size": 16, "widths": (16, 16), "attention": 1}, "loop": _LOOP}
_JUDGE = {
    "model": {"size": 32, "widths": (8, 8, 8, 8, 8), "keypoints": 8, "features": 16},
    "loop": _LOOP,
}


@dataclass(frozen=True)
class TrainingOptions:
    """How to train, whatever is trained."""

    cache: Path | None = None
    """Folder for the resized pictures of all clips. They are then read from there as batches need
    them, and need not fit into memory; made once, and again when the files change."""
    debug: bool = False
    """A tiny network and 20 steps, where nothing else is set: trains, saves and resumes in seconds.
    To try a pipeline; it learns nothing."""

    def prepare(self, device: str) -> None:
        """Join the processes of a launcher, if there is one, before anything goes to a GPU.

        Raises:
            MissingLibrary: No such device, or accelerate is missing.
        """
        launched(device)

    def for_policy(
        self, config: PolicyTrainConfig, tokens: TokenOptions, kind: str
    ) -> tuple[PolicyTrainConfig, TokenOptions]:
        """The recipe of a policy and the options of its kind, tiny if that was asked for."""
        if not self.debug:
            return config, tokens
        if kind == "tokens":
            return shrunk(config, _SEEN_BY_TOKENS), shrunk(tokens, _TOKENS)
        return shrunk(config, _POLICY), tokens

    def for_video(self, config: VideoTrainConfig) -> VideoTrainConfig:
        """The recipe of a video planner, tiny if that was asked for."""
        if not self.debug:
            return config
        pixels = config.kind in ("pixel-small", "paper")
        return shrunk(config, _PIXELS if pixels else _LATENTS)

    def load(
        self, data: Sequence[Path], size: int, cameras: Cameras, *, whole: bool = False
    ) -> list[Clip]:
        """The clips to train on; tells what stands out among them.

        Raises:
            FileNotFoundError, NotEnoughData, DamagedFile, SpecMismatch: As for `load_clips`.
        """
        clips = load_clips(
            data, size, progress=is_main(), cameras=cameras, whole=whole, cache=self.cache
        )
        say(remark(clips), error=True)
        return clips


def judge_recipe(config: JudgeTrainConfig, debug: bool) -> JudgeTrainConfig:
    """The recipe of a judge, tiny if that was asked for."""
    return shrunk(config, _JUDGE) if debug else config


def shrunk(config: ConfigT, wanted: Mapping[str, Any], plain: Any = None) -> ConfigT:
    """A config with other values, but what the user has set stays.

    Args:
        config: A frozen dataclass.
        wanted: Values by field; for a field that is a config itself, a mapping.
        plain: What nobody has set; None = the config's defaults.
    """
    plain = type(config)() if plain is None else plain
    changes = {}
    for name, value in wanted.items():
        given, default = getattr(config, name), getattr(plain, name)
        if isinstance(value, Mapping):
            changes[name] = shrunk(given, value, default)
        elif given == default:
            changes[name] = value
    return replace(config, **changes)  # type: ignore[type-var]


def remark(clips: Sequence[Clip]) -> str:
    """What a user should know of the clips; empty if nothing stands out."""
    counts = Counter(clip.skill for clip in clips)
    single = sorted(skill for skill, count in counts.items() if count == 1)
    if not single:
        return ""
    of = f"{len(single)} of {len(counts)} skills" if len(counts) > 1 else "the only skill"
    return (
        f"note: there is one clip only of {of}, such as {single[0]!r}: whatever it shows, the "
        "network will take for the rule. Collect more of it, or leave it out."
    )


def say(text: str, *, error: bool = False) -> None:
    """Print a line, in one of several processes."""
    if text and is_main():
        print(text, file=sys.stderr if error else sys.stdout)
