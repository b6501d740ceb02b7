"""The two small distributions by whose names LeRobot finds our policy and our environments.

LeRobot looks for installed distributions whose name begins with `lerobot_policy_` or, from 0.6 on,
`lerobot_env_`, and imports the module of that name; before that it makes an environment of the type
`x` from the package `gym_x`. This module writes them, ready for pip:

    python -m mosel_gym.integrations.lerobot_plugins lerobot_plugins
    pip install --no-deps ./lerobot_plugins/*
"""

from __future__ import annotations

import sys
from pathlib import Path

import mosel_gym
from mosel_gym.data.atomic import atomic_path

# The name must stay as it is, with underscores: LeRobot compares it letter by letter.
_PROJECT = """\
[build-system]
requires = ["setuptools>=71"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
description = "{description}"
requires-python = ">=3.11"
dependencies = ["lerobot>=0.4.4", "mosel-gym"]

[tool.setuptools]
py-modules = [{modules}]
"""

_POLICY = '''\
"""Registers the policy type "mosel" with LeRobot, and the environment type of the same name.

LeRobot before 0.6 finds policies only, so this module brings the environments too.
"""

import mosel_gym.integrations.lerobot_env_config
from mosel_gym.integrations.lerobot_policy import (
    MoselConfig,
    MoselPolicy,
    make_mosel_pre_post_processors,
)

__all__ = ["MoselConfig", "MoselPolicy", "make_mosel_pre_post_processors"]
'''

_ENV = '''\
"""Registers the environment type "mosel" with LeRobot."""

from mosel_gym.integrations.lerobot_env_config import MoselEnv

__all__ = ["MoselEnv"]
'''

_GYM = '''\
"""Registers `gym_mosel/<id>` with Gymnasium; LeRobot imports this package for the type "mosel"."""

from mosel_gym.integrations.lerobot_env import register_gym_ids

register_gym_ids()
'''

PLUGINS: dict[str, tuple[str, dict[str, str]]] = {
    "lerobot_policy_mosel": (
        "mosel-gym's agents as a LeRobot policy",
        {"lerobot_policy_mosel": _POLICY},
    ),
    "lerobot_env_mosel": (
        "mosel-gym's environments in LeRobot",
        {"lerobot_env_mosel": _ENV, "gym_mosel": _GYM},
    ),
}
"""Distribution -> what it is, and its modules."""


def write_plugins(folder: str | Path) -> list[Path]:
    """Write both projects, each into a folder of its name.

    Args:
        folder: Where; files that are there already are replaced.

    Returns:
        The two folders, for `pip install --no-deps`.
    """
    written = []
    for name, (description, modules) in PLUGINS.items():
        project = _PROJECT.format(
            name=name,
            version=mosel_gym.__version__,
            description=description,
            modules=", ".join(f'"{module}"' for module in modules),
        )
        files = {"pyproject.toml": project} | {f"{m}.py": text for m, text in modules.items()}
        for file, text in files.items():
            with atomic_path(Path(folder) / name / file) as draft:
                draft.write_text(text, encoding="utf-8")
        written.append(Path(folder) / name)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m {__spec__.name} FOLDER")
    for path in write_plugins(sys.argv[1]):
        print(path)  # noqa: T201
