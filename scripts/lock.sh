#!/usr/bin/env bash
# Writes requirements.lock: what pyproject.toml asks for, resolved once for Linux and Python 3.11.
# Names and versions only, so that it holds on any machine, whatever registry that one uses.
# Versions that are in the file already are kept, unless --upgrade is given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

resolve() {  # Python version, file, further options
    .venv/bin/uv pip compile pyproject.toml --extra all --extra dev "${@:3}" \
        --python-version "$1" --python-platform x86_64-manylinux_2_28 \
        --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
        --quiet --output-file "$2"
}

resolve 3.11 requirements.lock "$@"

if grep -nvE '^[a-z0-9._-]+==[A-Za-z0-9.!+]+$' requirements.lock; then
    echo "requirements.lock must hold names and versions only; see the lines above." >&2
    exit 1
fi

# One list serves both Pythons that the project names, or nobody can say what was tested.
other=$(mktemp)
trap 'rm -f "$other"' EXIT
cp requirements.lock "$other"
resolve 3.12 "$other"
diff requirements.lock "$other" || { echo "Python 3.12 needs another list (see above)." >&2; exit 1; }
