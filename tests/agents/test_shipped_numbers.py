"""What the shipped networks answered when they were made: no change of the code may change it."""

from __future__ import annotations

import numpy as np

from mosel_gym.agents import MoselAgent
from mosel_gym.agents.analysis.pixel import PixelAnalyzer

PROPRIO = np.array([0.05, -0.1, 1.1, 3.1, 0.1, -0.05, 0.03, -0.03], np.float32)
# Sums of rounded products differ in the last bits from one processor to the next.
TOLERANCE = 2e-3


def picture(number: int) -> np.ndarray:
    rows, columns = np.mgrid[:128, :128]
    channels = (rows * 2 * number, columns * 3 + 40 * number, rows * columns // (number + 1))
    return np.stack(channels, axis=-1).astype(np.uint8)  # modulo 256


def test_policy_planner_and_judge_answer_as_they_did() -> None:
    agent = MoselAgent.from_pretrained("libero-long")
    policy, planner, analyzer = agent.inverse_dynamics, agent.video_planner, agent.analyzer
    assert isinstance(analyzer, PixelAnalyzer)
    policy.reset(3)  # type: ignore[attr-defined]
    observation = {"agentview": picture(1), "wrist": picture(2), "proprio": PROPRIO}
    towards = policy.act(observation, picture(3), None)
    first = [-0.57242483, -0.46767521, -0.58057785, 0.0257557, 0.00152366, 0.1726515, -1]
    ninth = [-0.26762491, -0.13326746, -0.51127452, 0.02664734, -0.00390994, 0.07479124, -1]
    np.testing.assert_allclose(towards.actions[[0, 8]], [first, ninth], atol=TOLERANCE)
    without = policy.act(observation, None, None).actions[0]
    expected = [-0.78541905, 0.19108154, -0.21857896, 0.00966685, -0.03858154, 0.02223301, -1]
    np.testing.assert_allclose(without, expected, atol=TOLERANCE)
    np.testing.assert_allclose(towards.steps_to_goal, 5.4210, atol=0.05)

    skills = planner.config.skills  # type: ignore[attr-defined]
    frames = planner.imagine(picture(1), skills[0], seed=5).frames  # type: ignore[call-arg]
    np.testing.assert_allclose(frames[-1, ::32, ::32, 0], [[86, 116], [64, 151]], atol=1)
    np.testing.assert_allclose(frames.mean(), 124.9647, atol=0.05)

    ends, hands = (np.stack([picture(n), picture(n + 3)]) for n in (1, 2))
    said = [
        analyzer.judge.probability(picture(1), ends, hands, skill)
        for skill in analyzer.judge.config.skills  # type: ignore[attr-defined]
    ]
    assert len(said) == 36
    unsure = [said[number] for number in (0, 9, 18, 21)]
    np.testing.assert_allclose(unsure, [0.27453, 0.16202, 0.87460, 0.98920], atol=TOLERANCE)
