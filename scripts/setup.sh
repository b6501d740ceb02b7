#!/usr/bin/env bash
# Installs what is missing and nothing else: the system's headless GL libraries, .venv, and the
# packages of requirements.lock. Harmless to repeat; with nothing to do it takes under a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
venv=.venv
stamp=$venv/.setup-done

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

check_python() {
    command -v "$python" >/dev/null || die "no '$python' here; install Python 3.11 or name one: make setup PYTHON=python3.11"
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' ||
        die "'$python' is $("$python" --version); Python 3.11 to 3.13 is needed: make setup PYTHON=python3.11"
}

# The Debian packages that are missing, judged by whether their library loads.
missing_system_packages() {
    "$python" - <<'EOF'
import ctypes
import importlib.util
import sys

LIBRARIES = {  # package -> the library of it that is loaded at run time
    "libosmesa6": "libOSMesa.so.8",  # draws in software
    "libegl1": "libEGL.so.1",  # draws on a GPU
    "libegl-mesa0": "libEGL_mesa.so.0",
    "libgl1": "libGL.so.1",  # OpenCV, which robosuite imports, links it
    "libglib2.0-0": "libgthread-2.0.so.0",  # the same
}
if sys.platform == "linux":
    for package, library in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            print(package)
if importlib.util.find_spec("ensurepip") is None:
    print("python3-venv")
EOF
}

install_system_packages() {
    local missing
    missing=$(missing_system_packages | tr '\n' ' ')
    [ -n "${missing// /}" ] || return 0
    command -v apt-get >/dev/null ||
        die "missing: $missing(Debian's names). Install them with this system's package manager, then repeat."
    if [ "$(id -u)" -ne 0 ]; then
        say "system packages are missing, and installing them needs root. Run this, then repeat:"
        echo "sudo apt-get install -y $missing"
        exit 1
    fi
    say "installing system packages: $missing"
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    missing=$(missing_system_packages | tr '\n' ' ')
    [ -z "${missing// /}" ] || die "still missing after installing: $missing"
}

# What the environment was made from; it is made anew when any of it changes.
fingerprint() {
    "$python" --version
    pwd
    sha256sum requirements.lock pyproject.toml scripts/setup.sh
}

make_venv() {
    # A checkout that was moved, or another Python, needs a new one: its scripts hold absolute paths.
    local wanted made_for
    wanted="$("$python" --version) $(pwd)"
    if [ -x $venv/bin/python ] && { [ -x $venv/bin/pip ] || [ -x $venv/bin/uv ]; }; then
        # One that somebody made by hand is taken over, if it is of the same Python.
        made_for=$(cat $venv/.made-for 2>/dev/null || echo "$($venv/bin/python --version) $(pwd)")
        if [ "$made_for" = "$wanted" ]; then
            echo "$wanted" >$venv/.made-for
            return
        fi
    fi
    say "creating $venv with $("$python" --version)"
    "$python" -m venv --clear $venv
    echo "$wanted" >$venv/.made-for
}

find_uv() {
    if [ -x $venv/bin/uv ]; then
        echo $venv/bin/uv
    elif command -v uv >/dev/null; then
        command -v uv
    elif $venv/bin/python -m pip install --quiet --disable-pip-version-check "$(grep '^uv==' requirements.lock)" >&2; then
        echo $venv/bin/uv
    fi
}

install_packages() {
    local uv
    uv=$(find_uv)
    say "installing the packages of requirements.lock (torch is large: the first time takes minutes)"
    # --no-deps: the lock is complete, and leaves out two packages on purpose (see pyproject.toml).
    if [ -n "$uv" ]; then
        export UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-300}
        "$uv" pip install --python $venv/bin/python --no-deps -r requirements.lock
        "$uv" pip install --python $venv/bin/python --no-deps --no-build-isolation --quiet -e .
    else
        say "uv cannot be had; using pip, which is slower"
        grep -v '^uv==' requirements.lock | $venv/bin/python -m pip install --no-deps -r /dev/stdin
        $venv/bin/python -m pip install --no-deps --no-build-isolation --quiet -e .
    fi
}

check_python
install_system_packages
if [ -x $venv/bin/mosel ] && [ -x $venv/bin/python ] && [ "$(fingerprint)" = "$(cat $stamp 2>/dev/null)" ]; then
    exit 0
fi
make_venv
rm -f $stamp
install_packages
fingerprint >$stamp
say "done"
