"""Episodes in LIBERO's HDF5 layout: one reader for our own files and for LIBERO's published ones.

Our own files hold `data/demo_0/{actions, dones, rewards, states, obs/...}` as LIBERO's do, so that
readers made for LIBERO or robomimic work on them. What that layout has no place for (the row after
the last action, segments, plan, imagined frames, simulator truth, provenance) lies in the group
`data/demo_0/mosel`, which those readers ignore.

Two conventions differ between the published files and ours; this module hides both:

- Published pictures are stored bottom-up. Ours are upright, and say so in two attributes of `data`:
  `image_orientation = "upright"` and robosuite's own `macros_image_convention = "opencv"`.
- In a published file, row t of `obs` was recorded *after* action t. In ours it is what was seen
  *before* action t. Read back, both follow `Episode`: before. So the first action of a published
  demonstration, whose row before is not stored, is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mosel_gym.data import episode_extras, published_demo
from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.episode_extras import check_episode
from mosel_gym.data.hdf5_arrays import FILE_VERSION, put_array
from mosel_gym.errors import DamagedFile, UnknownId
from mosel_gym.types import Episode

FORMAT = "mosel-episode"
FORMAT_VERSION = 1

_LIBERO_NAMES = {"agentview": "agentview_rgb", "wrist": "eye_in_hand_rgb"}


def write_episode(path: str | Path, episode: Episode) -> Path:
    """Write one episode as a file with one demonstration; all of its fields survive.

    Args:
        path: The `.hdf5` file; it appears complete or not at all, and replaces an older one.
        episode: What to write.

    Returns:
        `path`.

    Raises:
        SpecMismatch: The episode's arrays do not fit each other, see `check_episode`.
    """
    check_episode(episode)
    steps = episode.num_steps
    with atomic_path(path) as draft, h5py.File(draft, "w", libver=FILE_VERSION) as file:
        data = file.create_group("data")
        data.attrs.update(_file_attributes(episode))
        demo = data.create_group("demo_0")
        demo.attrs["num_samples"] = steps
        put_array(demo, "actions", episode.actions)
        put_array(demo, "dones", _last_row_is(True, steps))
        put_array(demo, "rewards", _last_row_is(bool(episode.success), steps))
        if episode.states is not None:
            demo.attrs["init_state"] = episode.states[0]
            put_array(demo, "states", episode.states[:steps])
        for name, rows in episode.observations.items():
            for stored_name, part in _stored(name, rows).items():
                put_array(demo.require_group("obs"), stored_name, part[:steps])
        episode_extras.write(demo.create_group("mosel"), episode)
    return Path(path)


def read_episode(path: str | Path, demo: str = "demo_0") -> Episode:
    """Read one demonstration of our own or of a published LIBERO file.

    Args:
        path: The file.
        demo: Its name inside the file, see `demo_names`.

    Returns:
        The episode with upright pictures and T + 1 rows. One from a published file has one skill
        segment, the whole demonstration, and neither plan, seed nor `states`.

    Raises:
        FileNotFoundError: There is no such file.
        UnknownId: The file has no such demonstration.
        DamagedFile: The file is truncated, corrupt, or not in this layout.
    """
    with _open(path) as file:
        data = file["data"]
        if demo not in data:
            raise UnknownId(f"{path}: no demonstration {demo!r}; it holds {_names(data)}")
        if "mosel" not in data[demo]:
            return published_demo.read(data, demo, Path(path).stem)
        version = int(data.attrs["format_version"])
        if version > FORMAT_VERSION:
            raise DamagedFile(
                f"{path}: written by a newer mosel-gym (format {version}; this one reads up to "
                f"{FORMAT_VERSION}). Update mosel-gym."
            )
        return _read_own(data[demo])


def demo_names(path: str | Path) -> list[str]:
    """Names of the demonstrations in a file, in numeric order.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFile: It is not a readable episode file.
    """
    with _open(path) as file:
        return _names(file["data"])


@contextmanager
def _open(path: str | Path) -> Iterator[h5py.File]:
    """Open for reading; whatever is wrong inside becomes a DamagedFile that names the path."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no episode file at {path}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (UnknownId, DamagedFile):
        raise
    except (OSError, RuntimeError) as error:
        raise DamagedFile(f"{path}: truncated or corrupt HDF5 file ({error})") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFile(f"{path}: not an episode in LIBERO's layout ({error})") from error


def _read_own(demo: h5py.Group) -> Episode:
    actions = np.asarray(demo["actions"][()], np.float32)
    extras = demo["mosel"]
    observations = {}
    for name in episode_extras.observation_names(extras):
        last = extras["final_obs"][name][()]
        parts = [demo["obs"][stored][()] for stored in _stored(name, last[None])]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        observations[name] = np.concatenate([rows, last[None]])
    states = None
    if "final_state" in extras:
        states = np.concatenate([demo["states"][()], extras["final_state"][()][None]])
    episode = episode_extras.read(extras, observations, actions, states)
    check_episode(episode)
    return episode


def _stored(name: str, rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """LIBERO's names for one observation, and its split of the eight numbers of `proprio`."""
    if name == "proprio" and rows.shape[1:] == (8,):
        return {"ee_states": rows[:, :6], "gripper_states": rows[:, 6:]}
    return {_LIBERO_NAMES.get(name, name): rows}


def _last_row_is(value: bool, steps: int) -> NDArray[np.uint8]:
    column = np.zeros(steps, np.uint8)
    column[-1:] = value
    return column


def _file_attributes(episode: Episode) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "num_demos": 1,
        "total": episode.num_steps,
        "image_orientation": "upright",
        "macros_image_convention": "opencv",
        "obs_alignment": "before_action",
        "env_name": episode.task_id,
        "problem_info": json.dumps(
            {
                "language_instruction": episode.goal,
                "problem_name": episode.task_id,
                "domain_name": "robosuite",
            }
        ),
        "env_args": json.dumps(
            {"type": 3, "env_name": episode.task_id, "env_kwargs": dict(episode.provenance)}
        ),
    }


def _names(data: h5py.Group) -> list[str]:
    names = [name for name in data if name.startswith("demo_")]
    return sorted(names, key=lambda name: (len(name), name))
