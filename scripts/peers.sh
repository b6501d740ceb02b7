#!/usr/bin/env bash
# Environments of their own for other people's packages, which tests talk to: their pins differ from ours.
#   scripts/peers.sh openpi       -> .peers/openpi/bin/python
#   scripts/peers.sh lerobot      -> .peers/lerobot/bin/python, with the newest LeRobot for .venv's Python
#   scripts/peers.sh lerobot06    -> .peers/lerobot06/bin/python, on Python 3.12 (PYTHON312=/path/to/it)
# A peer that is there already is left as it is; to make it again, delete its folder.
set -euo pipefail
cd "$(dirname "$0")/.."
UV=${UV:-.venv/bin/uv}

# make NAME PYTHON PACKAGE...: built beside its place and moved there whole, so that a killed run
# leaves nothing that looks finished. A function named in $after is called with its Python before that.
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
  # shellcheck disable=SC2064  # this folder; after a failure gigabytes would stay
  trap "rm -rf '$PWD/$unfinished'" EXIT
  "$UV" venv --quiet --clear --relocatable --python "$python" "$unfinished"
  "$UV" pip install --quiet --python "$unfinished/bin/python" "$@"
  ${after:+"$after" "$unfinished/bin/python"}
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

# What the agent and the environments need and LeRobot does not bring, at our versions and without
# dependencies, so that LeRobot's pins stay; then this checkout, and the plug-ins LeRobot looks for.
beside_lerobot() {
  local python=$1 names plugins
  names="absl-py|bddl|contourpy|cycler|docstring-parser|easydict|etils|fast-simplification|fonttools"
  names+="|future|glfw|h5py|hf-libero|imageio|imageio-ffmpeg|importlib-metadata|kiwisolver|llvmlite"
  names+="|matplotlib|moviepy|mujoco|numba|numpy-quaternion|proglog|pyopengl|pyparsing|robomimic"
  names+="|robosuite|sapien|scipy|termcolor|thop|transforms3d|typeguard|tyro"
  # shellcheck disable=SC2046  # a list of words
  "$UV" pip install --quiet --python "$python" --no-deps "diffusers<0.40" \
    $(grep -E "^($names)==" requirements.lock)
  "$UV" pip install --quiet --python "$python" --no-deps -e .
  plugins=$(mktemp -d)
  "$python" -m mosel_gym.integrations.lerobot_plugins "$plugins" >/dev/null
  "$UV" pip install --quiet --python "$python" --no-deps "$plugins"/*
  rm -rf "$plugins"
}

lerobot() {
  after=beside_lerobot make lerobot .venv/bin/python "lerobot>=0.4.4"
}

lerobot06() {
  after=beside_lerobot make lerobot06 "${PYTHON312:-3.12}" "lerobot[dataset]>=0.6"
}

if [ $# -eq 0 ]; then
  echo "usage: scripts/peers.sh PEER..., of: openpi lerobot lerobot06" >&2
  exit 2
fi
for peer in "$@"; do
  case $peer in
    openpi | lerobot | lerobot06) "$peer" ;;
    *)
      echo "scripts/peers.sh: there is no peer '$peer'; there are: openpi lerobot lerobot06" >&2
      exit 2
      ;;
  esac
done
