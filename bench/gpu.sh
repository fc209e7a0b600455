#!/usr/bin/env bash
# What a GPU does for Halfwatch, in under 8 minutes: what is there, equality with the reference engine, throughput by replicas, and
# time to result beside the default engine. Without a GPU it says so and measures, in small, what there is.
#   usage: bench/gpu.sh [node-gpu|webgpu|node|cpu]     default: the best that loads; run `npm run build` first
#   env:   SCENARIO (scenarios/quickstart.yaml)  SEEDS (16 on a GPU)  NODE (node)
set -uo pipefail
cd "$(dirname "$0")/.."
node=${NODE:-node}; halfwatch="dist/cli/main.js"
[ -f "$halfwatch" ] || { echo "bench/gpu.sh: no $halfwatch; run npm run build" >&2; exit 2; }
engine=tfjs${1:+:$1}
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}

echo "## halfwatch doctor"; timeout 60 "$node" "$halfwatch" doctor; echo
echo "## throughput"; out=$(timeout 210 "$node" dist/bench/gpu.js "$engine"); echo "$out"; echo
case $out in
  *"no GPU here"*) echo "There is no GPU here: the figures are of a CPU, or of a GPU that software imitates."; seeds=${SEEDS:-2} ;;
  device*) seeds=${SEEDS:-16} ;;
  *) echo "The engine $engine cannot be used here; doctor says why."; exit 0 ;;
esac

echo "## time to result"
scenario=${SCENARIO:-scenarios/quickstart.yaml}; folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
echo "| engine | seeds of $scenario, arm route | seconds |"; echo "|---|---|---|"
for which in "$engine" wasm; do
  begun=$(date +%s.%N)
  if timeout 100 "$node" "$halfwatch" run "$scenario" --arms route --seeds "$seeds" --engine "$which" --out "$folder/$which" --plain \
    >/dev/null 2>"$folder/log"; then seconds=$(echo "$(date +%s.%N) $begun" | awk '{printf "%.0f", $1 - $2}')
  else seconds="more than 100, or failed: $(tail -n 1 "$folder/log")"; fi
  echo "| $which | $seeds | $seconds |"
done
