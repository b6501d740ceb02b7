"""Intervals, paired tests and confusion against published or hand-made numbers."""

from __future__ import annotations

import math

import pytest

from mosel_gym.benchmark.metrics import compare, confusion, mcnemar_exact, rate, share, wilson


def test_wilson_matches_published_values() -> None:
    # Newcombe 1998, table I: 81/263 and 15/148, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20)[0] == 0.0
    assert wilson(20, 20)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_refuses_impossible_counts() -> None:
    with pytest.raises(ValueError, match=r"0\.\.trials = 3"):
        wilson(4, 3)


def test_mcnemar_is_a_fair_coin() -> None:
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(5, 0) == pytest.approx(2 / 32)
    assert mcnemar_exact(24, 9) == pytest.approx(0.0135, abs=1e-3)
    assert mcnemar_exact(3, 7) == mcnemar_exact(7, 3)


def test_compare_leaves_out_unknown_pairs() -> None:
    found = compare("a", "b", [(True, False), (False, True), (True, True), (None, True)])
    assert (found.gained, found.lost, found.pairs) == (1, 1, 3)
    assert str(found) == "a vs b: +1 -1 of 3, p = 1"


def test_confusion_and_its_rates() -> None:
    verdicts = [(True, True)] * 3 + [(True, False)] + [(False, True)] * 2 + [(False, False)] * 4
    table = confusion([*verdicts, (True, None)])
    assert str(table.precision).startswith("3/4")
    assert str(table.recall).startswith("3/5")
    assert str(table.accuracy) == "7/10 = 70 % [40, 89]"
    assert table.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert table.to_plain()["true_negatives"] == 4


def test_nothing_judged_is_not_a_number_but_valid_json() -> None:
    empty = confusion([])
    assert math.isnan(empty.f1)
    assert empty.to_plain()["f1"] is None
    assert str(rate(0, 0)) == "0/0"
    assert share([None, None]).trials == 0
