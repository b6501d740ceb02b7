"""Training of the sub-goal judge, section 3.4."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mosel_gym.errors import NotEnoughData
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig
from mosel_gym.training.devices import is_main
from mosel_gym.training.judge_data import JudgeWindows, LabelledClip
from mosel_gym.training.loop import Draws, FitReport, LoopConfig, fit


@dataclass(frozen=True)
class JudgeTrainConfig:
    """The recipe."""

    model: SubgoalJudgeConfig = field(default_factory=SubgoalJudgeConfig)
    """If its `skills` are empty, those of the clips are taken."""
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=1200, batch_size=32, lr=1e-3, weight_decay=1e-2, ema_decay=0.998
        )
    )
    shift_px: int = 4
    brightness: float = 0.1
    released: bool = True
    """A sub-goal counts only with open grippers, see `labelled_clips`."""
    passing: tuple[str, ...] = (
        "pick up the book and place it in the back compartment of the caddy",
    )
    """LIBERO counts a book as in there only while it goes in: at rest it lies 4 mm too low."""
    own_share: float = 0.8
    """Of judgements of skills that were carried out, see `JudgeWindows`."""


@dataclass(frozen=True)
class JudgeScore:
    """Agreement with the truth at the end of each clip; positive = the sub-goal is reached."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> float:
        """Share of "reached" verdicts that are right; NaN if there were none."""
        return _share(self.true_positives, self.false_positives)

    @property
    def recall(self) -> float:
        """Share of reached sub-goals that were found; NaN if there were none."""
        return _share(self.true_positives, self.false_negatives)

    @property
    def accuracy(self) -> float:
        """Share of right verdicts."""
        return _share(
            self.true_positives + self.true_negatives, self.false_positives + self.false_negatives
        )


def train_judge(
    clips: Sequence[LabelledClip],
    config: JudgeTrainConfig,
    out_dir: str | Path,
    *,
    progress: bool = True,
    device: str = "cpu",
    start: SubgoalJudge | None = None,
) -> tuple[SubgoalJudge, FitReport]:
    """Train a judge and write `judge.safetensors` (float16) into `out_dir`.

    Started again with the same arguments, it goes on where it stopped.

    Args:
        clips: Successes and failures, with pictures of `config.model.size` px.
        config: The recipe; `config.loop.seed` also seeds the initial weights.
        out_dir: Folder for checkpoint, state and log.
        progress: Show a progress bar.
        device: "cpu" or "cuda".
        start: A judge to go on from, with its own shape and skills; it is changed in place.

    Raises:
        NotEnoughData: No clip, or all labels are the same.
        UnknownId: `start` does not know a skill of the clips.
        DamagedFile: The stored state of an earlier, unfinished run cannot be read.
        MoselError: The stored state is of another run.
    """
    if not clips:
        raise NotEnoughData("training the judge needs labelled clips; collect some episodes.")
    skills = config.model.skills or tuple(sorted({s for clip in clips for s in clip.reached}))
    if start is not None:
        judge = start.to(device)
    else:
        with torch.random.fork_rng(devices=[]):  # initialisers know only the global generator
            torch.manual_seed(config.loop.seed)
            judge = SubgoalJudge(dataclasses.replace(config.model, skills=skills)).to(device)
    windows = JudgeWindows(clips, judge, config.own_share)

    def losses(draw: Draws) -> dict[str, Tensor]:
        batch = windows.sample(
            draw.numpy, draw.share(config.loop.batch_size), config.shift_px, config.brightness
        )
        with torch.random.fork_rng(devices=[]):  # dropout knows only the global generator
            torch.manual_seed(int(torch.randint(2**62, (), generator=draw.torch)))
            logits = judge(batch.start, batch.scene, batch.hands, batch.skill)
        wrong = ((logits > 0) != (batch.label > 0.5)).float().mean()
        return {"loss": F.binary_cross_entropy_with_logits(logits, batch.label), "wrong": wrong}

    report = fit(
        judge,
        losses,
        config.loop,
        out_dir,
        identity=json.dumps({"model": asdict(judge.config), "windows": len(windows)}),
        label="judge",
        progress=progress,
        device=device,
    )
    save_judge(judge, config, out_dir, len(clips))
    return judge, report


def save_judge(
    judge: SubgoalJudge,
    config: JudgeTrainConfig,
    out_dir: str | Path,
    clips: int,
    calibrated: float | None = None,
) -> None:
    """Write `judge.safetensors` (float16), with how it was made."""
    if not is_main():
        return
    extra = {"training": json.dumps(asdict(config)), "clips": str(clips)}
    if calibrated is not None:
        extra["calibrated"] = f"{calibrated:.4f}"
    save_module(Path(out_dir) / "judge.safetensors", judge, half=True, extra=extra)


def score_judge(
    judge: SubgoalJudge, clips: Sequence[LabelledClip], threshold: float = 0.5
) -> JudgeScore:
    """Judge each clip where the analyzer does, its own skill only, and compare with the truth."""
    counts = np.zeros((2, 2), int)
    for probability, truth in judgements(judge, clips):
        counts[int(truth), int(probability > threshold)] += 1
    return JudgeScore(
        true_positives=int(counts[1, 1]),
        false_positives=int(counts[0, 1]),
        false_negatives=int(counts[1, 0]),
        true_negatives=int(counts[0, 0]),
    )


def judgements(judge: SubgoalJudge, clips: Sequence[LabelledClip]) -> list[tuple[float, bool]]:
    """Probability and truth of each clip's own sub-goal, where the analyzer looks."""
    found = []
    for clip in clips:
        rows = clip.ends(judge, clip.end)
        probability = judge.probability(
            clip.scene[0], clip.scene[rows], clip.hands[rows], clip.skill
        )
        found.append((probability, bool(clip.reached[clip.skill][clip.end])))
    return found


def calibrate(judge: SubgoalJudge, clips: Sequence[LabelledClip], precision: float) -> float:
    """Move the judge's zero so that "reached" has this precision on these clips, in place.

    Whatever probability is the lowest threshold with that precision becomes 0.5. What a judge calls
    reached is trained on, so a false "reached" costs more than a missed one (section G.2). The
    clips must not be those that it learned from.

    Returns:
        The probability that has become 0.5.

    Raises:
        NotEnoughData: No threshold has that precision on the clips.
    """
    found = sorted(judgements(judge, clips), reverse=True)
    right, best = 0, None
    for count, (probability, truth) in enumerate(found, start=1):
        right += truth
        after = found[count][0] if count < len(found) else 0.0
        if truth and right >= precision * count:
            best = (probability + after) / 2
    if best is None:
        raise NotEnoughData(
            f"no threshold gives the judge a precision of {precision} on {len(clips)} clips, of "
            f"which {sum(truth for _, truth in found)} are reached. Train it longer, give more "
            "clips to calibrate on, or ask for less."
        )
    best = min(max(best, 1e-4), 1.0 - 1e-4)
    last = judge.head[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.sub_(float(np.log(best / (1.0 - best))))
    return best


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part + rest else float("nan")
