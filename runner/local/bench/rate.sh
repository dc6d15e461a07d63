#!/usr/bin/env bash
# How many trials per second `trawl run` starts, runs and records, 2 at a time,
# beside GNU parallel with a job log and a bare Go loop that records nothing.
#
#   runner/local/bench/rate.sh [TRIALS [PASSES]]      default: 3000 trials, 5 passes
#
# The passes are interleaved, and the medians of one run are compared. Files go
# below $BENCH_DIR (default /var/tmp), which should be a real disk. Exit status:
# 0 if both targets are met, 1 if not, 77 if a tool is missing.
set -euo pipefail
export LC_ALL=C
trials=${1:-3000} passes=${2:-5}
need_parallel=3.5 need_loop=0.70

root=$(cd "$(dirname "$0")/../../.." && pwd)
for tool in go parallel awk sort seq; do
  command -v "$tool" >/dev/null || { echo "rate.sh: $tool is missing (Debian: apt-get install ${tool/go/golang})" >&2; exit 77; }
done
dir=$(mktemp -d -p "${BENCH_DIR:-/var/tmp}" trawl-rate.XXXXXX)
trap 'rm -rf "$dir"' EXIT

(cd "$root" && go build -o "$dir/trawl" ./cmd/trawl && go build -o "$dir/execloop" ./runner/local/bench/execloop)

# sh takes one level of quotes away; the trial prints {"loss":0.5}.
line='echo {\"loss\":0.5}'
cat >"$dir/sweep.yaml" <<YAML
name: rate
command: [sh, -c, '$line']
method: grid
metric: {name: loss, goal: minimize}
parameters:
  i: {min: 1, max: $trials}
YAML

now() { date +%s%N; }
timed() { # timed NAME CMD…: appends the rate to NAME.rates
  local name=$1 start end
  shift
  start=$(now)
  "$@" >"$dir/$name.out" 2>"$dir/$name.err" </dev/null || { echo "rate.sh: $name:" >&2; tail -5 "$dir/$name.err" >&2; exit 1; }
  end=$(now)
  awk -v n="$trials" -v ns=$((end - start)) 'BEGIN { printf "%.1f\n", n / (ns / 1e9) }' >>"$dir/$name.rates"
}
with_parallel() { seq "$trials" | SHELL=/bin/sh parallel --will-cite -j2 -N0 -q --joblog "$dir/joblog" sh -c "$line"; }
with_loop() { "$dir/execloop" -n "$trials" -j 2 sh -c "$line"; }
with_trawl() { (cd "$dir/work$pass" && "$dir/trawl" run -j 2 ../sweep.yaml --db "$dir/work$pass/trawl.db"); }
finished() { "$dir/trawl" trials rate --db "$dir/work$pass/trawl.db" --json | awk '{ n += gsub(/"state": *"finished"/, "") } END { print n + 0 }'; }

for pass in $(seq "$passes"); do
  mkdir "$dir/work$pass" # nothing is removed between passes
  timed parallel with_parallel
  sleep 6 # it removes two files per job, and for 5 s ext4 steps over each when it makes new ones
  timed trawl with_trawl
  timed loop with_loop
  got=$(finished)
  [ "$got" = "$trials" ] || { echo "rate.sh: $got finished trials recorded; want $trials" >&2; exit 1; }
  printf 'pass %d: parallel %7s/s   trawl %7s/s   loop %7s/s\n' "$pass" \
    "$(tail -1 "$dir/parallel.rates")" "$(tail -1 "$dir/trawl.rates")" "$(tail -1 "$dir/loop.rates")"
done

median() { sort -n "$dir/$1.rates" | awk '{ v[NR] = $1 } END { m = int((NR + 1) / 2); print NR % 2 ? v[m] : (v[m] + v[m + 1]) / 2 }'; }
awk -v p="$(median parallel)" -v t="$(median trawl)" -v l="$(median loop)" -v np="$need_parallel" -v nl="$need_loop" \
  -v n="$trials" -v k="$passes" -v fs="$(stat -f -c %T "$dir")" -v cpus="$(nproc)" 'BEGIN {
  printf "medians of %d passes of %d trials, %d cores, %s:\n", k, n, cpus, fs
  printf "  parallel %8.1f/s\n  trawl    %8.1f/s\n  loop     %8.1f/s\n", p, t, l
  printf "  trawl / parallel %5.2f   (want at least %.2f)\n", t / p, np
  printf "  trawl / loop     %5.2f   (want at least %.2f)\n", t / l, nl
  exit !(t / p >= np && t / l >= nl)
}'
