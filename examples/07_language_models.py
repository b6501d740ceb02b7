"""A language model plans, is told what went wrong, and plans again; no weights are touched.

Without a key, the answers come from a file; with one: python examples/07_language_models.py
    --planner openai:gpt-4.1 --analyzer google:gemini-2.5-pro
The arms are moved by the scripted expert (privileged), so that the plan alone decides.
"""

from __future__ import annotations

import json
from pathlib import Path

import tyro

from mosel_gym.benchmark.evaluate import EvalConfig, evaluate

PICK, PUSH = (
    "pick up the brush with left hand",
    "push the red block to the blue target region with the brush with right hand",
)
WORDS = {"scene": "", "targets": "", "order": "", "reasoning": "The right hand has to hold it."}
ANSWERS = [
    {**WORDS, "reasoning": "Take the brush, then push.", "skills": [PICK, PUSH]},
    {**WORDS, "skills": [PICK, "hand over the brush", PUSH]},
]


def main(
    planner: str = "scripted",
    analyzer: str = "privileged",
    task: str = "MOSEL-RoboTwin-PushBlock",
    seed: int = 0,
    out: Path = Path("runs/examples/language-models"),
) -> None:
    """Run one seed, with up to two refined plans, and say what came of each.

    Args:
        planner: A model, or "offline"; "scripted" takes the answers above.
        analyzer: A model, "pixel", or "privileged" for simulator truth.
        task: Environment id.
        seed: Of the layout.
        out: Folder of videos and report.
    """
    if planner == "scripted":
        out.mkdir(parents=True, exist_ok=True)
        (out / "answers.json").write_text(json.dumps({"PlanAnswer": ANSWERS}), encoding="utf-8")
        planner = f"scripted:{out / 'answers.json'}"
    config = EvalConfig("expert", task, planner=planner, analyzer=analyzer, refine_rounds=2)
    (result,) = evaluate(config, out, [seed], workers=1).results
    for attempt in (*result.earlier, result):
        print(f"plan: {'; '.join(attempt.plan)}\n  {attempt.planner}: {attempt.reasoning}")
        print(f"  success {attempt.success}; {attempt.analyzer}: {attempt.rationale}")
    print(out / "report.html")


if __name__ == "__main__":
    tyro.cli(main)
