#!/usr/bin/env bash
# Fault injection: trawl dies at, or gets an error from, one system call after
# the other; then it is resumed and checked as in kill.sh.
#
#	faults.sh [CALLS]     the first CALLS calls of each kind and thread; default 5
#
# Needs bash, coreutils and strace, for the disk-full part root and mount, for
# the lock sqlite3; what is not there or not permitted is skipped with a word.
# Only trawl itself is traced: strace lets go of a child at its execve, so
# supervisors and trials run on undisturbed. Exit status 1 if anything was wrong.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/kill/lib.sh"
calls=${1:-5}
ready
reference
kills=0 missed=0 errors=0 skipped=
unclear=0

complain() {
	echo "$dir: $*"
	unclear=$((unclear + 1))
}

fresh() {
	round=$((${round:-0} + 1))
	dir=$work/$round
	sweep "$dir"
	cd "$dir" || exit 1
}

# finish: goes on to the end and checks.
finish() {
	timeout 120 "$TRAWL" $(verb) >out3 2>&1 || complain "going on: exit $?: $(tail -1 out3)"
	check "$dir" || { echo "$dir: $*"; return; }
	cd "$work" && rm -rf "$dir"
}

# inject WHAT: runs the sweep under strace with one injection.
inject() {
	{ timeout 120 strace -f -b execve -o trace -e "trace=${1%%:*}" -e "inject=$1" "$TRAWL" run -q k.yaml >out 2>&1; } 2>/dev/null
	status=$?
}


if ! strace -f -b execve -o /dev/null true 2>/dev/null; then
	skipped="$skipped; injection: strace -b execve does not work here"
else
	for call in fsync fdatasync pwrite64 rename,renameat,renameat2 clone,clone3,vfork flock mkdirat,mkdir openat sendmsg,write ftruncate unlinkat; do
		for n in $(seq "$calls"); do
			fresh
			inject "$call:signal=KILL:when=$n"
			if [ $status = 0 ]; then
				missed=$((missed + 1))
			else
				kills=$((kills + 1))
			fi
			finish "killed at call $n of $call"
			if [ $status = 0 ]; then break; fi # there are no more calls of this kind
		done
	done
	# Later ones, in the middle of the sweep: the writer's thread has made hundreds.
	for n in 20 50 100 150 200 250; do
		fresh
		inject "pwrite64:signal=KILL:when=$n"
		if [ $status = 0 ]; then missed=$((missed + 1)); else kills=$((kills + 1)); fi
		finish "killed at pwrite64 number $n"
	done
	for what in pwrite64:error=ENOSPC pwrite64:error=EIO fsync:error=EIO fdatasync:error=EIO; do
		for n in 1 3 9 30 80; do
			fresh
			inject "$what:when=$n+"
			if [ $status = 0 ]; then
				missed=$((missed + 1))
			else
				errors=$((errors + 1))
				grep -q '^trawl: \|^error: ' out || complain "$what at $n: exit $status, and not a word: $(tail -1 out)"
				grep -q '^panic\|^goroutine' out && complain "$what at $n: a panic"
			fi
			finish "$what from call $n on"
		done
	done
fi

# full: the disk fills up in the middle of a sweep.
full() {
	fresh
	mkdir disk
	if ! mount -t tmpfs -o size=3m none disk 2>/dev/null; then
		skipped="$skipped; full disk: mount is not permitted"
		return
	fi
	sweep "$dir/disk"
	cd disk || exit 1
	"$TRAWL" run -q k.yaml >"$dir/out" 2>&1 &
	pid=$!
	nap $((length / 3))
	dd if=/dev/zero of=filler bs=4k 2>/dev/null
	wait $pid
	status=$?
	full_says="exit $status: $(tail -1 "$dir/out")"
	[ $status != 0 ] || complain "the full disk stopped nothing"
	grep -qi 'full\|space\|disk' "$dir/out" || complain "full disk: $full_says"
	rm filler
	timeout 120 "$TRAWL" $(verb) >"$dir/out3" 2>&1
	status=$?
	if [ $status = 3 ]; then # trials that could not write their own output have failed
		timeout 120 "$TRAWL" retry k --state failed >"$dir/out3" 2>&1
		status=$?
	fi
	[ $status = 0 ] || complain "after the full disk: exit $status: $(tail -1 "$dir/out3")"
	restarts=yes # the ledger was on that disk: ends may lack, recorded ones do not
	awk '{ if ($1 == "start") print $1, $2, $3; print "end", $2 }' ledger | sort -u >whole
	for t in $(seq 24); do echo "end $t"; done >>whole
	cp whole ledger
	check "$dir/disk"
	restarts=
	cd "$work" && umount "$dir/disk" && rm -rf "$dir"
}

# locked: another program holds the write lock of the database for 25 s.
locked() {
	if ! command -v sqlite3 >/dev/null; then
		skipped="$skipped; foreign lock: no sqlite3"
		return
	fi
	fresh
	"$TRAWL" run -q k.yaml >out 2>&1 &
	pid=$!
	nap $((length / 3))
	{ echo 'PRAGMA busy_timeout=2000; BEGIN IMMEDIATE;'; sleep 25; echo 'ROLLBACK;'; } | sqlite3 trawl.db >/dev/null 2>lock.err &
	holder=$!
	nap 1000
	before=$(grep -c '^end' ledger)
	wait $pid
	status=$?
	[ -s lock.err ] && complain "the lock was not taken: $(cat lock.err)"
	[ $status = 0 ] || complain "foreign lock: exit $status: $(tail -1 out)"
	lock_says="$before trials had ended 1 s into it"
	wait $holder
	check "$dir" || { echo "$dir: foreign lock"; return; }
	cd "$work" && rm -rf "$dir"
}

full
locked
[ -z "$skipped" ] || echo "skipped${skipped}"
echo "full disk: ${full_says:-skipped}"
echo "foreign lock of 25 s: ${lock_says:-skipped}"
verdict "$kills kills at system calls and $errors errors of them ($missed had no such call)"
