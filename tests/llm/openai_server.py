"""OpenAI's chat completions on loopback."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.llm.loopback import Call, Fault, LoopbackServer, Request


class OpenAIServer(LoopbackServer):
    """`answer(request)` gives the model's text, or a fault."""

    prefix = "/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the SDK here."""
        return {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": self.key, "NO_PROXY": "127.0.0.1"}

    def handle(self, call: Call) -> None:
        """Serve `POST /v1/chat/completions`, and a model's card."""
        card = call.method == "GET" and call.path.startswith("/v1/models/")
        if not card and (call.method, call.path) != ("POST", "/v1/chat/completions"):
            call.send(404, {"error": {"message": f"no such address: {call.path}"}})
            return
        if call.header("Authorization") != f"Bearer {self.key}":
            # As the service does it: part of what was sent comes back.
            sent = call.header("Authorization").removeprefix("Bearer ")
            said = f"Incorrect API key provided: {sent[:12]}********{sent[-4:]}."
            call.send(401, {"error": {"message": said, "code": "invalid_api_key"}})
            return
        if card:
            name = call.path.removeprefix("/v1/models/")
            call.send(200, {"id": name, "object": "model", "created": 0, "owned_by": "loopback"})
            return
        request = _request(json.loads(call.data))
        reply = self.reply_to(request)
        message: dict[str, Any] = {"role": "assistant", "content": reply, "refusal": None}
        finish = "stop"
        if isinstance(reply, Fault):
            if self.send_fault(call, reply):
                return
            if reply.kind == "status":
                error = {"error": {"message": reply.says, "type": "server_error", "code": None}}
                call.send(reply.status, error, reply.headers)
                return
            if reply.kind == "refusal":
                message.update(content=None, refusal=reply.says)
            elif reply.kind == "filtered":
                message["content"], finish = "", "content_filter"
            elif reply.kind == "cut_off":
                message["content"], finish = reply.says, "length"
        choices = [{"index": 0, "finish_reason": finish, "message": message, "logprobs": None}]
        if isinstance(reply, Fault) and reply.kind == "no_choice":
            choices = []
        call.send(
            200,
            {
                "id": "chatcmpl-loopback",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": choices,
                "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
            },
        )


def _request(body: dict[str, Any]) -> Request:
    system: list[str] = []
    words: list[str] = []
    images: list[bytes] = []
    turns = 0
    for message in body["messages"]:
        turns += message["role"] != "system"
        content = message["content"]
        whole: list[dict[str, Any]] = [{"type": "text", "text": content}]
        parts: list[dict[str, Any]] = whole if isinstance(content, str) else content
        for part in parts:
            if part["type"] == "text":
                (system if message["role"] == "system" else words).append(part["text"])
            else:
                assert part["type"] == "image_url", f"the service knows no part {part['type']!r}"
                kind, _, data = part["image_url"]["url"].partition(";base64,")
                assert kind in ("data:image/jpeg", "data:image/png")
                images.append(base64.b64decode(data, validate=True))
    response_format = body.get("response_format") or {}
    return {
        "model": body["model"],
        "system": "\n".join(system),
        "text": "\n".join(words),
        "images": images,
        "videos": [],
        "schema": response_format.get("json_schema", {}).get("schema"),
        "turns": turns,
        "body": body,
    }
