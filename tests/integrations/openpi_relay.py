"""Runs in the peer's own environment: the real openpi-client, driven by npz messages on stdin.

Knows nothing of mosel-gym. `libero` does to a raw robosuite observation what a LIBERO client of
openpi has to do: both pictures turned by 180 degrees, padded to 224 x 224, the quaternion as an
axis-angle without a flip of its sign.
"""

from __future__ import annotations

import io
import json
import math
import struct
import sys
from typing import Any

import numpy as np
from openpi_client import (  # type: ignore[import-not-found]
    action_chunk_broker,
    image_tools,
    websocket_client_policy,
)

SIZE = 224
policies: dict[str, Any] = {}


def connect(client: str, port: int) -> dict[str, Any]:
    policies[client] = websocket_client_policy.WebsocketClientPolicy("127.0.0.1", int(port))
    metadata = policies[client].get_server_metadata()
    return {"metadata": json.dumps(metadata), "numpy": np.__version__}


def leave(client: str) -> dict[str, Any]:
    policies.pop(client)._ws.close()
    return {}


def infer(client: str, **observation: Any) -> dict[str, Any]:
    reply = policies[client].infer(observation)
    assert set(reply["server_timing"]) <= {"infer_ms", "prev_total_ms"}
    return {"actions": reply["actions"], "step": reply["mosel/step"]}


def broker(client: str, **observation: Any) -> dict[str, Any]:
    policy = action_chunk_broker.ActionChunkBroker(policies[client], action_horizon=1)
    return {"action": policy.infer(observation)["actions"]}


def libero(client: str, prompt: str, **raw: Any) -> dict[str, Any]:
    xyzw = raw["robot0_eef_quat"]
    sine = math.sqrt(max(0.0, 1.0 - float(xyzw[3]) ** 2))
    angle = 2.0 * math.acos(max(-1.0, min(1.0, float(xyzw[3]))))
    axis_angle = np.zeros(3) if sine < 1e-8 else np.asarray(xyzw[:3], float) * angle / sine
    state = np.concatenate([raw["robot0_eef_pos"], axis_angle, raw["robot0_gripper_qpos"]])
    return infer(
        client,
        **{
            "observation/image": _picture(raw["agentview_image"]),
            "observation/wrist_image": _picture(raw["robot0_eye_in_hand_image"]),
            "observation/state": state,
            "prompt": prompt,
        },
    )


def _picture(opengl: Any) -> Any:
    turned = np.ascontiguousarray(opengl[::-1, ::-1])
    return image_tools.convert_to_uint8(image_tools.resize_with_pad(turned, SIZE, SIZE))


def _plain(value: Any) -> Any:
    """Texts, booleans and numbers travel as arrays without axes."""
    return value.item() if value.ndim == 0 else value


def main() -> None:
    do = {f.__name__: f for f in (connect, leave, infer, broker, libero)}
    while header := sys.stdin.buffer.read(8):
        body = sys.stdin.buffer.read(struct.unpack("<Q", header)[0])
        with np.load(io.BytesIO(body)) as arrays:
            request = {key.replace("|", "/"): _plain(arrays[key]) for key in arrays}
        try:
            reply = do[request.pop("do")](**request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        buffer = io.BytesIO()
        np.savez(buffer, **reply)
        sys.stdout.buffer.write(struct.pack("<Q", buffer.tell()) + buffer.getvalue())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
