"""How a table is run, and the sizes of its quick form."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.errors import SpecMismatch
from mosel_gym.llm.config import ChatConfig

TRIALS, ROLLOUTS, DEMOS = 1_000_000, 2_000_000, 3_000_000
"""First seeds; training seeds start at 0. Repetition k adds 10 000 k, and of rollouts round r of an
improvement 1 000 r: trials, interactions of every round and demonstrations never share a seed."""
_PER_REPEAT, _PER_ROUND = 10_000, 1_000


@dataclass(frozen=True)
class PaperConfig:
    """The defaults are the paper's sizes, which take days on two cores."""

    agents: Path | None = None
    """Folder of agents: `mosel`, `unipi`, `palm-e`, `vla-rl`, or `<task id>/<name>` for one task
    alone. Without `mosel`, LIBERO's tasks start from the agent that ships with the package."""
    demos: Path | None = None
    """Demonstrations, in a folder `<task id>` each: for controls, and a share of every round. Where
    there are none the scripted expert makes some."""
    tasks: tuple[str, ...] = ()
    """Columns: ids or numbers of LIBERO-Long tasks; none named = the paper's. One that the paper's
    table does not have is added without a number of the paper."""
    trials: int = 50
    """Episodes of each cell, the same seeds for all agents."""
    interactions: int | None = None
    """Episodes of each round that the agent learns from; None = 100 on LIBERO, 50 on RoboTwin."""
    demo_episodes: int = 24
    """Demonstrations that are made where --demos has none."""
    steps: int | None = None
    """Gradient steps of a round and of its control; None = the agent's own number."""
    repeats: int = 2
    """Table 10: repetitions of the whole improvement."""
    refine_rounds: int = 3
    """Table 3: further plans of the task planner at most."""
    judges: tuple[str, ...] = ("pixel",)
    """Table 9: analyzers that judge the interactions anew, as for `mosel judge --analyzer`."""
    sampling_steps: tuple[int, ...] = (50, 20, 10)
    """Table 11: sampling steps of the video planner; the agent's own number comes after them."""
    sampled_videos: int = 20
    """Table 11: videos whose sampling is timed."""
    sampled_agent: Literal["base", "final"] = "base"
    """Table 11: the agent before any improvement, or after the video and the policy round."""
    planner: str = "stored"
    """Task planner of MOSEL and HiP; "stored" = the agent's own. Table 3's is "offline" then."""
    analyzer: str = "stored"
    """Video analyzer that interactions are judged by; "stored" = the agent's own. In Table 3 the
    simulator's truth judges then, and the table says so."""
    llm: ChatConfig = field(default_factory=ChatConfig)
    """How foundation models are called."""
    shown: ModuleOptions = field(default_factory=ModuleOptions)
    """What foundation models are shown."""
    layout_spread_m: float = 0.0
    """LIBERO: objects are moved by up to this much; 0 = its own placement ranges."""
    max_steps: int | None = None
    """Step limit; None = the task's own."""
    render_every: int = 4
    """Pictures in trials: one every so many steps."""
    rollout_render_every: int = 2
    """Pictures in interactions, which are learned from."""
    hold: int = 10
    """Steps in a row that count as held."""
    settle: int = 40
    """Steps in a row after which an episode ends."""

    def interactions_of(self, robotwin: bool) -> int:
        """Episodes of a round."""
        if self.interactions is not None:
            return self.interactions
        return 50 if robotwin else 100

    def conditions(self, **changed: Any) -> dict[str, Any]:
        """How trials are run, by the names that `mosel eval` uses."""
        names = ("hold", "settle", "max_steps", "render_every", "layout_spread_m")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        return found | {"disturbed": False, "cameras": [], "control": None} | changed


def quick(config: PaperConfig) -> PaperConfig:
    """The smallest sizes that still go through every part; what was set otherwise stays."""
    usual = PaperConfig()
    small: dict[str, Any] = {
        "trials": 2,
        "interactions": 6,
        "demo_episodes": 4,
        "steps": 20,
        "refine_rounds": 1,
        "sampled_videos": 3,
    }
    kept = {name for name in small if getattr(config, name) != getattr(usual, name)}
    return replace(config, **{name: value for name, value in small.items() if name not in kept})


def trial_seeds(config: PaperConfig, repeat: int = 0) -> range:
    """Seeds of the trials; the same for every agent of a repetition.

    Raises:
        SpecMismatch: So many would run into the seeds of the next repetition.
    """
    _check_count("--trials", config.trials, _PER_REPEAT)
    first = TRIALS + _PER_REPEAT * repeat
    return range(first, first + config.trials)


def rollout_seeds(count: int, round_index: int, repeat: int) -> range:
    """Seeds of the interactions of one round, 0 at first.

    Raises:
        SpecMismatch: So many would run into the seeds of the next round.
    """
    _check_count("--interactions", count, _PER_ROUND)
    first = ROLLOUTS + _PER_REPEAT * repeat + _PER_ROUND * round_index
    return range(first, first + count)


def _check_count(name: str, count: int, most: int) -> None:
    if not 0 <= count <= most:
        raise SpecMismatch(
            f"{name} is {count}; 0..{most} are allowed, so that no two rounds or repetitions share "
            "a seed."
        )
