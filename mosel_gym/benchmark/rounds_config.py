"""What `mosel improve-rounds` does, and which seeds it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.benchmark.paper.config import rollout_seeds
from mosel_gym.benchmark.provenance import plain
from mosel_gym.benchmark.recipe import FailedGoal, Recipe
from mosel_gym.data.balance import Balance
from mosel_gym.errors import SpecMismatch
from mosel_gym.llm.config import ChatConfig

RoundTarget = Literal["alternate", "auto", "video", "policy", "language"]

CHECKS = 2_500_000
"""First seed of held-out checks. Repetition k adds 10 000 k, round r adds 1 000 r, as the seeds of
interactions do from 2 000 000 on. Trials of `mosel bench` begin at 1 000 000, demonstrations at 0
and at 3 000 000: none of them ever shares a seed."""
_PER_REPEAT, _PER_ROUND = 10_000, 1_000


@dataclass(frozen=True)
class RoundsConfig:
    """The defaults are the paper's sizes."""

    agent: str = "libero-long"
    """Checkpoint name or folder of the agent before the first round."""
    tasks: tuple[str, ...] = ("MOSEL-LiberoLong-Task6",)
    """Environment ids, numbers of LIBERO-Long tasks, or a suite's name. One agent learns from all
    of them."""
    rounds: int = 4
    """How many; a later call with more goes on."""
    interactions: int | None = None
    """Episodes of each task in each round; None = 100 on LIBERO, 50 on RoboTwin."""
    explore: float | None = None
    """Scale of the policy's sampling noise in every second interaction, so that the agent does what
    it would not do by itself; checks and evaluations keep its own. None = nowhere else either."""
    reuse: bool = False
    """Rounds 2, 4, ... do not interact: they learn once more from what the round before collected,
    so that one set of interactions teaches the video planner and then the policy."""
    accumulate: bool = False
    """A network learns from what all rounds so far collected, not from this round's alone: of a
    skill that seldom succeeds one round holds too little."""
    target: tuple[RoundTarget, ...] = ("alternate",)
    """Which module each round refines; the last one stands for all later rounds. "alternate" takes
    video in rounds 1, 3, ... and policy in rounds 2, 4, ...; "auto" goes by the reflections."""
    demos: Path | None = None
    """Folder of demonstrations, with subfolders. They are replayed, and are all that the control
    gets. A policy learns from them with what the agent's own planner imagines of them."""
    replay_all: bool = False
    """Take demonstrations of every skill in the folder, against forgetting what the round does not
    act in; otherwise only of skills that some plan of the round has."""
    control: bool = True
    """Beside every round, train another agent on demonstrations alone, for as many steps."""
    replay: float | None = None
    """Share of demonstrations in a batch; 0 = collected data alone, as the paper on LIBERO; None =
    the agent's own number."""
    alpha: float | None = None
    """Weight of the failed skills in the policy's loss; 0 = successes alone; None = the agent's."""
    margin: float | None = None
    """m of Appendix I; None = the agent's own, or the 95th percentile of the success loss."""
    steps: int | None = None
    """Gradient steps of a round and of its control; None = the agent's own number."""
    min_accepted: int | None = None
    """Segments judged successful without which a round is skipped; None = the agent's own."""
    balance: Balance = "skills"
    """"skills": each skill weighs the same in what is learned from, so that an easy task's many
    successes do not drown a hard one's few; "failures": each weighs by how often it was judged
    failed, so that a round goes where there is something to be gained; "none": each step does."""
    min_confidence: float = 0.0
    """Confidence of the analyzer below which a success is not learned from; 0 takes all."""
    at_least: float = 0.0
    """Share of each skill's tries that count as successes in any case, the likeliest by the
    analyzer first, none below 5 %: in scenes that it never saw its probabilities can be far too low
    for a skill, and their order still be right."""
    old_share: float | None = None
    """Policy: share of the old weights in the refined ones, in the control's too: fine-tuning on
    few skills costs others some of what they could. None = the agent's own, usually 0."""
    quickest: float = 1.0
    """Share of each skill's successes that is learned from, shortest first: what got there after
    long dithering teaches mostly dithering."""
    failed_goal: FailedGoal | None = None
    """Policy: towards which goal a failed action is called wrong. "future": its own future picture,
    as in the paper; "followed": the imagined frame that it followed; "none": no goal; None = as the
    agent's config says."""
    check: int = 20
    """Held-out episodes of each task before and after a round, judged by the analyzer; 0 = no check
    and no roll-back."""
    check_p: float = 0.2
    """A round is rolled back if more judged successes were lost than gained on the same seeds, and
    chance would do that with a probability below this (one-sided sign test)."""
    layout_spread_m: float = 0.0
    """LIBERO: objects are moved by up to this much in x and y; 0 = its own placement ranges."""
    max_steps: int | None = None
    """Step limit of an episode; None = the task's own."""
    render_every: int = 4
    """Pictures are drawn on every so many steps."""
    hold: int = 10
    """Steps in a row that count as held."""
    settle: int = 40
    """Steps in a row after which an episode ends."""
    planner: str = "stored"
    """Task planner, as for `mosel eval`; "stored" = the agent's own."""
    analyzer: str = "stored"
    """Video analyzer that judges interactions and checks, as for `mosel eval`; "stored" = the
    agent's own. With "privileged" it is simulator truth, and the report says so."""
    llm: ChatConfig = field(default_factory=ChatConfig)
    """How foundation models are called."""
    shown: ModuleOptions = field(default_factory=ModuleOptions)
    """What foundation models are shown."""
    repeat: int = 0
    """Which repetition of the whole: each has seeds of its own, of training as well."""
    device: str = "cpu"
    """Where networks are trained, "cpu" or "cuda"."""

    def __post_init__(self) -> None:
        """Refuse what cannot be done, before anything is run."""
        if not self.tasks or not self.target:
            raise SpecMismatch("Give at least one of --tasks and one of --target.")
        if not 1 <= self.rounds <= _PER_REPEAT // _PER_ROUND:
            raise SpecMismatch(
                f"--rounds is {self.rounds}; 1..{_PER_REPEAT // _PER_ROUND} are allowed, so that "
                "no two repetitions share a seed."
            )
        if not 0 <= self.repeat < (3_000_000 - CHECKS) // _PER_REPEAT:
            raise SpecMismatch(f"--repeat is {self.repeat}; 0..49 are allowed.")
        if self.interactions is not None and self.interactions < 1:
            raise SpecMismatch(f"--interactions is {self.interactions}; at least 1 is needed.")
        if self.explore is not None and not 0 <= self.explore < math.inf:
            raise SpecMismatch(f"--explore is {self.explore}; it must be at least 0.")
        if not 0 <= self.check <= _PER_ROUND:
            raise SpecMismatch(f"--check is {self.check}; 0..{_PER_ROUND} are allowed.")
        if not 0 < self.check_p <= 1:
            raise SpecMismatch(f"--check-p is {self.check_p}; it must lie above 0, up to 1.")
        try:
            _ = self.recipe
        except ValueError as error:
            raise SpecMismatch(f"--{error}") from error

    def check_demos(self) -> None:
        """Insist on demonstrations where something needs them.

        Raises:
            SpecMismatch: There are none for the control, or their folder is empty.
        """
        if self.demos is None and self.control:
            raise SpecMismatch(
                "The control is trained on demonstrations, and there are none: give their folder "
                "with --demos, or --no-control to do without it."
            )
        if self.demos is not None and not any(self.demos.rglob("*.hdf5")):
            raise SpecMismatch(
                f"--demos is {self.demos}, where no .hdf5 file lies, in subfolders neither. "
                "`mosel collect` records some."
            )

    @property
    def recipe(self) -> Recipe:
        """What differs from the agent's config."""
        return Recipe(
            self.alpha,
            self.margin,
            self.replay,
            self.min_accepted,
            self.balance,
            self.min_confidence,
            self.at_least,
            self.old_share,
            self.quickest,
            self.failed_goal,
        )

    def interactions_of(self, robotwin: bool) -> int:
        """Episodes of a task in a round."""
        if self.interactions is not None:
            return self.interactions
        return 50 if robotwin else 100

    def target_of(self, number: int) -> RoundTarget:
        """What round `number`, from 1 on, was asked to refine."""
        return self.target[min(number, len(self.target)) - 1]

    def rollout_seeds(self, number: int, robotwin: bool) -> range:
        """Seeds of the interactions of round `number`, from 1 on, for each task."""
        return rollout_seeds(self.interactions_of(robotwin), number - 1, self.repeat)

    def collector_of(self, number: int) -> int:
        """Number of the round whose interactions round `number`, from 1 on, learns from."""
        return number - 1 if self.reuse and number % 2 == 0 else number

    def check_seeds(self, number: int) -> range:
        """Seeds of the held-out check of round `number`, from 1 on, for each task."""
        first = CHECKS + _PER_REPEAT * self.repeat + _PER_ROUND * (number - 1)
        return range(first, first + self.check)

    def training_seed(self, number: int) -> int:
        """Of round `number` and of its control."""
        return 100 * self.repeat + number - 1

    def identity(self) -> dict[str, Any]:
        """What a folder of rounds depends on; how many rounds there will be does not count."""
        found: dict[str, Any] = plain(self)
        found.pop("rounds")
        budgets = ("max_calls", "max_cost_usd")
        found["llm"] = {k: v for k, v in found["llm"].items() if k not in budgets}
        return found
