"""What loopback servers answer in place of models: they read the request, as a model would."""

from __future__ import annotations

import io
import json
import re
from typing import Any

from PIL import Image

from tests.llm.servers import Request

PICK = "pick up the brush with left hand"
HAND_OVER = "hand over the brush"
PAN = "pick up the dustpan with left hand"
SWEEP = "sweep the red block into the dustpan with the brush"
NAIVE = (PICK, PAN, SWEEP)
SOUND = (PICK, HAND_OVER, PAN, SWEEP)


def plan_answer(skills: tuple[str, ...], reasoning: str = "It has worked before.") -> str:
    """A plan, in the planner's schema."""
    words = {"scene": "a table", "targets": "the block", "order": "as given"}
    return json.dumps({**words, "reasoning": reasoning, "skills": list(skills)})


def plans(first: tuple[str, ...], later: tuple[str, ...]) -> Any:
    """A planner that thinks of `later` once it is told what became of `first`."""

    def answer(request: Request) -> str:
        assert "skills" in properties(request)
        assert len(request["images"]) == 1, "a plan is made from one picture"
        told = "Plans that were carried out" in request["text"]
        if told:
            assert "the left hand still held the brush" in request["text"]
        return plan_answer(later if told else first)

    return answer


def judge(request: Request) -> str:
    """Finds that sweeping fails wherever the brush was not handed over before."""
    for picture in request["images"]:
        Image.open(io.BytesIO(picture)).verify()
    assert len(request["images"]) > 1
    sound = quoted(HAND_OVER) in plan_in(request["text"])
    if "what_happened" in properties(request):
        return json.dumps(
            {
                "what_happened": "The left hand took the dustpan and dropped the brush.",
                "plan_at_fault": True,
                "failed_attempt": attempts_in(request["text"]),
                "reason": "When the dustpan was taken, the left hand still held the brush.",
                "advice": f"Carry out {quoted(HAND_OVER)} before {quoted(PAN)}.",
            }
        )
    count = attempts_in(request["text"])
    rows = [_row(number, sound or number < count) for number in range(1, count + 1)]
    return json.dumps(
        {"attempts": rows, "goal_reached": sound, "goal_reason": "The block says it."}
    )


def yes_judge(request: Request) -> str:
    """Finds that all went well, as far as it went."""
    if "what_happened" in properties(request):
        words = {"what_happened": "It was slow.", "reason": "Time ran out.", "advice": "Hurry."}
        return json.dumps({**words, "plan_at_fault": False, "failed_attempt": 0})
    rows = [_row(number, True) for number in range(1, attempts_in(request["text"]) + 1)]
    return json.dumps({"attempts": rows, "goal_reached": True, "goal_reason": "It is there."})


def properties(request: Request) -> set[str]:
    """Names of the fields that the answer should have."""
    assert request["schema"] is not None
    return set(request["schema"]["properties"])


def plan_in(text: str) -> str:
    """What the prompt says between "Plan, in order:" and the next heading."""
    return text.partition("Plan, in order:")[2].partition("Attempts,")[0].partition("Skill set")[0]


def attempts_in(text: str) -> int:
    """How many attempts the prompt lists."""
    return len(re.findall(r'"attempt": \d+', text))


def quoted(text: str) -> str:
    """As it stands in JSON."""
    return json.dumps(text)


def _row(number: int, reached: bool) -> dict[str, Any]:
    return {
        "attempt": number,
        "seen": "the thing in question",
        "evidence": [1],
        "reached": reached,
        "holds_at_end": reached,
        "undone_by": 0,
        "reason": "The picture shows it." if reached else "The block has not moved.",
        "confidence": 0.9,
    }
