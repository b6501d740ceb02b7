"""The paper's numbers, typed a second time and as it prints them."""

from __future__ import annotations

import pytest

from mosel_gym.benchmark.paper import published
from mosel_gym.benchmark.paper.published import BEAT, PUSH, SWEEP, libero

# Whole rows as printed; tasks in the order of the paper's columns.
ROWS = [
    (published.TABLE_1["UniPi"], "0.0 0.0 0.0 0.0 0.30 0.0 0.0"),
    (published.TABLE_1["PaLM-E"], "0.06 0.28 0.80 0.04 0.0 0.10 0.16"),
    (published.TABLE_1["baseline"], "0.48 0.40 0.44 0.10 0.26 0.34 0.32"),
    (published.TABLE_1["video"], "0.58 0.48 0.66 0.06 0.36 0.32 0.40"),
    (published.TABLE_1["policy"], "0.86 0.88 0.90 0.42 0.86 0.49 0.75"),
    (published.TABLE_1["VLA-RL"], "0.58 0.64 0.44 0.34 0.82 0.50 0.66"),
    (published.TABLE_2["UniPi"], "0.0 0.0 0.2"),
    (published.TABLE_2["PaLM-E"], "0.02 0.20 0.16"),
    (published.TABLE_2["baseline"], "0.0 0.10 0.20"),
    (published.TABLE_2["language"], "0.44 0.40 0.32"),
    (published.TABLE_2["video"], "0.46 0.44 0.40"),
    (published.TABLE_2["policy"], "0.52 0.58 0.60"),
    (published.TABLE_4["baseline"], "0.48 0.66 0.36"),
    (published.TABLE_4["without"], "0.48 0.56 0.22"),
    (published.TABLE_4["with"], "0.90 0.90 0.86"),
    (published.TABLE_7["undisturbed"], "0.88 0.49 0.75"),
    (published.TABLE_7["disturbed"], "0.94 0.50 0.80"),
    (published.TABLE_8[libero(2)], "0.82 0.89 0.62 0.73 0.88"),
    (published.TABLE_8[libero(6)], "0.78 0.64 0.82 0.72 0.49"),
    (published.TABLE_8[libero(7)], "0.83 0.85 0.55 0.67 0.75"),
    (published.TABLE_9[libero(2)], "0.72 0.64 0.91 0.75"),
    (published.TABLE_9[libero(6)], "0.60 0.00 0.00 0.00"),
    (published.TABLE_9[libero(7)], "0.76 0.00 0.00 0.00"),
    (published.TABLE_10["baseline"], "0.395 0.315 0.32"),
    (published.TABLE_10["video"], "0.43 0.37 0.43"),
    (published.TABLE_10["policy"], "0.88 0.49 0.75"),
    (published.TABLE_10_SPREAD["baseline"], "0.005 0.025 0.00"),
    (published.TABLE_10_SPREAD["video"], "0.05 0.05 0.03"),
    (published.TABLE_10_SPREAD["policy"], "0.02 0.01 0.05"),
    (published.TABLE_11["50"], "0.88 60 31"),
    (published.TABLE_11["20"], "0.82 43 12"),
    (published.TABLE_11["10"], "0.82 37 5"),
    (published.TABLE_3["before"], "0.260 0.553"),
    (published.TABLE_3["after"], "0.893 0.927"),
]


@pytest.mark.parametrize(("row", "printed"), ROWS, ids=[printed for _, printed in ROWS])
def test_a_row_is_as_printed(row: dict[str, float], printed: str) -> None:
    assert list(row.values()) == [float(number) for number in printed.split()]


def test_single_cells_are_where_the_paper_has_them() -> None:
    assert published.TABLE_1["policy"]["MOSEL-LiberoLong-Task4"] == 0.42
    assert published.TABLE_1["UniPi"]["MOSEL-LiberoLong-Task5"] == 0.30
    assert published.TABLE_2["policy"] == {SWEEP: 0.52, PUSH: 0.58, BEAT: 0.60}
    assert published.TABLE_4["without"]["MOSEL-LiberoLong-Task5"] == 0.22
    assert published.TABLE_8["MOSEL-LiberoLong-Task6"]["precision"] == 0.64
    assert published.TABLE_11["20"] == {"success": 0.82, "minutes": 43, "video_s": 12}


def test_the_average_gains_are_those_of_the_abstract() -> None:
    """Over 33 points on LIBERO-Long (Table 1: 0.737 - 0.334 = 40 points), 46.7 on RoboTwin."""
    gains = []
    for table in (published.TABLE_1, published.TABLE_2):
        last, first = table["policy"].values(), table["baseline"].values()
        gains.append(sum(b - a for a, b in zip(first, last, strict=True)) / len(first))
    assert gains[0] > 0.33
    assert gains[1] == pytest.approx(0.467, abs=0.001)
