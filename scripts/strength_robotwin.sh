#!/usr/bin/env bash
# The agent `robotwin` that ships, for RoboTwin's three tool-use tasks, from nothing: fifty demonstrations of each of the
# nine skills that they need, and of two of them in a second scene; none of a long task. Then its rows. Run again, it goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1
OUT=${1:-runs/strength-robotwin}
MOSEL=.venv/bin/mosel
DATA=$OUT/data RUNS=$OUT/runs
HANDS="--model.cameras.hands left_camera right_camera"

# Beating begins with the hammer in the hand, and not always in the same place: nor will it be when the agent has taken it. (When these were
# made, the spread of the starts was none in depth.)
for t in 12 13 14 15 16 17 18 19 20; do
  spread=0
  case $t in 14 | 15) spread=0.015 ;; esac
  $MOSEL collect --task "MOSEL-RoboTwinSkill-$t" --seed $((320000 + 1000 * t)) --episodes 50 --only-successes --no-video \
    --start-spread-m $spread --cameras head_camera left_camera right_camera --out "$DATA/skill$t"
done

# Two of them once more, in the scene of Sweep-Block: the paper's list has them once, and here that is Push-Block's scene.
$MOSEL collect --task MOSEL-RoboTwin-SweepBlock --seed 345000 --episodes 50 --only-successes --no-video \
  --skills "pick up the brush with left hand" "hand over the brush" \
  --cameras head_camera left_camera right_camera --out "$DATA/extra-sweep"

# The weights that ship saw the two extra skills, and hands' views shifted by 1 px in place of 4, from policy-3 and video-2 on; demonstrations
# whose hands stand still before they close, and hold the hammer near its head, from policy-5 and video-3 on; and blows that end at the block,
# not ten centimetres above it, from policy-6 and video-4 on.
POLICY="--preset robotwin $HANDS --data $DATA"
VIDEO="--preset robotwin --data $DATA --model.widths 96 192 --model.codec.channels 16"
$MOSEL train policy $POLICY --loop.steps 6000 --out "$RUNS/policy-1"
$MOSEL train video $VIDEO --codec.loop.steps 1000 --loop.steps 3000 --out "$RUNS/video-1"
# Larger pictures for the policy, imagined goals, and the hands' views withheld now and then.
LARGE="$POLICY --model.size 96 --augmentation.hand-dropout 0.1 --loop.lr 8e-4"
$MOSEL train policy $LARGE --start "$RUNS/policy-1/policy.safetensors" --planner "$RUNS/video-1/planner.safetensors" \
  --loop.steps 6000 --out "$RUNS/policy-2"
$MOSEL train policy $LARGE --start "$RUNS/policy-2/policy.safetensors" --planner "$RUNS/video-1/planner.safetensors" \
  --loop.steps 3000 --out "$RUNS/policy-3"
$MOSEL train policy $LARGE --start "$RUNS/policy-3/policy.safetensors" --planner "$RUNS/video-1/planner.safetensors" \
  --loop.steps 4500 --out "$RUNS/policy-4"
$MOSEL train video $VIDEO --start "$RUNS/video-1/planner.safetensors" --loop.steps 1800 --loop.lr 8e-4 --out "$RUNS/video-2"
$MOSEL train policy $LARGE --start "$RUNS/policy-4/policy.safetensors" --planner "$RUNS/video-2/planner.safetensors" \
  --loop.steps 5000 --out "$RUNS/policy-5"
$MOSEL train video $VIDEO --start "$RUNS/video-2/planner.safetensors" --loop.steps 2000 --loop.lr 8e-4 --out "$RUNS/video-3"
$MOSEL train video $VIDEO --start "$RUNS/video-3/planner.safetensors" --loop.steps 1500 --loop.lr 8e-4 --out "$RUNS/video-4"
$MOSEL train policy $LARGE --start "$RUNS/policy-5/policy.safetensors" --planner "$RUNS/video-4/planner.safetensors" \
  --loop.steps 3500 --out "$RUNS/policy-6"
# The same once more, for longer.
$MOSEL train policy $LARGE --start "$RUNS/policy-6/policy.safetensors" --planner "$RUNS/video-4/planner.safetensors" \
  --loop.steps 7000 --out "$RUNS/policy-7"
# Two errors that the agent with policy-7 made with the hammer (docs/robotwin_trials.md): it holds it deeper between the fingers than any of these
# demonstrations, and it fetches it with the hand on whose side the block lies, whatever it is shown. So others, as many, take the place of some:
# in DEEP of the blows, in SIDES of the pick-ups as well, which are shown in the scene of the task, where the block lies on either side.
DEEP=$OUT/data-deep SIDES=$OUT/data-sides
COLLECT="$MOSEL collect --episodes 50 --only-successes --no-video --cameras head_camera left_camera right_camera"
take() { # demonstrations that stay, as links
  local from=$1 folder=$2 name
  mkdir -p "$folder"
  for name in "${@:3}"; do [ -e "$folder/$name" ] || cp -rl "$from/$name" "$folder/$name"; done
}
take "$DATA" "$DEEP" skill12 skill13 skill16 skill17 skill18 skill19 skill20 extra-sweep
for t in 14 15; do
  $COLLECT --task "MOSEL-RoboTwinSkill-$t" --seed $((320000 + 1000 * t)) --start-spread-m 0.02 --out "$DEEP/skill$t"
