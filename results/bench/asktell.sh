#!/usr/bin/env bash
# How many trials per second `trawl ask-tell` plans and records with random
# search over 5 parameters, beside Optuna on its SQLite storage; and what a
# trial costs when there are 10,000 of them.
#
#   results/bench/asktell.sh [TRIALS [PASSES [OPTUNA_TRIALS]]]   default: 10000 5 200
#
# The passes are interleaved, and the medians of one run are compared. Files go
# below $BENCH_DIR (default /var/tmp), which should be a real disk. Exit status:
# 0 if all targets are met, 1 if not, 77 if a tool is missing.
set -euo pipefail
export LC_ALL=C
trials=${1:-10000} passes=${2:-5} optuna_trials=${3:-200}
need=100 need_sync=25 need_growth=1.2

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
for tool in go awk sort seq; do
  command -v "$tool" >/dev/null || { echo "asktell.sh: $tool is missing" >&2; exit 77; }
done
python=
for p in "${PYTHON:-}" /usr/bin/python3 python3; do
  if [ -n "$p" ] && "$p" -c 'import optuna' 2>/dev/null; then python=$p; break; fi
done
[ -n "$python" ] || { echo "asktell.sh: Optuna is missing (Debian: apt-get install python3-optuna)" >&2; exit 77; }
dir=$(mktemp -d -p "${BENCH_DIR:-/var/tmp}" trawl-asktell.XXXXXX)
trap 'rm -rf "$dir"' EXIT

(cd "$root" && go build -o "$dir/trawl" ./cmd/trawl && go build -o "$dir/drive" ./results/bench/drive)
cat >"$dir/sweep.yaml" <<YAML
name: asktell
method: random
metric: {name: loss, goal: minimize}
parameters:
  lr: {min: 1e-5, max: 1.0, scale: log}
  momentum: {min: 0.0, max: 0.99}
  decay: {min: 0.0, max: 0.1}
  depth: {min: 1, max: 8}
  optimizer: [sgd, rmsprop, adam]
YAML

field() { sed -n 's/.*"'"$1"'": *\([0-9.eE+-]*\).*/\1/p'; }
drive() { # drive NAME FLAG…: one pass on a fresh database
  local name=$1
  shift
  rm -f "$dir"/t.db*
  (cd "$dir" && ./drive -n "$trials" ./trawl ask-tell sweep.yaml "$@") >"$dir/$name.out" 2>"$dir/$name.err" </dev/null ||
    { echo "asktell.sh: $name:" >&2; tail -5 "$dir/$name.err" >&2; exit 1; }
  field rate <"$dir/$name.out" >>"$dir/$name.rates"
  field early_us <"$dir/$name.out" >>"$dir/$name.early"
  field late_us <"$dir/$name.out" >>"$dir/$name.late"
}

for pass in $(seq "$passes"); do
  rm -f "$dir/optuna.db"
  "$python" "$here/optuna_random.py" "$optuna_trials" "$dir/optuna.db" >>"$dir/optuna.rates" 2>"$dir/optuna.err" ||
    { tail -5 "$dir/optuna.err" >&2; exit 1; }
  drive memory
  drive db --db "$dir/t.db"
  got=$("$dir/trawl" query --db "$dir/t.db" --format csv "select finished from sweeps where name = 'asktell'" | tail -1)
  [ "$got" = "$trials" ] || { echo "asktell.sh: $got finished trials recorded; want $trials" >&2; exit 1; }
  drive sync --db "$dir/t.db" --sync
  printf 'pass %d: optuna %7s/s   in memory %9.0f/s   --db %9.0f/s   --sync %9.0f/s\n' "$pass" "$(tail -1 "$dir/optuna.rates")" \
    "$(tail -1 "$dir/memory.rates")" "$(tail -1 "$dir/db.rates")" "$(tail -1 "$dir/sync.rates")"
done

median() { sort -g "$dir/$1" | awk '{ v[NR] = $1 } END { m = int((NR + 1) / 2); print NR % 2 ? v[m] : (v[m] + v[m + 1]) / 2 }'; }
awk -v o="$(median optuna.rates)" -v m="$(median memory.rates)" -v d="$(median db.rates)" -v s="$(median sync.rates)" \
  -v e="$(median db.early)" -v l="$(median db.late)" -v n="$trials" -v k="$passes" -v need="$need" -v ns="$need_sync" -v ng="$need_growth" \
  -v fs="$(stat -f -c %T "$dir")" -v cpus="$(nproc)" -v version="$("$python" -c 'import optuna; print(optuna.__version__)')" 'BEGIN {
  printf "medians of %d passes, %d trials, 5 parameters, %d cores, %s:\n", k, n, cpus, fs
  printf "  optuna %-8s %9.1f/s\n  in memory       %9.0f/s\n  --db            %9.0f/s\n  --db --sync     %9.0f/s\n", version, o, m, d, s
  printf "  --db / optuna        %6.0f   (want at least %d)\n", d / o, need
  printf "  --db --sync / optuna %6.0f   (want at least %d)\n", s / o, ns
  printf "  a trial: %.1f us behind 100, %.1f us at %d: %.2f   (want at most %.2f)\n", e, l, n, l / e, ng
  exit !(d / o >= need && s / o >= ns && l / e <= ng)
}'
