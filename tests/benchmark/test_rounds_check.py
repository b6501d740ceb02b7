"""When a round is rolled back, and that no two kinds of episodes share a seed."""

from __future__ import annotations

import pytest

from mosel_gym.benchmark.paper.config import DEMOS, PaperConfig, trial_seeds
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rounds_check import compare_judged, sign_test
from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.errors import SpecMismatch


def rows(*judged: bool | None) -> dict[str, list[EpisodeResult]]:
    """Their truth is the opposite, and must not count."""
    return {
        "task": [
            EpisodeResult(seed, judged_success=value, success=not value)
            for seed, value in enumerate(judged)
        ]
    }


@pytest.mark.parametrize(
    ("lost", "gained", "worse"),
    [(0, 0, False), (2, 0, False), (3, 0, True), (3, 1, False), (4, 1, True), (5, 5, False)],
)
def test_the_rule(lost: int, gained: int, worse: bool) -> None:
    before = [True] * lost + [False] * gained + [True, False]
    after = [False] * lost + [True] * gained + [True, False]
    found = compare_judged(rows(*before), rows(*after), p=0.2)
    assert (found.lost, found.gained, found.pairs) == (lost, gained, lost + gained + 2)
    assert found.worse is worse
    assert f"+{gained} -{lost} of {found.pairs}" in found.said


def test_sign_test() -> None:
    assert sign_test(3, 0) == pytest.approx(1 / 8)
    assert sign_test(4, 1) == pytest.approx(6 / 32)
    assert sign_test(0, 0) == 1.0


def test_what_nobody_judged_or_broke_is_left_out() -> None:
    before, after = rows(True, True, True, True), rows(False, False, False, None)
    after["task"][0] = EpisodeResult(0, "error", "broke")
    found = compare_judged(before, after, p=0.9)
    assert (found.lost, found.pairs) == (2, 2)
    nothing = compare_judged(rows(None), rows(True), p=0.2)
    assert not nothing.worse
    assert "unchecked" in nothing.said


def test_no_two_kinds_of_episodes_share_a_seed() -> None:
    seen: set[int] = set()
    for repeat in (0, 1, 49):
        config = RoundsConfig(rounds=10, repeat=repeat, interactions=1000, check=1000)
        kinds = [trial_seeds(PaperConfig(trials=10_000), repeat)]
        kinds += [config.rollout_seeds(number, robotwin=False) for number in range(1, 11)]
        kinds += [config.check_seeds(number) for number in range(1, 11)]
        for kind in kinds:
            assert not seen.intersection(kind)
            assert min(kind) >= 1_000_000
            assert max(kind) < DEMOS
            seen.update(kind)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"rounds": 11}, "--rounds is 11"),
        ({"interactions": 0}, "--interactions is 0"),
        ({"check_p": 0.0}, "--check-p"),
        ({"alpha": -1.0}, "--alpha is -1"),
        ({"margin": 0.0}, "set alpha=0"),
        ({"replay": 1.0}, "--replay is 1.0"),
        ({"min_confidence": 1.5}, "--min_confidence is 1.5"),
        ({"at_least": -0.1}, "--at_least is -0.1"),
        ({"quickest": 0.0}, "--quickest is 0.0"),
        ({"old_share": 1.0}, "--old_share is 1.0"),
        ({"target": ()}, "--target"),
    ],
)
def test_what_cannot_be_done_is_refused(changed: dict[str, object], match: str) -> None:
    with pytest.raises(SpecMismatch, match=match):
        RoundsConfig(**changed)  # type: ignore[arg-type]


def test_targets_of_rounds() -> None:
    config = RoundsConfig(target=("video", "auto"))
    assert [config.target_of(number) for number in (1, 2, 3)] == ["video", "auto", "auto"]
    assert RoundsConfig().interactions_of(robotwin=True) == 50
    assert RoundsConfig().interactions_of(robotwin=False) == 100
