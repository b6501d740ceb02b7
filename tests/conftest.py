"""Settings that have to be in place before numpy, torch or a simulator is imported by any test."""

from __future__ import annotations

import os

# One thread a process: the tests' arrays are far too small to share, and several processes on few
# cores otherwise spend their time waiting for each other. torch and numba read the first one.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

os.environ.setdefault("MPLBACKEND", "Agg")  # no window
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test that wants to download something shall fail
