#!/usr/bin/env bash
# Environments of their own for other people's packages, which tests talk to: their pins differ from ours.
#   scripts/peers.sh openpi    -> .peers/openpi/bin/python
# A peer that is there already is left as it is; to make it again, delete its folder.
set -euo pipefail
cd "$(dirname "$0")/.."
UV=${UV:-.venv/bin/uv}

# make NAME PYTHON PACKAGE...: built beside its place and moved there whole, so that a killed run
# leaves nothing that looks finished.
make() {
  local name=$1 python=$2
  shift 2
  local place=.peers/$name
  if [ -x "$place/bin/python" ]; then
    echo "$place is there"
    return
  fi
  mkdir -p .peers
  local unfinished
  unfinished=$(mktemp -d ".peers/unfinished-$name-XXXXXX")
  "$UV" venv --quiet --clear --relocatable --python "$python" "$unfinished"
  "$UV" pip install --quiet --python "$unfinished/bin/python" "$@"
  if mv -T "$unfinished" "$place" 2>/dev/null; then
    echo "$place made"
  else
    rm -rf "$unfinished" # another run was faster
  fi
}

openpi() {
  # It imports typing_extensions without asking for it.
  make openpi .venv/bin/python openpi-client typing-extensions
}

if [ $# -eq 0 ]; then
  echo "usage: scripts/peers.sh PEER..., of: openpi" >&2
  exit 2
fi
for peer in "$@"; do
  case $peer in
    openpi) "$peer" ;;
    *)
      echo "scripts/peers.sh: there is no peer '$peer'; there is: openpi" >&2
      exit 2
      ;;
  esac
done
