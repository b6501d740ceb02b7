"""vla-eval (PyPI: vla-eval): our agents as its model server, our environments as its benchmark.

In a vla-eval config: `benchmark: mosel_gym.integrations.vla_eval:MoselBenchmark`.

Raises:
    MissingLibrary: On import, where vla-eval is not installed.
"""

from __future__ import annotations

from mosel_gym.errors import MissingLibrary

try:
    from mosel_gym.integrations.vla_eval_benchmark import MoselBenchmark
    from mosel_gym.integrations.vla_eval_server import MoselModelServer, serve
except ModuleNotFoundError as error:
    if (error.name or "").startswith("mosel_gym"):
        raise
    raise MissingLibrary(
        f"Evaluating with vla-eval needs {error.name}, which is not installed. "
        "`pip install vla-eval` brings it."
    ) from error

__all__ = ["MoselBenchmark", "MoselModelServer", "serve"]
