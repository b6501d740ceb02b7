#!/usr/bin/env bash
# The rows of results/comparison.jsonl, from nothing: the same demonstrations train MOSEL's networks,
# those of the baselines and the stand-in for VLA-RL; `mosel eval` runs all of them on the same seeds.
# Run again, it goes on where it stopped. About two hours on two cores, 4 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1
OUT=${1:-runs/comparison}
MOSEL=.venv/bin/mosel
DATA=$OUT/data RUNS=$OUT/runs AGENTS=$OUT/agents
LIBERO="$DATA/Task6 $DATA/Task2"
HANDS="--model.cameras.hands left_camera right_camera"
JUDGE=mosel_gym/checkpoints/judges

# Demonstrations: seeds from 100000, which nothing is evaluated on.
$MOSEL collect --task 6 --seed 100000 --episodes 120 --only-successes --no-video --out "$DATA/Task6"
$MOSEL collect --task 2 --seed 100000 --episodes 120 --only-successes --no-video --out "$DATA/Task2"
$MOSEL collect --task MOSEL-RoboTwin-BeatBlock --seed 100000 --episodes 100 --only-successes --no-video \
  --cameras head_camera left_camera right_camera --out "$DATA/BeatBlock"

# MOSEL's networks, which HiP shares.
# shellcheck disable=SC2086
{
$MOSEL train video  --data $LIBERO --loop.steps 3500 --out "$RUNS/libero-video"
$MOSEL train policy --data $LIBERO --loop.steps 4000 --out "$RUNS/libero-policy-1"
$MOSEL train policy --data $LIBERO --start "$RUNS/libero-policy-1/policy.safetensors" \
  --planner "$RUNS/libero-video/planner.safetensors" --loop.steps 1200 --loop.lr 6e-4 \
  --out "$RUNS/libero-policy-2"
$MOSEL train video  --preset robotwin --data "$DATA/BeatBlock" --loop.steps 2000 --out "$RUNS/robotwin-video"
$MOSEL train policy --preset robotwin $HANDS --data "$DATA/BeatBlock" --loop.steps 3000 \
  --out "$RUNS/robotwin-policy"

# UniPi: whole tasks, imagined from the goal text, and MOSEL's inverse dynamics trained on with them.
$MOSEL train video --whole-task --model.frames 10 --data $LIBERO --loop.steps 2500 --out "$RUNS/libero-unipi-video"
$MOSEL train video --preset robotwin --whole-task --model.frames 10 --data "$DATA/BeatBlock" --loop.steps 1500 \
  --out "$RUNS/robotwin-unipi-video"
$MOSEL train policy --whole-task --data $LIBERO --start "$RUNS/libero-policy-2/policy.safetensors" \
  --loop.steps 1000 --loop.lr 6e-4 --out "$RUNS/libero-unipi-policy"
$MOSEL train policy --preset robotwin --whole-task --data "$DATA/BeatBlock" \
  --start "$RUNS/robotwin-policy/policy.safetensors" --loop.steps 800 --loop.lr 6e-4 \
  --out "$RUNS/robotwin-unipi-policy"

# PaLM-E: told the skill, shown no goal.
$MOSEL train policy --model.skill-id --model.skill-progress --augmentation.goal-dropout 1 \
  --data $LIBERO --loop.steps 2500 --out "$RUNS/libero-palme-policy"
$MOSEL train policy --preset robotwin $HANDS --model.skill-id --model.skill-progress \
  --augmentation.goal-dropout 1 --data "$DATA/BeatBlock" --loop.steps 2500 --out "$RUNS/robotwin-palme-policy"

# The stand-in for VLA-RL: cloned here, refined by PPO on ground-truth reward below.
$MOSEL train vla --data $LIBERO --loop.steps 3000 --out "$RUNS/libero-vla"
$MOSEL train vla --data "$DATA/BeatBlock" --loop.steps 2500 --out "$RUNS/robotwin-vla"
}
