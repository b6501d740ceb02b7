"""Run by the Python that has LeRobot; importing it takes longer than all the rest.

python probe.py EPISODES FOLDER
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    # By their bare names, from this folder: packages of that environment bring a `tests` of theirs.
    agent_and_env, dataset = map(importlib.import_module, ("agent_and_env", "dataset"))
    episodes, folder = map(Path, sys.argv[1:])
    facts = {"agent_and_env": agent_and_env.main(), "dataset": dataset.main(episodes, folder)}
    print("\n" + json.dumps(facts))
