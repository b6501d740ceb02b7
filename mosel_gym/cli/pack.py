"""`mosel pack`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from mosel_gym.agents import MoselAgent, PixelAnalyzer
from mosel_gym.agents.analysis.pixel import PixelAnalyzerConfig
from mosel_gym.agents.baselines import HipAgent, PalmEAgent, UniPiAgent
from mosel_gym.agents.planning.offline import OfflinePlanner, OfflinePlannerConfig
from mosel_gym.agents.presets import preset as find_preset
from mosel_gym.benchmark.provenance import provenance
from mosel_gym.errors import MoselError
from mosel_gym.models.checkpoint import load_module
from mosel_gym.models.judge import SubgoalJudge
from mosel_gym.models.policies import load_policy
from mosel_gym.models.video_planners import load_planner
from mosel_gym.training.policy import augmentation_of

Kind = Literal["mosel", "hip", "unipi", "palm-e"]
NEEDS: dict[str, tuple[str, ...]] = {
    "mosel": ("video", "judge"),
    "hip": ("video",),
    "unipi": ("video",),
    "palm-e": (),
}
"""Kind -> the networks that it has beside a policy."""


def main(
    policy: Path,
    out: Path,
    video: Path | None = None,
    judge: Path | None = None,
    kind: Kind = "mosel",
    preset: str = "libero",
    card: str = "{}",
    more_skills: tuple[str, ...] = (),
    text: str = "",
    guidance: float | None = None,
    seen_for: int | None = None,
    retry_temperature: float | None = None,
    stalled_below: float | None = None,
    rise_steps: int | None = None,
) -> None:
    """Put trained networks together into an agent that every command reads.

    Args:
        policy: policy.safetensors of `mosel train policy`, of either kind.
        out: The agent's folder.
        video: planner.safetensors of `mosel train video`; for every kind but palm-e.
        judge: judge.safetensors of `mosel train judge`; for the kind mosel only.
        kind: "mosel", or a baseline of the paper's section 4.1: "hip" has no reflection, "unipi"
            no task planner (its video is trained with --whole-task), "palm-e" no video (its policy
            is trained with --model.skill-id).
        preset: Suite that the networks were trained for, "libero", "robotwin" or "robotwin-joint":
            budget of a skill, and whether the hands keep what they hold between skills.
        card: JSON object that is stored with it, such as {"layout_spread_m": 0.0,
            "demo_layout_spread_m": 0.06}; the demo reads these two.
        more_skills: Further skills for a video planner that was trained with --text.
        text: Its text encoder, "words", "clip:FOLDER" or "t5:FOLDER", which reads them.
        guidance: How far the policy goes beyond what the goal frame changes, 0 = not at all; None =
            as it was trained, usually 0.
        seen_for: The analyzer also takes a skill for reached where so many pictures in a row of the
            attempt showed it, though its end does not; None = its end alone counts.
        retry_temperature: Scale of the policy's sampling noise in further tries of a skill that was
            missed; None = that of the first.
        stalled_below: A chunk is carried out to its end, and not only its first four actions, where
            no entry of proprioception has changed by this much since the chunk before; None =
            never.
        rise_steps: Steps of slow rise with which the arms begin their way home; None = 20, as in
            the paper.
    """
    told = _card(card)
    _check(kind, {"video": video, "judge": judge})
    if seen_for is not None and (kind != "mosel" or seen_for < 1):
        raise MoselError(
            f"--seen-for is {seen_for} and --kind {kind!r}; at least 1 is allowed, only for the "
            "kind 'mosel', which has an analyzer."
        )
    network = load_policy(policy)
    if guidance is not None:
        if kind == "palm-e":
            raise MoselError(
                f"--guidance {guidance} changes nothing for the kind 'palm-e', whose policy is "
                "shown no goal frame; leave it out."
            )
        network.config = replace(network.config, guidance=guidance)
    varied = augmentation_of(policy)
    if guidance and varied is not None and varied.goal_dropout == 0:
        raise MoselError(
            f"--guidance {guidance} asks the policy what it would do without a goal, and {policy} "
            "was trained with --augmentation.goal-dropout 0, always with one. Leave it out, or "
            "train the policy on with the default, 0.15."
        )
    suite = find_preset(preset)
    config = suite.for_agent(network, varied)
    if retry_temperature is not None:
        executor = replace(config.executor, retry_temperature=retry_temperature)
        config = replace(config, executor=executor)
    if stalled_below is not None:
        executor = replace(config.executor, stalled_below=stalled_below)
        config = replace(config, executor=executor)
    if rise_steps is not None:
        transition = replace(config.transition, rise_steps=rise_steps)
        config = replace(config, transition=transition)
    planner = OfflinePlanner(OfflinePlannerConfig(nearer_hand=suite.nearer_hand))
    imagines: Any = None if video is None else load_planner(video)
    if more_skills:
        if imagines is None or not text:
            raise MoselError(
                f"--more-skills {list(more_skills)} needs --video, and with --text the encoder "
                "that this planner was trained with: words, clip:FOLDER or t5:FOLDER."
            )
        imagines.add_skills(more_skills, text)
    agent: MoselAgent | HipAgent | UniPiAgent | PalmEAgent
    if kind == "hip":
        agent = HipAgent(planner, imagines, network, config)
    elif kind == "unipi":
        agent = UniPiAgent(imagines, network, config)
    elif kind == "palm-e":
        agent = PalmEAgent(planner, network, config)
    else:
        assert judge is not None
        looks = PixelAnalyzerConfig(seen_for=seen_for)
        analyzer = PixelAnalyzer(load_module(judge, SubgoalJudge), looks)
        agent = MoselAgent(planner, imagines, network, analyzer, config)
    agent.card = told | {"made": provenance()}
    agent.save(out)
    size_mb = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    print(f"{out}: {agent.name}, {size_mb:.1f} MB")


def _card(card: str) -> dict[str, Any]:
    try:
        told = json.loads(card)
    except ValueError as error:
        raise MoselError(f"--card is not JSON: {error}. Got: {card}") from error
    if not isinstance(told, dict):
        raise MoselError(f"--card must be a JSON object; got: {card}")
    return told


def _check(kind: str, given: dict[str, Path | None]) -> None:
    """Insist on the networks of the kind, no fewer and no others."""
    for name, path in given.items():
        if path is None and name in NEEDS[kind]:
            raise MoselError(f"An agent of the kind {kind!r} needs --{name} beside --policy.")
        if path is not None and name not in NEEDS[kind]:
            raise MoselError(
                f"An agent of the kind {kind!r} has no place for --{name} {path}; leave it out, or "
                f"choose a --kind that has: {[k for k, v in NEEDS.items() if name in v]}."
            )
