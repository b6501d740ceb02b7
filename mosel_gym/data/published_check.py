"""Checking LIBERO's published demonstration files, and importing what is sound of them.

A file is in robomimic's layout: `data/demo_i/` with `actions` `[T, 7]`, `states` `[T, n]`, `obs/`
(`agentview_rgb`, `eye_in_hand_rgb`, `ee_states`, `gripper_states`, ...), and the instruction in the
attribute `problem_info` of `data`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from mosel_gym.data.libero_hdf5 import read_episode, write_episode
from mosel_gym.data.windows import episode_files
from mosel_gym.errors import DamagedFile

_WIDTHS = {"actions": 7, "obs/ee_states": 6, "obs/gripper_states": 2}
_PICTURES = ("obs/agentview_rgb", "obs/eye_in_hand_rgb")
_ACTION_LIMIT = 1.0 + 1e-6


@dataclass
class FileReport:
    """What a file holds, and what is wrong with it."""

    path: Path
    demos: int = 0
    written: int = 0
    """Episodes that are in the output folder now."""
    faults: list[str] = field(default_factory=list)
    """Each names the demonstration and the dataset."""


def import_published(
    paths: Sequence[str | Path], out: str | Path | None, *, progress: bool = True
) -> Iterator[FileReport]:
    """Check files, and write their sound demonstrations as episodes.

    Args:
        paths: Published files, or folders with them.
        out: Folder for the episodes; None only checks.
        progress: Show a bar.

    Yields:
        A report for each file. A bad demonstration does not keep the others from being imported.

    Raises:
        FileNotFoundError: A path does not exist.
    """
    for path in tqdm(episode_files(paths), desc="files", unit="file", disable=not progress):
        if not path.is_file():
            raise FileNotFoundError(f"no file or folder at {path}")
        report = FileReport(path)
        sound = _check_file(report)
        for demo in sound if out is not None else ():
            target = Path(str(out)) / path.stem / f"{demo}.hdf5"
            if not target.exists():
                try:
                    write_episode(target, read_episode(path, demo))
                except DamagedFile as error:
                    report.faults.append(f"{demo}: {error}")
                    continue
            report.written += 1
        yield report


def _check_file(report: FileReport) -> list[str]:
    """Fill a report; the names of the demonstrations that are sound."""
    try:
        with h5py.File(report.path, "r") as file:
            if not isinstance(file.get("data"), h5py.Group):
                report.faults.append("there is no group 'data'; this is not a robomimic file")
                return []
            data = file["data"]
            report.faults += _instruction_faults(data)
            whole = bool(report.faults)
            names = sorted(
                (name for name in data if name.startswith("demo_")),
                key=lambda name: (len(name), name),
            )
            report.demos = len(names)
            if not names:
                report.faults.append("'data' holds no demonstration (demo_0, demo_1, ...)")
            sound = []
            for name in names:
                faults = _demo_faults(data[name])
                report.faults += [f"{name}: {fault}" for fault in faults]
                if not faults and not whole:
                    sound.append(name)
            return sound
    except OSError as error:
        report.faults.append(f"truncated, corrupt, or no HDF5 file ({error})")
        return []


def _instruction_faults(data: h5py.Group) -> list[str]:
    try:
        problem = json.loads(data.attrs["problem_info"])
        text = "".join(problem["language_instruction"]).strip().strip('"')
    except (KeyError, ValueError, TypeError) as error:
        return [f"the attribute 'problem_info' has no readable 'language_instruction' ({error!r})"]
    return [] if text else ["the language instruction in 'problem_info' is empty"]


def _demo_faults(demo: h5py.Group) -> list[str]:
    """Everything that is wrong with one demonstration."""
    faults = []
    lengths: dict[str, int] = {}
    for name, width in _WIDTHS.items():
        found = demo.get(name)
        if not isinstance(found, h5py.Dataset):
            faults.append(f"{name} is missing")
            continue
        if found.ndim != 2 or found.shape[1] != width:
            faults.append(f"{name} has shape {found.shape}; it must be (T, {width})")
            continue
        if found.dtype.kind not in "fiu":
            faults.append(f"{name} has dtype {found.dtype}; it must hold numbers")
            continue
        lengths[name] = found.shape[0]
        try:
            values = np.asarray(found[()], np.float64)
        except OSError as error:
            faults.append(f"{name} cannot be read ({error})")
            continue
        if not np.isfinite(values).all():
            faults.append(f"{name} holds NaN or infinity")
        elif name == "actions" and np.abs(values).max(initial=0.0) > _ACTION_LIMIT:
            faults.append(f"actions reach {np.abs(values).max():.3g}; they must lie in -1..1")
    for name in _PICTURES:
        found = demo.get(name)
        if not isinstance(found, h5py.Dataset):
            faults.append(f"{name} is missing")
        elif found.ndim != 4 or found.shape[-1] != 3 or found.dtype != np.uint8:
            faults.append(
                f"{name} has shape {found.shape} and dtype {found.dtype}; it must be (T, H, W, 3) "
                "uint8"
            )
        else:
            lengths[name] = found.shape[0]
    states = demo.get("states")
    if isinstance(states, h5py.Dataset):
        lengths["states"] = states.shape[0] if states.ndim == 2 else -1
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        faults.append(f"the datasets differ in length: {told}")
    elif lengths and min(lengths.values()) < 2:
        faults.append("it has fewer than two steps")
    return faults
