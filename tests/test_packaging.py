"""The package is complete and importable from a wheel, an sdist and a checkout.

`agents/` and `wrappers/` lie beside `mosel_gym/` and are installed inside it, which is the kind of
arrangement that works on the author's machine only, unless it is built and installed elsewhere.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINKS = {"agents": ROOT / "agents", "wrappers": ROOT / "wrappers"}
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}:{sysconfig.get_path('scripts')}")

PROBE = """
import importlib, json, pathlib
names = ["mosel_gym", "mosel_gym.agents", "mosel_gym.wrappers"]
files = {name: importlib.import_module(name).__file__ for name in names}
root = pathlib.Path(files["mosel_gym"]).parent
data = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.suffix not in (".py", ".pyc"))
print(json.dumps({"files": files, "data": data}))
"""


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _packages_on_disk() -> set[str]:
    found = set()
    for folder, package in ((ROOT / "mosel_gym", "mosel_gym"), *_linked()):
        for init in folder.rglob("__init__.py"):  # rglob does not follow the links
            inside = init.parent.relative_to(folder).parts
            found.add(".".join((package, *inside)))
    return found


def _linked() -> list[tuple[Path, str]]:
    return [(folder, f"mosel_gym.{name}") for name, folder in LINKS.items()]


def _data_files() -> set[str]:
    """What has to be installed besides modules, relative to the package."""
    package = ROOT / "mosel_gym"
    assets = package / "envs" / "libero" / "assets"
    files = {package / "py.typed", *assets.glob("*.json*")}
    files |= {file for file in (package / "checkpoints").rglob("*") if file.is_file()}
    names = {str(file.relative_to(package)) for file in files}
    beside = (*(ROOT / "agents").rglob("*.md"), *(ROOT / "agents").rglob("*.json"))
    return names | {str(file.relative_to(ROOT)) for file in beside}


def _modules() -> set[str]:
    """Every module, under the path that it has once installed."""
    return {
        str(Path(*package.split("."), file.relative_to(folder)))
        for folder, package in ((ROOT / "mosel_gym", "mosel_gym"), *_linked())
        for file in folder.rglob("*.py")
    }


def test_every_package_is_listed() -> None:
    listed, on_disk = PYPROJECT["tool"]["setuptools"]["packages"], _packages_on_disk()
    missing, extra = sorted(on_disk - set(listed)), sorted(set(listed) - on_disk)
    assert not missing, f"add to [tool.setuptools] packages in pyproject.toml: {missing}"
    assert not extra, f"remove from [tool.setuptools] packages in pyproject.toml: {extra}"
    assert listed == sorted(set(listed)), "keep the list sorted, each package once"


def test_every_folder_with_code_is_a_package() -> None:
    folders = {
        file.parent for top in (ROOT / "mosel_gym", *LINKS.values()) for file in top.rglob("*.py")
    }
    bare = sorted(str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists())
    assert not bare, f"these folders need an __init__.py, or their code is not installed: {bare}"


@pytest.mark.parametrize("name", sorted(LINKS))
def test_links_are_relative_and_lead_to_the_real_folder(name: str) -> None:
    link = ROOT / "mosel_gym" / name
    assert link.is_symlink(), f"mosel_gym/{name} must be a link: ln -s ../{name} mosel_gym/{name}"
    assert str(link.readlink()) == f"../{name}"
    assert link.resolve() == LINKS[name]


def test_lock_names_versions_only_and_covers_every_dependency() -> None:
    lines = (ROOT / "requirements.lock").read_text().split("\n")[:-1]
    names = [line.split("==")[0] for line in lines]
    assert all(line.count("==") == 1 and "/" not in line and " " not in line for line in lines)
    project = PYPROJECT["project"]
    wanted = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    bare = {want.split("[")[0].split("=")[0].rstrip("<>~!") for want in wanted} - {"mosel-gym"}
    assert bare <= set(names), f"run `make lock`: {sorted(bare - set(names))} not in the lock"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel and an sdist, built from a copy so that the checkout stays clean."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("mosel_gym", "agents", "wrappers"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, tree)
    _run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--sdist", cwd=tree)
    (wheel,), (sdist,) = (tree / "dist").glob("*.whl"), (tree / "dist").glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def test_wheel_holds_each_file_once_and_all_of_them(built: dict[str, Path]) -> None:
    names = Counter(zipfile.ZipFile(built["wheel"]).namelist())
    wanted = _modules() | {f"mosel_gym/{file}" for file in _data_files()}
    assert [name for name, count in names.items() if count > 1] == []
    assert {name for name in names if ".dist-info/" not in name} == wanted


def test_sdist_holds_each_file_once_and_all_of_them(built: dict[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as archive:
        members = [member for member in archive.getmembers() if not member.isdir()]
    names = Counter(member.name.split("/", 1)[1] for member in members)
    python = {name for name in names if name.endswith(".py") and name != "setup.py"}
    assert [name for name, count in names.items() if count > 1] == []
    assert [member.name for member in members if member.issym()] == []
    assert python == {
        str(file.relative_to(ROOT))
        for top in (ROOT / "mosel_gym", *LINKS.values())
        for file in top.rglob("*.py")
    }
    data = {file if file.startswith("agents/") else f"mosel_gym/{file}" for file in _data_files()}
    assert data <= set(names)


@pytest.mark.skipif(UV is None, reason="needs uv beside this Python: pip install uv")
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_installs_into_a_clean_environment(
    kind: str, built: dict[str, Path], tmp_path: Path
) -> None:
    assert UV is not None
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    clean = tmp_path / "venv"
    _run(UV, "venv", "--quiet", "--offline", "--python", sys.executable, clean, cwd=tmp_path)
    # The dependencies come from the environment that runs the tests. A path in a .pth file is
    # searched, but the .pth files in it are not read, so the editable install there has no effect.
    (site,) = clean.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = clean / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation")
    _run(*install, "--no-cache", "--python", python, built[kind], cwd=elsewhere)

    found = json.loads(_run(python, "-I", "-c", PROBE, cwd=elsewhere))

    assert {str(Path(file).relative_to(site)) for file in found["files"].values()} == {
        "mosel_gym/__init__.py",
        "mosel_gym/agents/__init__.py",
        "mosel_gym/wrappers/__init__.py",
    }
    assert _data_files() <= set(found["data"])
    for generic in ("agents", "wrappers"):
        assert not (site / generic).exists(), f"a top-level {generic!r} must never be installed"
    assert (clean / "bin" / "mosel").exists()


def test_version_is_the_installed_one(built: dict[str, Path]) -> None:
    import mosel_gym

    assert built["wheel"].name.startswith(f"mosel_gym-{mosel_gym.__version__}-")
