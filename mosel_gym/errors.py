"""Every error that mosel-gym raises on purpose.

A message says what happened, the value that caused it, what is allowed, and how to mend it.
"""

from __future__ import annotations


class MoselError(Exception):
    """Root of all errors of this package."""


class UnknownId(MoselError, KeyError):
    """An environment, skill, preset or checkpoint name that no table knows."""

    def __str__(self) -> str:  # KeyError would print the repr, with quotes and escaped newlines
        return str(self.args[0]) if self.args else ""


class InvalidAction(MoselError, ValueError):
    """An action of the wrong shape, or with a NaN or an infinity; the simulator has not seen it."""


class SimulationDiverged(MoselError, RuntimeError):
    """The simulator's state is no longer finite; the episode counts neither way."""


class MissingLibrary(MoselError, ImportError):
    """A system library or an optional package that this feature needs is not installed."""


class AssetError(MoselError):
    """The asset pack is incomplete, or could not be built."""


class DamagedFile(MoselError, ValueError):
    """A checkpoint, episode or buffer file that cannot be read; the message names its path."""


class InvalidPlan(MoselError, ValueError):
    """A task plan that is empty or that uses a skill outside the skill set S."""


class NotEnoughData(MoselError, ValueError):
    """An improvement or a training run got fewer usable episodes than it needs."""


class TrainingDiverged(MoselError, ArithmeticError):
    """A loss, a gradient or a weight became NaN or infinite; the weights before it are kept."""

    def __init__(self, message: str, *, step: int = 0, seed: int = 0) -> None:
        """Remember which batch it was.

        Args:
            message: What to tell.
            step: Steps made before it.
            seed: With `step`, it decides the batch, see `training.draws.draws_at`.
        """
        super().__init__(message)
        self.step = step
        self.seed = seed


class SpecMismatch(MoselError, ValueError):
    """Two sides disagree on a convention (rotation format, gripper polarity, rate, image size)."""


class ModelError(MoselError, RuntimeError):
    """Root of what goes wrong between us and a foundation model."""


class MissingKey(ModelError):
    """An API key is not set, or was turned down; the message names the variable."""


class ModelUnavailable(ModelError):
    """A model could not be reached, or gave no answer in time, after all retries."""


class ModelRefused(ModelError):
    """A model declined to answer."""


class BadAnswer(ModelError):
    """A model's answers did not fit the schema, or asked for the impossible, repair included."""


class BudgetReached(ModelError):
    """The next call would go beyond the budget in calls or in money; nothing was sent."""
