#!/usr/bin/env bash
# Regret of trawl's samplers beside Optuna's on the functions of benchfn and on
# the recorded tables: medians, quartiles, and Wilcoxon's p for each pairing.
#
#   sweep/sampler/bench/compare.sh [SAMPLERS [SEEDS [OPTUNA_SAMPLERS]]]
#   default: tpe,random 20 tpe,random
#
# Optuna is the Python package of Debian (python3-optuna, 3.1), run by
# $PYTHON (default /usr/bin/python3); its CmaEsSampler needs python3-cmaes.
# Optuna takes seconds a run, so its results are kept in $BENCH_DIR/optuna.csv
# (default /var/tmp/trawl-bench) and only what is missing is run: the script can
# be stopped and started again. Tables are read from $TABLES (default
# ../shared/cases/tables beside the checkout), as scales of their levels on
# Optuna's side, or as unordered choices with CHOICES=1 (optuna-choices.csv).
# SECONDS_LEFT limits Optuna's side; then the exit status is 75 and the next call
# goes on. Exit status: 0 if tpe and cmaes reach their targets, 1 if not, 77 if a
# tool is missing.
set -euo pipefail
export LC_ALL=C
samplers=${1:-tpe,random} seeds=${2:-20} theirs=${3:-tpe,random}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
tables=${TABLES:-$root/../shared/cases/tables}
dir=${BENCH_DIR:-/var/tmp/trawl-bench}
python=${PYTHON:-/usr/bin/python3}
for tool in go "$python"; do
  command -v "$tool" >/dev/null || { echo "compare.sh: $tool is missing" >&2; exit 77; }
done
"$python" -c 'import optuna, scipy' 2>/dev/null || { echo "compare.sh: python3-optuna or python3-scipy is missing" >&2; exit 77; }
[[ ,$theirs, != *,cmaes,* ]] || "$python" -c 'import cmaes' 2>/dev/null ||
  { echo "compare.sh: python3-cmaes is missing" >&2; exit 77; }
mkdir -p "$dir"
cache=$dir/optuna.csv choices=()
if [[ ${CHOICES:-0} = 1 ]]; then cache=$dir/optuna-choices.csv choices=(--choices); fi

(cd "$root" && go build -o "$dir/regret" ./sweep/sampler/bench/regret)
"$python" "$here/optuna_run.py" --tables "$tables" --cache "$cache" --seeds "$seeds" --samplers "$theirs" \
  --seconds "${SECONDS_LEFT:-1e9}" "${choices[@]}"
"$dir/regret" -sampler "$samplers" -tables "$tables" -seeds "$seeds" > "$dir/trawl.csv"
names=$(for f in "$tables"/*.csv.gz; do basename "$f" .csv.gz; done | paste -sd,)
"$python" "$here/compare.py" "$dir/trawl.csv" "$cache" --tables "$names" --seeds "$seeds"
