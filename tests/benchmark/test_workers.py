"""Worker processes: their threads, and that none outlives a killed run."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from mosel_gym.benchmark.workers import Workers

SCRIPT = """
import os, time
from mosel_gym.benchmark.workers import Workers
if __name__ == "__main__":
    with Workers(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


def test_one_thread_a_process_and_our_own_environment_is_put_back() -> None:
    before = os.environ.get("OMP_NUM_THREADS")
    with Workers(1) as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
        assert pool.submit(os.getenv, "LP_NUM_THREADS").result() == "1"
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_no_process_outlives_a_killed_parent(tmp_path: object) -> None:
    script = os.path.join(str(tmp_path), "run.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline_s = time.monotonic() + 10
    while _alive(child):
        assert time.monotonic() < deadline_s, f"process {child} is still there"
        time.sleep(0.1)


def _alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
