"""What each row's agent was given to learn from, in one line: it stands below every table."""

from __future__ import annotations

from mosel_gym.benchmark.paper.labels import (
    NO_IDENTIFICATION,
    UNIPI,
    VLA_RL,
    is_control,
    targets_of,
)
from mosel_gym.benchmark.specs import card_information

_USUAL = {
    UNIPI: "demonstrations of whole tasks",
    VLA_RL: "demonstrations, then the simulator's reward (PRIVILEGED in training)",
}


def information(label: str, source: str, interactions: int, analyzer: str = "stored") -> str:
    """One line.

    Args:
        label: Of the agent.
        source: Its folder or name; its card may say it better.
        interactions: Episodes of each round.
        analyzer: Whoever judged them, as for `PaperConfig.analyzer`.
    """
    targets = targets_of(label)
    if not targets:
        return card_information(source) or _USUAL.get(label, "demonstrations of single skills")
    rounds = ", ".join(targets)
    trained = [target for target in targets if target != "language"]
    if is_control(label):
        return (
            f"demonstrations of single skills; then demonstrations alone, for as many gradient "
            f"steps as the rounds {', '.join(trained)}"
        )
    judged = "judged"
    if analyzer.startswith("privileged"):
        judged = "judged with simulator truth: PRIVILEGED in training"
    if label.endswith(NO_IDENTIFICATION):
        judged = "every skill taken as a success"
    return (
        f"demonstrations of single skills; then {interactions} own interactions a round ({judged})"
        f": {rounds}"
    )
