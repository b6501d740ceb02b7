"""Libraries that come with the extra `llm` only."""

from __future__ import annotations

import importlib

from mosel_gym.errors import MissingLibrary


def require(*modules: str) -> None:
    """Import what a model needs, before anything runs.

    Raises:
        MissingLibrary: With the command that installs it.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise MissingLibrary(
                f"Language models need {error.name or module}, which is not installed. "
                "`pip install mosel-gym[llm]` brings it."
            ) from error
