"""Policy and environment through LeRobot's own functions; `test_lerobot_peer.py` judges them."""

# LeRobot is not installed where this is checked.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import tempfile
from typing import Any

import gymnasium as gym
import lerobot
import numpy as np
import torch
from lerobot.configs.policies import PreTrainedConfig
from lerobot.envs.configs import EnvConfig
from lerobot.envs.factory import make_env, make_env_pre_post_processors
from lerobot.envs.utils import preprocess_observation
from lerobot.policies.factory import make_policy, make_pre_post_processors
from lerobot.processor.env_processor import LiberoProcessorStep
from lerobot.scripts.lerobot_eval import rollout
from lerobot.utils.import_utils import register_third_party_plugins

from mosel_gym.agents import MoselAgent
from mosel_gym.errors import MoselError
from mosel_gym.registry import task_of
from mosel_gym.wrappers import ObservationFormat

TASK = "MOSEL-LiberoLong-Task6"
OTHER = "MOSEL-Libero90-Task71"
SEED = 3
PUSH = np.array([0.5, -0.25, 0.0, 0.0, 0.0, 0.0, 1.0], np.float32)
STEPS = 6


def main() -> dict[str, Any]:
    """Everything, in one process: importing LeRobot takes longer than all of it."""
    torch.set_num_threads(1)
    register_third_party_plugins()
    facts: dict[str, Any] = {"lerobot": lerobot.__version__}
    env_config = EnvConfig.get_choice_class("mosel")(task=TASK, max_steps=STEPS)
    config = PreTrainedConfig.get_choice_class("mosel")(device="cpu")
    vector = make_env(env_config, n_envs=1)["mosel"][0]
    facts["env"] = environment(vector)
    policy = make_policy(config, env_cfg=env_config)
    facts["policy"] = known_frame(policy)
    facts["rows"] = two_tasks(policy)
    facts["stored"] = stored(policy, config, env_config)
    processors = (
        *make_env_pre_post_processors(env_config, config),
        *make_pre_post_processors(config),
    )
    facts["rollout"] = whole_rollout(vector, policy, processors)
    facts["refusals"] = refusals(policy, env_config)
    vector.close()
    return facts


def environment(vector: Any) -> dict[str, Any]:
    """The same episode twice: ours as LeRobot sees it, and LIBERO's own form of it.

    The latter goes through the processor that LeRobot applies to its own LIBERO environment, so
    that what a policy gets from us is what it gets there: orientation, state, units.
    """
    reference = ObservationFormat(gym.make(TASK), layout="upstream")
    raw, _ = reference.reset(seed=SEED)
    theirs, _ = vector.reset(seed=[SEED], options={"lerobot_new_rollout": True})
    differences = [_difference(theirs, raw)]
    fingers, places = [raw["robot0_gripper_qpos"]], [raw["robot0_eef_pos"]]
    for _ in range(STEPS):
        raw, *_ = reference.step(PUSH)
        theirs, _, _, truncated, info = vector.step(PUSH[None])
        fingers.append(raw["robot0_gripper_qpos"])
        places.append(raw["robot0_eef_pos"])
        if not truncated[0]:
            differences.append(_difference(theirs, raw))
    reference.close()
    return {
        "differences": np.max(differences, axis=0).tolist(),
        "frame_is_symmetric": bool(
            (raw["agentview_image"] == raw["agentview_image"][:, ::-1]).all()
        ),
        "opening_before_m": float(np.ptp(fingers[0])),
        "opening_after_m": float(np.ptp(fingers[-1])),
        "moved_m": (places[-1] - places[0]).tolist(),
        "truncated": bool(truncated[0]),
        "final_is_success": info["final_info"]["is_success"].tolist(),
        "task": vector.call("task")[0],
        "task_description": vector.call("task_description")[0],
        "max_steps": vector.call("_max_episode_steps")[0],
        "fps": vector.unwrapped.metadata["render_fps"],
        "reached_by_lerobot": hasattr(vector.envs[0], "task_description"),
        "picture_for_people": list(np.shape(vector.envs[0].render())),
    }


