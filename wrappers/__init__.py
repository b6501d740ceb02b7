"""Gymnasium wrappers that work on every environment of this package, and on others."""

from mosel_gym.wrappers.recording import RecordEpisode

__all__ = ["RecordEpisode"]
