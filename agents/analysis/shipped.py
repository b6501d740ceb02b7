"""The judges that ship with the package: one network for LIBERO's robot, one for RoboTwin's."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from mosel_gym.agents.analysis.pixel import PixelAnalyzer
from mosel_gym.data.provenance_check import robot_of
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.checkpoint import load_module
from mosel_gym.models.judge import SubgoalJudge
from mosel_gym.types import Episode, Reflection

JUDGES = {"panda": "libero", "dual-panda-ee": "robotwin", "dual-panda-joint": "robotwin"}
"""Robot of an episode -> name of its judge."""


def judge_path(name: str) -> Path:
    """The file of a shipped judge.

    Raises:
        UnknownId: There is none of that name.
    """
    if name not in JUDGES.values():
        raise UnknownId(
            f"No judge {name!r} ships with the package. Allowed: {sorted(set(JUDGES.values()))}."
        )
    return Path(
        str(resources.files("mosel_gym") / "checkpoints" / "judges" / f"{name}.safetensors")
    )


class ShippedAnalyzer:
    """A `PixelAnalyzer` that takes the judge of the episode's robot, read when first needed.

    It knows the skills of the ten LIBERO-Long tasks and of RoboTwin's three; docs/judging.md has
    its precision and recall on each. RoboTwin's judge looks at both hands' cameras as well.
    """

    def __init__(self) -> None:
        self._analyzers: dict[str, PixelAnalyzer] = {}

    @property
    def name(self) -> str:
        """Named in every result."""
        return "pixel"

    def analyze(self, episode: Episode) -> Reflection:
        """See `PixelAnalyzer.analyze`.

        Raises:
            SpecMismatch: No judge for that robot, or the episode lacks one of the judge's cameras.
            UnknownId: The judge was not built for one of the skills.
            DamagedFile: The judge's file cannot be read.
        """
        robot = robot_of(episode)
        if robot not in JUDGES:
            raise SpecMismatch(
                f"No judge ships for the robot {robot!r} of this episode of {episode.task_id}; "
                f"there are judges for {sorted(JUDGES)}. Train one with `mosel train judge` and "
                'name its file: "pixel:FILE".'
            )
        name = JUDGES[robot]
        if name not in self._analyzers:
            self._analyzers[name] = PixelAnalyzer(load_module(judge_path(name), SubgoalJudge))
        return self._analyzers[name].analyze(episode)