def known_frame(policy: Any) -> dict[str, Any]:
    """A frame that no turn leaves as it is, given to the policy: what arrives, what comes back."""
    frame, state = _frame(), _state()
    policy.reset()
    action = policy.select_action(_batch([frame], [state], [_goal(TASK)]))
    agent = policy.rows.agents[0]
    agent.finish({"agentview": frame, "wrist": frame[::-1], "proprio": state})
    seen = agent.episode.observations
    alone = MoselAgent.from_pretrained("libero-long")
    alone.reset(_goal(TASK))
    ours = {"agentview": frame, "wrist": np.ascontiguousarray(frame[::-1]), "proprio": state}
    return {
        "agentview_is_upright": bool((seen["agentview"][0] == frame).all()),
        "wrist_is_upright": bool((seen["wrist"][0] == frame[::-1]).all()),
        "state_is_exact": bool((seen["proprio"][0] == state).all()),
        "action_shape": list(action.shape),
        "action_dtype": str(action.dtype),
        "action_difference": float(np.abs(action.numpy()[0] - alone.act(ours)).max()),
    }


def two_tasks(policy: Any) -> dict[str, Any]:
    """Two rows, two tasks, against two agents alone; then the rows change places."""
    frame, goals = _frame(), [_goal(TASK), _goal(OTHER)]
    frames = [frame, np.ascontiguousarray(np.roll(frame, 17, axis=1))]
    wrists = [np.ascontiguousarray(one[::-1]) for one in frames]
    alone = []
    for goal in goals:
        alone.append(MoselAgent.from_pretrained("libero-long"))
        alone[-1].reset(goal)
    policy.reset()
    worst = 0.0
    for _ in range(10):  # past the end of a chunk of actions
        both = policy.select_action(_batch(frames, [_state()] * 2, goals)).numpy()
        for row, agent in enumerate(alone):
            seen = {"agentview": frames[row], "wrist": wrists[row], "proprio": _state()}
            worst = max(worst, float(np.abs(both[row] - agent.act(seen)).max()))
    plans = [agent.plan.skills for agent in policy.rows.agents]
    policy.select_action(_batch(frames, [_state()] * 2, goals[::-1]))
    swapped = [agent.plan.skills for agent in policy.rows.agents]
    chunk = policy.predict_action_chunk(_batch(frames, [_state()] * 2, goals[::-1]))
    return {
        "worst_difference": worst,
        "plans_differ": plans[0] != plans[1],
        "plans_follow_the_text": swapped == plans[::-1],
        "rows_differ": float(np.abs(both[0] - both[1]).max()),
        "chunk_shape": list(chunk.shape),
    }


def stored(policy: Any, config: Any, env_config: Any) -> dict[str, Any]:
    """`save_pretrained`, then `--policy.path` as LeRobot does it."""
    batch = _batch([_frame()], [_state()], [_goal(TASK)])
    policy.reset()
    before = policy.select_action(batch)
    with tempfile.TemporaryDirectory() as folder:
        policy.save_pretrained(folder)
        again = PreTrainedConfig.from_pretrained(folder)
        again.pretrained_path = folder
        loaded = make_policy(again, env_cfg=env_config)
        make_pre_post_processors(
            again,
            pretrained_path=folder,
            preprocessor_overrides={
                "device_processor": {"device": "cpu"},
                "rename_observations_processor": {"rename_map": {}},
            },
        )
        after = loaded.select_action(batch)
    return {"difference": float((before - after).abs().max()), "type": again.type}


