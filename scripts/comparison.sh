#!/usr/bin/env bash
# The rows of the baselines in results/paper.jsonl, from nothing: the same demonstrations train MOSEL's networks,
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
  --augmentation.goal-dropout 1 --data "$DATA/BeatBlock" --loop.steps 1500 --out "$RUNS/robotwin-palme-policy"

# The stand-in for VLA-RL: cloned here, refined by PPO on ground-truth reward below.
$MOSEL train vla --data $LIBERO --loop.steps 3000 --out "$RUNS/libero-vla"
$MOSEL train vla --data "$DATA/BeatBlock" --loop.steps 1500 --out "$RUNS/robotwin-vla"
}

# Agents. The judges are the ones that ship.
card() { echo "{\"information\": \"$1\"}"; }
CUT_L="skills cut from 237 demonstrations of Task2 and Task6"
WHOLE_L="the same 237 demonstrations of Task2 and Task6, whole, named by their goal"
CUT_R="skills cut from 94 demonstrations of BeatBlock"
WHOLE_R="the same 94 demonstrations of BeatBlock, whole, named by the goal"
$MOSEL pack --video "$RUNS/libero-video/planner.safetensors" --judge $JUDGE/libero.safetensors \
  --policy "$RUNS/libero-policy-2/policy.safetensors" --card "$(card "$CUT_L")" --out "$AGENTS/libero/mosel"
$MOSEL pack --kind palm-e --policy "$RUNS/libero-palme-policy/policy.safetensors" --card "$(card "$CUT_L")" \
  --out "$AGENTS/libero/palm-e"
$MOSEL pack --kind unipi --video "$RUNS/libero-unipi-video/planner.safetensors" \
  --policy "$RUNS/libero-unipi-policy/policy.safetensors" --card "$(card "$WHOLE_L")" --out "$AGENTS/libero/unipi"
$MOSEL pack --preset robotwin --video "$RUNS/robotwin-video/planner.safetensors" --judge $JUDGE/robotwin.safetensors \
  --policy "$RUNS/robotwin-policy/policy.safetensors" --card "$(card "$CUT_R")" --out "$AGENTS/robotwin/mosel"
$MOSEL pack --preset robotwin --kind palm-e --policy "$RUNS/robotwin-palme-policy/policy.safetensors" \
  --card "$(card "$CUT_R")" --out "$AGENTS/robotwin/palm-e"
$MOSEL pack --preset robotwin --kind unipi --video "$RUNS/robotwin-unipi-video/planner.safetensors" \
  --policy "$RUNS/robotwin-unipi-policy/policy.safetensors" --card "$(card "$WHOLE_R")" --out "$AGENTS/robotwin/unipi"

# PPO on ground-truth reward, one agent a task: 100 episodes on LIBERO, 50 on RoboTwin, seeds from 200000.
refine() { # start, task, folder of agents
  $MOSEL train vla-rl --start "$RUNS/$1" --task "$2" --eval-episodes 0 --out "$AGENTS/$3/$2/vla-rl"
}
refine libero-vla MOSEL-LiberoLong-Task6 libero
refine libero-vla MOSEL-LiberoLong-Task2 libero
refine robotwin-vla MOSEL-RoboTwin-BeatBlock robotwin

# Trials: the seeds of the tables, so that `mosel bench` counts these rows too.
trials() { # label, agent, tasks
  $MOSEL eval --agent "$2" --label "$1" --tasks "${@:3}" --episodes 20 --seed 1000000 --no-video \
    --out "$OUT/eval/$(echo "$1 $2" | tr -c 'a-zA-Z0-9-\n' _)" --rows results/paper.jsonl
}
L="MOSEL-LiberoLong-Task2 MOSEL-LiberoLong-Task6" R=MOSEL-RoboTwin-BeatBlock
# shellcheck disable=SC2086
{
trials MOSEL  "$AGENTS/libero/mosel" $L
trials HiP    "hip:$AGENTS/libero/mosel" $L
trials PaLM-E "$AGENTS/libero/palm-e" $L
trials UniPi  "$AGENTS/libero/unipi" $L
for task in $L; do trials VLA-RL "$AGENTS/libero/$task/vla-rl" "$task"; done
trials "VLA, before RL" "$RUNS/libero-vla" $L
trials MOSEL  "$AGENTS/robotwin/mosel" $R
trials HiP    "hip:$AGENTS/robotwin/mosel" $R
trials PaLM-E "$AGENTS/robotwin/palm-e" $R
trials UniPi  "$AGENTS/robotwin/unipi" $R
trials VLA-RL "$AGENTS/robotwin/$R/vla-rl" $R
trials "VLA, before RL" "$RUNS/robotwin-vla" $R
}
$MOSEL compare --rows results/paper.jsonl
