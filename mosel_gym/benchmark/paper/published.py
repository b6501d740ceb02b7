"""The paper's numbers as data: what it reports, by table, row and column.

Success rates are shares in 0..1. A table that has none of a number does not have the key. Fig. 6
is a curve without numbers in the text, so that it is not here.
"""

from __future__ import annotations

from collections.abc import Mapping

Columns = Mapping[str, float]
Rows = Mapping[str, Columns]


def libero(number: int) -> str:
    """Id of a task of Table 5."""
    return f"MOSEL-LiberoLong-Task{number}"


SWEEP, PUSH, BEAT = (f"MOSEL-RoboTwin-{name}Block" for name in ("Sweep", "Push", "Beat"))
LIBERO = tuple(libero(number) for number in range(1, 8))
ROBOTWIN = (SWEEP, PUSH, BEAT)
SELECTED = tuple(libero(number) for number in (2, 6, 7))
"""The tasks of Tables 7 to 10."""
ABLATED = tuple(libero(number) for number in (2, 3, 5))
"""The tasks of Table 4."""


def _row(tasks: tuple[str, ...], *values: float) -> Columns:
    return dict(zip(tasks, values, strict=True))


TABLE_1: Rows = {
    "UniPi": _row(LIBERO, 0.0, 0.0, 0.0, 0.0, 0.30, 0.0, 0.0),
    "PaLM-E": _row(LIBERO, 0.06, 0.28, 0.80, 0.04, 0.0, 0.10, 0.16),
    "baseline": _row(LIBERO, 0.48, 0.40, 0.44, 0.10, 0.26, 0.34, 0.32),
    "video": _row(LIBERO, 0.58, 0.48, 0.66, 0.06, 0.36, 0.32, 0.40),
    "policy": _row(LIBERO, 0.86, 0.88, 0.90, 0.42, 0.86, 0.49, 0.75),
    "VLA-RL": _row(LIBERO, 0.58, 0.64, 0.44, 0.34, 0.82, 0.50, 0.66),
}
"""LIBERO-Long. 50 trials a task; "policy" stands for both refinements, one after the other."""

TABLE_2: Rows = {
    "UniPi": _row(ROBOTWIN, 0.0, 0.0, 0.2),
    "PaLM-E": _row(ROBOTWIN, 0.02, 0.20, 0.16),
    "baseline": _row(ROBOTWIN, 0.0, 0.10, 0.20),
    "language": _row(ROBOTWIN, 0.44, 0.40, 0.32),
    "video": _row(ROBOTWIN, 0.46, 0.44, 0.40),
    "policy": _row(ROBOTWIN, 0.52, 0.58, 0.60),
}
"""RoboTwin. Each row adds a refinement to the one above it."""

TABLE_3: Rows = {
    "before": {"language": 0.260, "visual": 0.553},
    "after": {"language": 0.893, "visual": 0.927},
}
"""Accuracy of plans (three RoboTwin tasks) and of imagined videos (three LIBERO tasks)."""

TABLE_4: Rows = {
    "baseline": _row(ABLATED, 0.48, 0.66, 0.36),
    "without": _row(ABLATED, 0.48, 0.56, 0.22),
    "with": _row(ABLATED, 0.90, 0.90, 0.86),
}
"""Policy refinement without and with failure identification. Its "baseline" has the numbers of
Table 1 after the video refinement."""

TABLE_7: Rows = {
    "undisturbed": _row(SELECTED, 0.88, 0.49, 0.75),
    "disturbed": _row(SELECTED, 0.94, 0.50, 0.80),
}
"""Final agents without and with visual disturbances (G.1)."""

_JUDGED = ("accuracy", "precision", "recall", "f1", "success")
TABLE_8: Rows = {
    libero(2): _row(_JUDGED, 0.82, 0.89, 0.62, 0.73, 0.88),
    libero(6): _row(_JUDGED, 0.78, 0.64, 0.82, 0.72, 0.49),
    libero(7): _row(_JUDGED, 0.83, 0.85, 0.55, 0.67, 0.75),
}
"""GPT-4.1 against the truth, and the success after one round of refinement (G.2)."""

TABLE_9: Rows = {
    libero(2): _row(_JUDGED[:4], 0.72, 0.64, 0.91, 0.75),
    libero(6): _row(_JUDGED[:4], 0.60, 0.0, 0.0, 0.0),
    libero(7): _row(_JUDGED[:4], 0.76, 0.0, 0.0, 0.0),
}
"""An open model, Qwen-2.5-72B-Instruct, against the truth (G.2)."""

TABLE_10: Rows = {
    "baseline": _row(SELECTED, 0.395, 0.315, 0.32),
    "video": _row(SELECTED, 0.43, 0.37, 0.43),
    "policy": _row(SELECTED, 0.88, 0.49, 0.75),
}
"""Means over repetitions of the whole improvement (G.3)."""
TABLE_10_SPREAD: Rows = {
    "baseline": _row(SELECTED, 0.005, 0.025, 0.0),
    "video": _row(SELECTED, 0.05, 0.05, 0.03),
    "policy": _row(SELECTED, 0.02, 0.01, 0.05),
}
"""What stands behind the plus-minus sign there."""

TABLE_11: Rows = {
    "50": {"success": 0.88, "minutes": 60, "video_s": 31},
    "20": {"success": 0.82, "minutes": 43, "video_s": 12},
    "10": {"success": 0.82, "minutes": 37, "video_s": 5},
}
"""By sampling steps of the video planner: success, wall time of 50 trials one by one, and seconds
per imagined video (G.4). The paper does not name the task; 0.88 is what Task 2 reaches."""