done
take "$DEEP" "$SIDES" skill14 skill15 skill16 skill17 skill18 skill19 skill20 extra-sweep
$COLLECT --task MOSEL-RoboTwin-BeatBlock --seed 346000 --skills "pick up the hammer with left hand" --out "$SIDES/skill12"
$COLLECT --task MOSEL-RoboTwin-BeatBlock --seed 347000 --skills "pick up the hammer with right hand" --out "$SIDES/skill13"
LAST="--preset robotwin $HANDS --model.size 96 --augmentation.hand-dropout 0.1 --loop.lr 8e-4 --planner $RUNS/video-4/planner.safetensors"
$MOSEL train policy $LAST --data "$DEEP" --start "$RUNS/policy-7/policy.safetensors" --loop.steps 7000 --loop.seed 1 --out "$RUNS/policy-8"
$MOSEL train policy $LAST --data "$SIDES" --start "$RUNS/policy-8/policy.safetensors" --loop.steps 5000 --loop.seed 2 --out "$RUNS/policy-9"

# What one hand does with the hammer, shown as the other hand would do it as well. Then pushing and sweeping from other holds of the tools: the agent
# holds them up to 1.3 cm off, and all of these demonstrations began from one hold. They and what comes before them are counted twice.
$MOSEL train policy $LAST --data "$SIDES" --mirror --start "$RUNS/policy-9/policy.safetensors" --loop.steps 6000 --loop.seed 6 --out "$RUNS/policy-10"
HELD=$OUT/data-held
take "$SIDES" "$HELD" skill12 skill13 skill14 skill15 skill16 skill17 skill19 extra-sweep
for t in 18 20; do
  $COLLECT --task "MOSEL-RoboTwinSkill-$t" --seed $((320000 + 1000 * t)) --start-spread-m 0.015 --out "$HELD/skill$t"
done
for name in skill18 skill19 skill20 extra-sweep; do
  [ -e "$HELD/$name-again" ] || cp -rl "$HELD/$name" "$HELD/$name-again"
done
$MOSEL train policy $LAST --data "$HELD" --mirror --start "$RUNS/policy-10/policy.safetensors" --loop.steps 5000 --loop.seed 8 --out "$RUNS/policy-11"

# Further tries differ from the first, and come sooner; and who stands still is not asked for ever.
$MOSEL pack --preset robotwin --retry-temperature 1.5 --stalled-below 0.02 --rise-steps 4 --video "$RUNS/video-4/planner.safetensors" \
  --policy "$RUNS/policy-11/policy.safetensors" --judge mosel_gym/checkpoints/judges/robotwin.safetensors \
  --card '{"information": "50 demonstrations of each of nine skills, of two of them with the block on either side, and of two others in another scene as well; those with the hammer also mirrored, as the other hand would do them; no long task"}' --out "$OUT/agent"

$MOSEL eval --agent "$OUT/agent" --label base --tasks robotwin --episodes 50 --seed 1000000 --no-video \
  --rows results/strength.jsonl --out "$OUT/eval/base"

# The first plans of Push-Block and Sweep-Block lack the hand-over; the agent finds that out by its own judge.
LONG="MOSEL-RoboTwin-PushBlock MOSEL-RoboTwin-SweepBlock"
$MOSEL improve-rounds --agent "$OUT/agent" --tasks $LONG --rounds 1 --target language --interactions 20 --check 0 \
  --no-control --out "$OUT/rounds"
$MOSEL eval --agent "$OUT/rounds/rounds/1/agent" --label "after round 1" --round 1 --tasks robotwin --episodes 50 \
  --seed 1000000 --no-video --rows results/strength.jsonl --out "$OUT/eval/after-1"

# A second round taught the policy of the agent of results/robotwin_fifth.jsonl from 50 judged interactions of each of the three, beside a control of as many steps on
# demonstrations alone. It was worth nothing (results/robotwin_policy_round.jsonl: +12 -13 of 150 against the control), so that it is not run here:
# improve-rounds --agent "$OUT/rounds/rounds/1/agent" --tasks robotwin --rounds 1 --target policy --interactions 50 --balance failures --demos "$SIDES" \
#   --replay-all --replay 0.5 --alpha 0 --steps 1000 --min-confidence 0.95 --quickest 0.7 --old-share 0.5 --check 0

$MOSEL bench strength
