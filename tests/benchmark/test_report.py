"""The report opens from disk: it holds its figures, and links to files that are there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mosel_gym.benchmark.arms import Choice
from mosel_gym.benchmark.demo import DemoConfig
from mosel_gym.benchmark.provenance import read_json
from mosel_gym.benchmark.report import write_report
from mosel_gym.benchmark.results import EpisodeResult, JudgedSegment
from mosel_gym.benchmark.summary import DemoOutcome, conclusion, demo_comparisons, write_demo
from mosel_gym.errors import DamagedFile
from mosel_gym.registry import task_of
from mosel_gym.types import ImproveReport

TASK = task_of("MOSEL-LiberoLong-Task6")
SKILL = TASK.plan[0]


def episodes(outcomes: list[bool]) -> list[EpisodeResult]:
    """One result for each outcome; the analyzer always says that the skill was reached."""
    return [
        EpisodeResult(
            seed=seed,
            success=good,
            held=good,
            steps=100,
            skills={SKILL: good},
            skills_held={SKILL: good},
            plan=(SKILL,),
            agent="mosel(<test>)",
            analyzer="pixel",
            judged_success=True,
            rationale="it & that",
            verdicts=(JudgedSegment(SKILL, 0, True, good, 0.9, "seen"),),
            seconds={"simulation": 1.5, "networks": 0.5},
            video=f"seed-{seed:06d}.mp4",
        )
        for seed, good in enumerate(outcomes)
    ]


def outcome(before: list[bool], control: list[bool], after: list[bool]) -> DemoOutcome:
    arms = {"before": episodes(before), "control": episodes(control), "after": episodes(after)}
    report = ImproveReport("policy", "it was weak", 4, 3, 1, 400, 0.2, 0.1, 90.0, None, "pixel")
    broken = EpisodeResult(99, "error", "Traceback: <boom>")
    arms["before"].append(broken)
    return DemoOutcome(
        arms, episodes([True, False]), Choice("policy", "it was weak"), report, report, "none"
    )


class Links(HTMLParser):
    """Collects what a page points at, and checks that tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value for key, value in attrs if key in ("src", "href") and value]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_summary_and_report_of_a_demo(tmp_path: Path) -> None:
    summary = write_demo(
        tmp_path, DemoConfig(), outcome([True, False], [True, False], [True, True]), TASK
    )
    assert read_json(tmp_path / "summary.json") == summary
    assert summary["provenance"]["config"]["episodes"] == DemoConfig().episodes
    assert summary["provenance"]["hardware"]["cores"] >= 1
    assert summary["verdicts"]["false_positives"] == 3
    assert summary["arms"]["before"]["errors"] == 1
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.open == []
    images = [link for link in links.sources if link.startswith("data:image/png;base64,")]
    others = set(links.sources) - set(images)
    assert len(images) == 4
    assert "after/seed-000001.mp4" in others
    assert not any(re.match(r"https?:|/|file:", link) for link in others)
    assert "&lt;boom&gt;" in page
    assert "<boom>" not in page


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ([True] * 12, "Success rose by 50 points"),
        ([False] * 12, "Success did not rise: it fell"),
        ([True, False] * 6, "Success did not change"),
    ],
)
def test_the_conclusion_is_plain(after: list[bool], said: str) -> None:
    arms = {
        "before": episodes([True, False] * 6),
        "control": episodes([True, False] * 6),
        "after": episodes(after),
    }
    text = conclusion(arms, demo_comparisons(arms))
    assert text.startswith(said)
    assert ("no gain is claimed" in text) == (said != "Success rose by 50 points")


def test_a_gain_within_chance_says_so() -> None:
    arms = {
        "before": episodes([False, False, True]),
        "control": episodes([False, False, True]),
        "after": episodes([True, False, True]),
    }
    assert "may be chance" in conclusion(arms, demo_comparisons(arms))


def test_a_report_needs_a_summary(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match=r"summary\.json"):
        write_report(tmp_path)
    (tmp_path / "summary.json").write_text('{"kind": "demo"}', encoding="utf-8")
    with pytest.raises(DamagedFile, match="not a summary"):
        write_report(tmp_path)
