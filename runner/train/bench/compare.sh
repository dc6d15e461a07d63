#!/bin/sh
# Compares the built-in trainer with PyTorch and scikit-learn, in training
# examples per CPU-second, one thread each: softmax 784-10 and an MLP
# 784-256-128-10 on 8,000 images, mini-batches of 128, momentum 0.9; and 32 softmax
# models of the built-in trainer together with one alone. Prints the medians of
# interleaved passes side by side.
#
#   runner/train/bench/compare.sh [PASSES]       default 5
#
# Needs go, and from Debian: apt-get install python3-torch python3-sklearn.
# CORETYPE names the kernels of OpenBLAS that PyTorch is measured with besides
# its own choice; by default the best that there are for this processor: on Zen 4,
# Zen is faster than SkylakeX, Haswell and what OpenBLAS itself takes. Exit status
# 77 if something is missing.
set -eu
passes=${1:-5}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
python=${PYTHON:-/usr/bin/python3}
missing=
command -v go >/dev/null || missing="$missing go"
for module in numpy torch sklearn; do
	"$python" -c "import $module" 2>/dev/null || missing="$missing python3-$module"
done
if [ -n "$missing" ]; then
	echo "compare.sh: missing:$missing; want go and: apt-get install --no-install-recommends python3-torch python3-sklearn" >&2
	exit 77
fi
if [ -z "${CORETYPE:-}" ]; then
	CORETYPE=Haswell
	grep -q avx512vl /proc/cpuinfo 2>/dev/null && CORETYPE=SkylakeX
	grep -q AuthenticAMD /proc/cpuinfo 2>/dev/null && CORETYPE=Zen
fi
unset OPENBLAS_CORETYPE
echo "OpenBLAS takes by itself: $(OPENBLAS_VERBOSE=2 "$python" -c 'import numpy' 2>&1 | head -n 1)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/train.test" ./runner/train
data=$PWD/configs/examples/data

trawl() { # benchmark epochs
	(cd runner/train && "$work/train.test" -test.run '^$' -test.bench "^$1\$" -test.benchtime "$2x" |
		awk '{ for (i = 2; i <= NF; i++) if ($i == "examples/cpu-s") print $(i-1) }')
}

: >"$work/all"
pass=0
while [ "$pass" -lt "$passes" ]; do
	for model in softmax mlp; do
		epochs=20
		[ "$model" = mlp ] && epochs=4
		echo "$model trawl $(trawl "BenchmarkPace/model=$model" "$epochs")" >>"$work/all"
		[ "$model" = softmax ] && echo "$model fused $(trawl BenchmarkGroupPace/models=32 8)" >>"$work/all"
		echo "$model torch $("$python" "$here/compare.py" torch "$model" "$epochs" "$data")" >>"$work/all"
		echo "$model torch-$CORETYPE $(OPENBLAS_CORETYPE=$CORETYPE "$python" "$here/compare.py" torch "$model" "$epochs" "$data")" >>"$work/all"
		[ "$model" = mlp ] && echo "$model sklearn $("$python" "$here/compare.py" sklearn "$model" 2 "$data")" >>"$work/all"
	done
	pass=$((pass + 1))
done

median() { # model program
	awk -v m="$1" -v p="$2" '$1 == m && $2 == p { print $3 }' "$work/all" | sort -n |
		awk '{ x[NR] = $1 } END { print NR % 2 ? x[(NR+1)/2] : (x[NR/2] + x[NR/2+1]) / 2 }'
}
fused=$(median softmax fused)
printf '%-8s %-16s %14s %8s\n' model program examples/cpu-s 'trawl ×'
for model in softmax mlp; do
	own=$(median "$model" trawl)
	for program in trawl torch "torch-$CORETYPE" sklearn; do
		[ "$model$program" = softmaxsklearn ] && continue
		x=$(median "$model" "$program")
		awk -v m="$model" -v p="$program" -v x="$x" -v o="$own" 'BEGIN { printf "%-8s %-16s %14.0f %8.2f\n", m, p, x, o / x }'
	done
done
awk -v f="$fused" -v o="$(median softmax trawl)" 'BEGIN { printf "softmax  32 trials fused  %14.0f examples/cpu-s, %.2f × apart\n", f, f / o }'