def whole_rollout(vector: Any, policy: Any, processors: tuple[Any, ...]) -> dict[str, Any]:
    """LeRobot's own loop, to the step limit."""
    done = rollout(vector, policy, *processors, seeds=[SEED], return_observations=True)
    env = gym.make(TASK)
    agent = MoselAgent.from_pretrained("libero-long")
    observation, info = env.reset(seed=SEED)
    agent.reset(info["task"])
    actions = []
    for _ in range(STEPS):
        actions.append(agent.act(observation))
        observation, *_ = env.step(actions[-1])
    env.close()
    return {
        "shape": list(done["action"].shape),
        "done": done["done"][0].tolist(),
        "success": done["success"][0].tolist(),
        "difference_to_our_loop": float(np.abs(done["action"][0].numpy() - actions).max()),
    }


def refusals(policy: Any, env_config: Any) -> dict[str, str]:
    """What is said to wrong input."""
    batch = _batch([_frame()], [_state()], [_goal(TASK)])
    cases: dict[str, Any] = {
        "training": lambda: policy.forward(batch),
        "no camera": lambda: policy.select_action(_without(batch, "observation.images.image2")),
        "no text": lambda: policy.select_action(_without(batch, "task")),
        "normalised": lambda: policy.select_action(
            batch | {"observation.images.image": batch["observation.images.image"] * 4 - 2}
        ),
        "unknown goal": lambda: policy.select_action(batch | {"task": ["fold the shirt"]}),
        "unknown id": lambda: type(env_config)(task="MOSEL-LiberoLong-Task66"),
    }
    said = {}
    for name, case in cases.items():
        try:
            case()
            said[name] = ""
        except MoselError as error:
            said[name] = f"{type(error).__name__}: {error}"
    return said


def _difference(theirs: dict[str, Any], raw: dict[str, Any]) -> list[float]:
    """Between what a policy gets from us and from LeRobot's LIBERO: two pictures, and the state."""
    ours = preprocess_observation(theirs)
    pixels = {"image": raw["agentview_image"], "image2": raw["robot0_eye_in_hand_image"]}
    batch = preprocess_observation({"pixels": {k: v[None] for k, v in pixels.items()}})
    batch["observation.robot_state"] = {
        "eef": {
            "pos": torch.from_numpy(raw["robot0_eef_pos"][None]),
            "quat": torch.from_numpy(raw["robot0_eef_quat"][None]),
        },
        "gripper": {"qpos": torch.from_numpy(raw["robot0_gripper_qpos"][None])},
    }
    wanted = LiberoProcessorStep().observation(batch)
    keys = ("observation.images.image", "observation.images.image2", "observation.state")
    return [float((ours[key] - wanted[key]).abs().max()) for key in keys]


def _frame() -> np.ndarray:
    """Upright, 128 x 128; every corner has a colour of its own."""
    rows, columns = np.mgrid[0:128, 0:128].astype(np.uint8)
    return np.stack([rows * 2, columns * 2, (rows + 2 * columns) % 251], axis=-1).astype(np.uint8)


def _state() -> np.ndarray:
    return np.array([-0.2, 0.05, 1.1, 3.1, 0.02, -0.06, 0.039, -0.041], np.float32)


def _goal(task_id: str) -> str:
    return task_of(task_id).goal


def _batch(frames: list[Any], states: list[Any], goals: list[str]) -> dict[str, Any]:
    """As LeRobot's processor for LIBERO leaves it: CHW floats, turned by 180 degrees.

    Written out here, with no function of ours: OpenGL's picture has the bottom row first, and the
    half turn of it is the upright one with left and right changed.
    """

    def images(upright: list[Any]) -> torch.Tensor:
        opengl = [torch.from_numpy(np.ascontiguousarray(one[::-1])) for one in upright]
        chw = torch.stack(opengl).permute(0, 3, 1, 2).float() / 255
        return torch.flip(chw, dims=[2, 3])

    return {
        "observation.images.image": images(frames),
        "observation.images.image2": images([one[::-1] for one in frames]),
        "observation.state": torch.from_numpy(np.stack(states)),
        "task": goals,
    }


def _without(batch: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if name != key}
