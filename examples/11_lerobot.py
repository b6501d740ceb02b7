"""A MOSEL agent in LeRobot's own evaluation, on our environment: no glue in the loop.

Run: scripts/peers.sh lerobot
     .peers/lerobot/bin/python examples/11_lerobot.py --seed 3
LeRobot's command line does the same:
     .peers/lerobot/bin/lerobot-eval --policy.type=mosel --policy.agent=libero-long \
         --env.type=mosel --env.task=MOSEL-LiberoLong-Task6 --eval.n_episodes=1 --seed=3
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import tyro
from lerobot.envs.factory import make_env, make_env_pre_post_processors
from lerobot.policies.factory import make_policy, make_pre_post_processors
from lerobot.scripts.lerobot_eval import eval_policy

from mosel_gym.integrations.lerobot_env_config import MoselEnv
from mosel_gym.integrations.lerobot_policy import MoselConfig


def main(
    task: str = "MOSEL-LiberoLong-Task6",
    agent: str = "libero-long",
    episodes: int = 1,
    seed: int = 0,
) -> None:
    """Print LeRobot's figures; episode k has the seed `seed + k`."""
    env, policy = MoselEnv(task=task), MoselConfig(agent=agent, device="cpu")
    vector = make_env(env, n_envs=1)["mosel"][0]
    parts = (*make_env_pre_post_processors(env, policy), *make_pre_post_processors(policy))
    info = eval_policy(
        vector, make_policy(policy, env_cfg=env), *parts, n_episodes=episodes, start_seed=seed
    )
    vector.close()
    print(info["aggregated"], [episode["success"] for episode in info["per_episode"]])


if __name__ == "__main__":
    tyro.cli(main)
