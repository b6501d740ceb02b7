"""Where the time of an acting agent goes: each call of `act` by kind, and an episode by part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mosel_gym.benchmark.rollout import Clock
from mosel_gym.errors import SimulationDiverged
from mosel_gym.types import Episode

Kind = Literal["inside", "border", "border with a plan", "end of a skill", "between skills"]
KINDS: dict[Kind, str] = {
    "inside": "inside a chunk",
    "border": "at a chunk border: judged, and a new chunk",
    "border with a plan": "at a border that imagines a plan",
    "end of a skill": "where a skill ends: judged, no chunk",
    "between skills": "between skills, and after the plan",
}
"""Kinds of calls, as tables name them."""
PARTS = ("policy", "planner", "judge")


@dataclass(frozen=True)
class TimedEpisode:
    """One episode."""

    act_s: dict[Kind, list[float]]
    """Wall time of every call of `act`, by kind."""
    parts_s: dict[str, float]
    """Of the whole episode: reset, physics, pictures, policy, planner, judge, the rest of `act`,
    and the reflection after it."""
    steps: int
    success: bool
    cpu_s: dict[Kind, list[float]] = field(default_factory=dict)
    """As `act_s`, the CPU time of the calling thread: what a busy machine hardly changes."""


class Watch:
    """Times the networks of a loaded agent while it acts; use it as a context manager."""

    def __init__(self, agent: Any) -> None:
        """Remember whom to watch."""
        self._parts = {
            "policy": (agent.inverse_dynamics, "act"),
            "planner": (agent.video_planner, "imagine"),
            "judge": (getattr(agent, "judge", None), "reached"),
        }
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.calls = dict.fromkeys(PARTS, 0)

    def __enter__(self) -> Watch:
        """Put a clock before each part."""
        for name, (part, method) in self._parts.items():
            if part is not None:
                part.__dict__[method] = self._timed(name, getattr(part, method))
        return self

    def __exit__(self, *error: object) -> None:
        """Take them away again."""
        for part, method in self._parts.values():
            if part is not None:
                del part.__dict__[method]

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start_s = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds[name] += time.perf_counter() - start_s
                self.calls[name] += 1

        return timed


def timed_episode(env: Any, agent: Any, seed: int, most_steps: int | None = None) -> TimedEpisode:
    """Run an episode as `mosel eval` does, with a clock on every part.

    Args:
        env: As for `benchmark.rollout.run_episode`.
        agent: An `ActingAgent`.
        seed: Of both.
        most_steps: End it here; None = where the environment does.

    Raises:
        SimulationDiverged: The episode broke.
    """
    clock = Clock()
    with clock("reset"):
        observation, info = env.reset(seed=seed)
        agent.reset(info["task"], seed=seed)
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    called: list[dict[str, int]] = []
    over = False
    with Watch(agent) as watch:
        while not over and len(seconds) != most_steps:
            before = dict(watch.calls)
            start_s, start_cpu_s = time.perf_counter(), time.thread_time()
            action = agent.act(observation, info)
            seconds.append(time.perf_counter() - start_s)
            cpu_seconds.append(time.thread_time() - start_cpu_s)
            called.append({name: watch.calls[name] - before[name] for name in PARTS})
            with clock.step():
                observation, _, terminated, truncated, info = env.step(action)
            clock.drawn(info)
            if info.get("status") == "error":
                raise SimulationDiverged(info["error"])
            over = terminated or truncated
        networks = dict(watch.seconds)
    agent.finish(observation, info)
    kinds = _kinds(agent.episode, called)
    with clock("reflection"):
        agent.reflect()
    told = clock.parts()
    parts = {"reset": told["reset"], "physics": told["simulation"], "pictures": told["pictures"]}
    parts |= networks
    parts["rest of act"] = sum(seconds) - sum(networks.values())
    parts["reflection"] = told["reflection"]
    success = bool(info["success"])
    act_s, cpu_s = _by_kind(kinds, seconds), _by_kind(kinds, cpu_seconds)
    return TimedEpisode(act_s, parts, len(seconds), success, cpu_s)


def _by_kind(kinds: list[Kind], seconds: list[float]) -> dict[Kind, list[float]]:
    found: dict[Kind, list[float]] = {}
    for kind, took in zip(kinds, seconds, strict=True):
        found.setdefault(kind, []).append(took)
    return found


def _kinds(episode: Episode, called: list[dict[str, int]]) -> list[Kind]:
    """What every call of `act` did."""
    skill = np.zeros(len(called), bool)
    for segment in episode.segments:
        skill[segment.start : segment.stop] = segment.kind == "skill"
    kinds: list[Kind] = []
    for inside, calls in zip(skill, called, strict=True):
        if calls["planner"]:
            kinds.append("border with a plan")
        elif calls["policy"]:
            kinds.append("border")
        elif calls["judge"]:
            kinds.append("end of a skill")
        else:
            kinds.append("inside" if inside else "between skills")
    return kinds


@dataclass
class ActSpeed:
    """Several episodes of one agent."""

    episodes: list[TimedEpisode] = field(default_factory=list)

    @property
    def act_s(self) -> dict[Kind, list[float]]:
        """All calls, by kind."""
        return _joined([episode.act_s for episode in self.episodes])

    @property
    def cpu_s(self) -> dict[Kind, list[float]]:
        """Their CPU times, in the same order."""
        return _joined([episode.cpu_s for episode in self.episodes])

    def parts_s(self, steps: int) -> dict[str, float]:
        """An episode of so many steps by part: what happens at every step is scaled to it."""
        total = sum(episode.steps for episode in self.episodes)
        once = ("reset", "reflection")
        found: dict[str, float] = {}
        for name in self.episodes[0].parts_s:
            sum_s = sum(episode.parts_s[name] for episode in self.episodes)
            found[name] = sum_s / len(self.episodes) if name in once else sum_s * steps / total
        return found


def _joined(parts: list[dict[Kind, list[float]]]) -> dict[Kind, list[float]]:
    found = {kind: [took for part in parts for took in part.get(kind, [])] for kind in KINDS}
    return {kind: took for kind, took in found.items() if took}


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Networks compute on one thread: what a process of `mosel eval` does."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
