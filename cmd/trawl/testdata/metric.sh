#!/usr/bin/env bash
# How long `trawl metric` takes, from its start to its end, beside a program
# that does nothing.
#
#   cmd/trawl/testdata/metric.sh [TIMES]      default: 200
#
# Exit status: 0 if it is under 10 ms, 1 if not.
set -euo pipefail
export LC_ALL=C
times=${1:-200}
root=$(cd "$(dirname "$0")/../../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd "$root" && go build -o "$dir/trawl" ./cmd/trawl)
export TRAWL_METRICS=$dir/metrics.jsonl

each() { # each CMD…: microseconds of one call
  local start end
  start=$(date +%s%N)
  for _ in $(seq "$times"); do "$@"; done
  end=$(date +%s%N)
  echo $(((end - start) / times / 1000))
}
us=$(each "$dir/trawl" metric val_loss=0.3 step=2)
echo "trawl metric: $us µs; /bin/true: $(each /bin/true) µs"
[ "$(wc -l <"$TRAWL_METRICS")" = "$times" ]
((us < 10000))
