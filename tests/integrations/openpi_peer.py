"""The real openpi-client, in an environment of its own, as an object of this process."""

from __future__ import annotations

import io
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".peers/openpi/bin/python"


def needed() -> Path:
    """The peer's interpreter; made where it is missing, else the test is skipped."""
    if not PYTHON.exists():
        command = [str(ROOT / "scripts/peers.sh"), "openpi"]
        try:
            subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(
                "openpi-client is not there and could not be fetched; `scripts/peers.sh openpi` "
                f"makes its environment. It said: {error} {str(error.stderr).strip()[-300:]}"
            )
    return PYTHON


class Refused(Exception):
    """What the real client raised."""


class OpenpiPeer:
    """Sends requests to `openpi_relay.py`; a context manager."""

    def __enter__(self) -> OpenpiPeer:
        command = [str(needed()), str(Path(__file__).with_name("openpi_relay.py"))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT.parent
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def connect(self, client: str, port: int) -> dict[str, Any]:
        """Connect; gives the server's metadata."""
        reply = self.ask("connect", client, port=port)
        assert reply["numpy"].item().startswith("1."), "the peer has its own numpy"
        metadata: dict[str, Any] = json.loads(reply["metadata"].item())
        return metadata

    def ask(self, do: str, client: str, **request: Any) -> dict[str, Any]:
        """One request to one of the peer's clients.

        Raises:
            Refused: The real client raised.
        """
        buffer = io.BytesIO()
        names = {key.replace("/", "|"): value for key, value in request.items()}
        np.savez(buffer, do=do, client=client, **names)  # "/" would be a folder in the archive
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(struct.pack("<Q", buffer.tell()) + buffer.getvalue())
        self._process.stdin.flush()
        header = self._process.stdout.read(8)
        assert len(header) == 8, "the peer broke; its words are above"
        with np.load(
            io.BytesIO(self._process.stdout.read(struct.unpack("<Q", header)[0]))
        ) as arrays:
            reply = dict(arrays)
        if "error" in reply:
            raise Refused(str(reply["error"].item()))
        return reply
