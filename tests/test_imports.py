"""What importing loads, and which way the imports run (no circles, no env that knows an agent)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOPS = {
    "mosel_gym": ROOT / "mosel_gym",
    "mosel_gym.agents": ROOT / "agents",
    "mosel_gym.wrappers": ROOT / "wrappers",
}
HEAVY = ("torch", "diffusers", "transformers", "libero", "robosuite", "mujoco", "sapien")

# A layer is the first name below mosel_gym. It may import itself, and what stands here.
_LEAVES = {"types", "errors", "rotations", "panda", "specs", "transition"}
_ENVS = _LEAVES | {"envs", "registry"}
_MODELS = _LEAVES | {"models", "data"}
_AGENTS = _ENVS | _MODELS | {"agents", "training", "llm"}
_TOP = _AGENTS | {"wrappers", "benchmark", "integrations", "__init__"}
MAY_IMPORT: dict[str, set[str]] = {
    "types": set(),
    "errors": set(),
    "rotations": {"errors"},
    "panda": set(),
    "specs": {"types", "errors", "rotations", "panda"},
    "transition": {"types", "errors", "rotations", "specs"},
    "envs": _LEAVES,
    "registry": _LEAVES | {"envs"},
    "wrappers": _ENVS | {"data"},
    "data": _LEAVES,
    "models": _LEAVES | {"data"},
    "llm": _LEAVES | {"data"},
    "training": _MODELS,
    "agents": _AGENTS,
    "benchmark": _TOP,
    "integrations": _TOP,
    "cli": _TOP,
    "__init__": _ENVS,
    "__main__": {"cli"},
}
ONLY_IMPORTERS = {
    "libero": "mosel_gym.envs.libero.scene",
    "robosuite": "mosel_gym.envs.libero.scene",
    "sapien": "mosel_gym.envs.robotwin.sapien_import",
}


def _modules() -> dict[str, Path]:
    found = {}
    for package, folder in TOPS.items():
        for file in folder.rglob("*.py"):  # rglob does not follow the links
            inside = file.relative_to(folder).with_suffix("").parts
            found[".".join((package, *inside)).removesuffix(".__init__")] = file
    return found


MODULES = _modules()


def _imports(file: Path) -> Iterator[str]:
    """Full names of what a file imports at run time, inside functions too."""
    pending: list[ast.AST] = [ast.parse(file.read_text(), str(file))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)  # the body is for type checkers only
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield from (f"{start}.{alias.name}" for alias in node.names)
        pending.extend(ast.iter_child_nodes(node))


def _module_of(name: str) -> str | None:
    """`mosel_gym.types.Task` -> `mosel_gym.types`; None for other packages."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


def _layer(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def test_import_is_silent_light_and_asks_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, mosel_gym\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not heavy, f'import mosel_gym loaded {heavy}'\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,  # a prompt would end in EOFError
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == [], "importing must not write to the home or current folder"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_run_one_way(module: str) -> None:
    layer = _layer(module)
    assert layer in MAY_IMPORT, f"{module}: say in MAY_IMPORT what the layer {layer!r} may import"
    allowed = MAY_IMPORT[layer] | {layer}
    inner = {name for name in map(_module_of, _imports(MODULES[module])) if name}
    wrong = sorted(name for name in inner if _layer(name) not in allowed)
    assert not wrong, f"{module} must not import {wrong}; {layer} may import {sorted(allowed)}"


def test_simulators_have_one_importer_each() -> None:
    for module, file in MODULES.items():
        for name in _imports(file):
            only = ONLY_IMPORTERS.get(name.split(".")[0], module)
            assert module == only, f"{module} imports {name}; only {only} may"


def test_bare_folder_names_and_relative_imports_are_not_used() -> None:
    for module, file in MODULES.items():
        for name in _imports(file):
            first = name.split(".")[0]
            assert first not in ("agents", "wrappers", ""), f"{module}: write out mosel_gym.{name}"


def test_no_circles() -> None:
    graph = {
        module: {name for name in map(_module_of, _imports(file)) if name and name != module}
        for module, file in MODULES.items()
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())
