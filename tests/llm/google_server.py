"""Gemini's generateContent and the files API on loopback."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from tests.llm.loopback import Answer, Call, Fault, LoopbackServer, Request


class GoogleServer(LoopbackServer):
    """`answer(request)` gives the model's text, or a fault.

    An uploaded file is "PROCESSING" for `polls` looks at it, and then as `becomes` says.
    """

    def __init__(self, answer: Answer, polls: int = 1, becomes: str = "ACTIVE") -> None:
        super().__init__(answer)
        self.files: dict[str, bytes] = {}
        """Uploaded ones that have not been deleted, by name ("files/1")."""
        self.uploads = 0
        self._polls = polls
        self._becomes = becomes

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the SDK here."""
        return {
            "GOOGLE_GEMINI_BASE_URL": self.url,
            "GEMINI_API_KEY": self.key,
            "NO_PROXY": "127.0.0.1",
        }

    def handle(self, call: Call) -> None:
        """Serve generateContent, and upload, get and delete of files."""
        transfer = re.fullmatch(r"/transfer/(files/\d+)", call.path)
        if transfer:  # its address is the permission
            assert call.header("X-Goog-Upload-Command") == "upload, finalize"
            self.files[transfer[1]] = call.data
            call.send(200, {"file": self._file(transfer[1])}, {"x-goog-upload-status": "final"})
            return
        if call.header("x-goog-api-key") != self.key:
            said = f"API key not valid: {call.header('x-goog-api-key')}"
            details = [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}]
            _error(call, 400, "INVALID_ARGUMENT", said, {}, details)
            return
        generate = re.fullmatch(r"/v\w+/models/([\w.\-]+):generateContent", call.path)
        file = re.fullmatch(r"/v\w+/(files/\d+)", call.path)
        if generate and call.method == "POST":
            self._generate(call, generate[1])
        elif re.fullmatch(r"/upload/v\w+/files", call.path) and call.method == "POST":
            assert call.header("X-Goog-Upload-Command") == "start"
            self.uploads += 1
            where = f"{self.url}/transfer/files/{self.uploads}"
            call.send(200, {}, {"x-goog-upload-url": where, "x-goog-upload-status": "active"})
        elif file and call.method == "GET":
            self._polls -= 1
            call.send(200, self._file(file[1]))
        elif file and call.method == "DELETE":
            del self.files[file[1]]
            call.send(200, {})
        else:
            _error(call, 404, "NOT_FOUND", f"no such address: {call.method} {call.path}", {}, [])

    def _file(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "uri": f"{self.url}/v1/{name}",
            "mimeType": "video/mp4",
            "state": "PROCESSING" if self._polls > 0 else self._becomes,
        }

    def _generate(self, call: Call, model: str) -> None:
        request = self._request(model, json.loads(call.data))
        reply = self.reply_to(request)
        text, finish, feedback = reply, "STOP", None
        if isinstance(reply, Fault):
            if self.send_fault(call, reply):
                return
            if reply.kind == "status":
                _error(call, reply.status, "UNAVAILABLE", reply.says, reply.headers, [])
                return
            text = reply.says if reply.kind == "cut_off" else ""
            finish = "MAX_TOKENS" if reply.kind == "cut_off" else "SAFETY"
            if reply.kind in ("refusal", "no_choice"):
                feedback = {"blockReason": "PROHIBITED_CONTENT"}
        usage = {"promptTokenCount": 1000, "candidatesTokenCount": 60, "thoughtsTokenCount": 40}
        body: dict[str, Any] = {"modelVersion": model, "usageMetadata": usage}
        if feedback:
            body["promptFeedback"] = feedback
        else:
            content = {"role": "model", "parts": [{"text": text}]}
            body["candidates"] = [{"index": 0, "finishReason": finish, "content": content}]
        call.send(200, body)

    def _request(self, model: str, body: dict[str, Any]) -> Request:
        words: list[str] = []
        images: list[bytes] = []
        videos: list[bytes] = []
        for content in _camel(body["contents"]):
            for part in content["parts"]:
                if "text" in part:
                    words.append(part["text"])
                elif "fileData" in part:
                    name = part["fileData"]["fileUri"].partition("/v1/")[2]
                    videos.append(self.files[name])
                else:
                    blob = part["inlineData"]
                    data = base64.urlsafe_b64decode(blob["data"])
                    (videos if blob["mimeType"] == "video/mp4" else images).append(data)
        config = body.get("generationConfig", {})
        instruction = body.get("systemInstruction", {}).get("parts", [])
        return {
            "model": model,
            "system": "\n".join(part["text"] for part in instruction),
            "text": "\n".join(words),
            "images": images,
            "videos": videos,
            "schema": config.get("responseJsonSchema"),
            "turns": len(body["contents"]),
            "body": body,
        }


def _camel(value: Any) -> Any:
    """Names as the interface's documentation has them; the service takes `mime_type` as well."""
    if isinstance(value, list):
        return [_camel(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_(\w)", lambda found: found[1].upper(), name): _camel(entry)
        for name, entry in value.items()
    }


def _error(
    call: Call,
    status: int,
    word: str,
    said: str,
    headers: dict[str, str],
    details: list[dict[str, Any]],
) -> None:
    error = {"code": status, "message": said, "status": word, "details": details}
    call.send(status, {"error": error}, headers)
