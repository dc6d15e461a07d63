#!/usr/bin/env bash
# Kills trawl, its supervisors or both with SIGKILL at random instants of a sweep,
# resumes it, and checks that nothing was lost, done twice or left behind.
#
#	kill.sh [--short] [--supervisor | --both] N [SEED]
#
# Each of the N sweeps has 24 command trials, with --short 160 of a few
# milliseconds, 4 at a time, which keep a synced ledger of their starts and ends; kill/lib.sh has the checks. In a quarter of
# the sweeps the resume is killed, too. A sweep that ended before its instant
# came does not count. Needs bash and coreutils; TRAWL names a binary, else it
# is built. Exit status 1, and the directory kept, if anything was wrong.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/kill/lib.sh"

mode=trawl
if [ "${1:-}" = --short ]; then
	short
	shift
fi
case ${1:-} in
--supervisor) mode=supervisor; shift ;;
--both) mode=both; shift ;;
esac
want=${1:?usage: kill.sh [--short] [--supervisor | --both] N [SEED]}
seed=${2:-$(($(date +%s) % 32768))}
RANDOM=$seed
ready
tree=plain
[ $mode != trawl ] && tree=tree

# between LOW HIGH sets at; a subshell would draw the same again and again.
between() { at=$(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1))); }

supervisors() { processes "$1" __supervise; }

# killed PID DIR: kills what the mode says; false if it came too late.
killed() {
	local victims
	case $mode in
	trawl) kill -9 "$1" 2>/dev/null || return 1 ;;
	both)
		victims=$(supervisors "$2")
		kill -9 "$1" $victims 2>/dev/null || return 1 # those that were found die first or with it
		victims=$(supervisors "$2") # born in between
		[ -z "$victims" ] || kill -9 $victims 2>/dev/null
		;;
	supervisor)
		victims=($(supervisors "$2"))
		[ ${#victims[@]} -gt 0 ] || return 1
		orphan=${victims[$((RANDOM % ${#victims[@]}))]}
		below "$orphan" >"$2/tree"
		kill -9 "$orphan" 2>/dev/null || return 1
		;;
	esac
}

# below PID: its descendants, as "PID START-TIME".
below() {
	local p
	for p in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		echo "$p $(born "$p")"
		below "$p"
	done
}

born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f1,20; }

# tree_gone FILE: waits, at most 2 s, until none of the processes noted lives.
tree_gone() {
	local deadline=$(($(now_ms) + 2000)) p rest now any
	while :; do
		any=
		while read -r p _ rest; do
			now=$(born "$p")
			[ -n "$now" ] && [ "${now% *}" != Z ] && [ "${now#* }" = "$rest" ] && any="$any $p"
		done <"$1"
		[ -z "$any" ] && return 0
		if [ "$(now_ms)" -gt $deadline ]; then
			echo "$1: alive 2 s after the kill:$any"
			return 1
		fi
		sleep 0.02
	done
}

[ $mode != trawl ] && restarts=yes
reference $tree
kills=0 late=0 doubles=0 round=0 began=$(now_ms)
while [ $kills -lt "$want" ]; do
	round=$((round + 1))
	dir=$work/$round
	sweep "$dir" $tree
	cd "$dir" || exit 1
	"$TRAWL" run -q k.yaml >out 2>&1 &
	pid=$!
	between 1 "$length"
	nap $at
	if killed $pid "$dir" 2>/dev/null; then kills=$((kills + 1)); else late=$((late + 1)); fi
	if [ $mode = supervisor ]; then
		[ -e "$dir/tree" ] && { tree_gone "$dir/tree" || left=$((left + 1)); }
		wait $pid 2>/dev/null || { echo "$dir: exit $?: $(tail -1 out)"; unclear=$((${unclear:-0} + 1)); }
	else
		wait $pid 2>/dev/null
		between 1 "$length"
		[ $((RANDOM % 3)) = 0 ] && nap $at # trials end while no trawl is there
		if [ $((RANDOM % 4)) = 0 ]; then
			how=$(verb)
			"$TRAWL" $how >out2 2>&1 &
			pid=$!
			between 1 $((length / 2))
			nap $at
			if killed $pid "$dir" 2>/dev/null; then kills=$((kills + 1)) doubles=$((doubles + 1)); fi
			wait $pid 2>/dev/null
		fi
		timeout 120 "$TRAWL" $(verb) >out3 2>&1 || { echo "$dir: going on: exit $?: $(tail -1 out3)"; unclear=$((${unclear:-0} + 1)); }
	fi
	check "$dir" || { echo "$dir: round $round of seed $seed"; continue; }
	cd "$work" && rm -rf "$dir"
done
verdict "$kills kills of $mode ($doubles in a row, $late came late) in $((($(now_ms) - began) / 1000)) s, seed $seed"
