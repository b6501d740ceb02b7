"""`mosel train judge`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from mosel_gym.agents.presets import preset as find_preset
from mosel_gym.cli.options import training_line
from mosel_gym.cli.training_options import TrainingOptions, judge_recipe, say
from mosel_gym.data.libero_hdf5 import read_episode
from mosel_gym.data.provenance_check import OneSource
from mosel_gym.data.windows import episode_files
from mosel_gym.models.checkpoint import load_module
from mosel_gym.models.judge import SubgoalJudge
from mosel_gym.training.judge import (
    JudgeTrainConfig,
    save_judge,
    score_judge,
    train_judge,
)
from mosel_gym.training.judge import calibrate as calibrate_judge
from mosel_gym.training.judge_data import LabelledClip, labelled_clips


def main(
    data: tuple[Path, ...],
    out: Path,
    config: Annotated[JudgeTrainConfig, tyro.conf.arg(name="")],
    held_out: int = 10,
    calibrate: tuple[Path, ...] = (),
    precision: float = 0.97,
    start: Path | None = None,
    preset: str = "libero",
    device: str = "cpu",
    debug: bool = False,
) -> None:
    """Train the pixel analyzer's network on successes and on failures that really happened.

    Args:
        data: Episode files, or folders of them (`mosel collect --perturb` makes failures).
        out: Gets judge.safetensors. Run again after an interruption, it goes on from there.
        config: The recipe.
        held_out: Every so many-th episode is for scoring and not for training; 0 keeps none.
        calibrate: Episodes that were not trained on: the judge's zero is moved so that "reached"
            has the wanted precision on them.
        precision: What `--calibrate` asks for.
        start: A judge.safetensors to go on from, with its own cameras, size and skills.
        preset: Suite of the episodes, "libero", "robotwin" or "robotwin-joint": sets cameras and
            labels that the recipe leaves at their defaults.
        device: "cpu" or "cuda".
        debug: A tiny network and 20 steps, where nothing else is set, to try a pipeline.
    """
    TrainingOptions().prepare(device)
    config = judge_recipe(find_preset(preset).for_judge(config), debug)
    begun = None if start is None else load_module(start, SubgoalJudge, device=device)
    if begun is not None:
        config = replace(config, model=begun.config)
    training: list[LabelledClip] = []
    scoring: list[LabelledClip] = []
    source = OneSource()
    for number, clips in enumerate(_clips(data, config, source)):
        (scoring if held_out and number % held_out == held_out - 1 else training).extend(clips)
    judge, report = train_judge(training, config, out, device=device, start=begun)
    say(training_line(len(training), report))
    if scoring:
        print(f"{len(scoring)} held-out clips: {_score(judge, scoring)}")
    if calibrate:
        others = [clip for clips in _clips(calibrate, config, source) for clip in clips]
        print(f"{len(others)} clips to calibrate on: {_score(judge, others)}")
        threshold = calibrate_judge(judge, others, precision)
        print(f"{threshold:.3f} has become 0.5: {_score(judge, others)}")
        save_judge(judge, config, out, len(training), calibrated=threshold)


def _clips(
    paths: tuple[Path, ...], config: JudgeTrainConfig, source: OneSource
) -> Iterator[list[LabelledClip]]:
    """The clips of each episode."""
    model = config.model
    for path in tqdm(episode_files(paths), desc="reading episodes", unit="file"):
        episode = read_episode(path)
        source.check(episode, str(path))
        yield labelled_clips(
            episode, model.size, model.cameras, released=config.released, passing=config.passing
        )


def _score(judge: SubgoalJudge, clips: list[LabelledClip]) -> str:
    score = score_judge(judge, clips)
    return (
        f"accuracy {score.accuracy:.2f}, precision {score.precision:.2f}, recall {score.recall:.2f}"
    )
