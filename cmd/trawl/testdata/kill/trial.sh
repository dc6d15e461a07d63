#!/bin/sh
# One trial of the crash scripts: trial.sh DIR MS LOSS [tree]
#
# It appends "start TRIAL PID ATTEMPT" and, at its end, "end TRIAL PID" to
# DIR/ledger, each synced. An attempt that finds a process of an earlier attempt
# of its trial alive writes "twice TRIAL PID": its own start comes first, so of
# two attempts at least one sees the other. DIR stands in the command line of
# every process, by which what is left behind is found.
# With tree it keeps two descendants, one of which has left its session.
dir=$1 ms=$2 loss=$3

say() {
	echo "$*" | dd of="$dir/ledger" oflag=append conv=notrunc,fsync 2>/dev/null
}

kids=
if [ "$4" = tree ]; then
	sh "$dir/wait.sh" "$dir" &
	kids=$!
	setsid sh "$dir/wait.sh" "$dir" &
	kids="$kids,$!"
fi
say "start $TRAWL_TRIAL $$ $TRAWL_ATTEMPT $kids"
while read -r what trial pid _ others; do
	[ "$what $trial" = "start $TRAWL_TRIAL" ] && [ "$pid" != $$ ] || continue
	for p in $pid $(echo "$others" | tr , ' '); do
		if grep -qsF "$dir" "/proc/$p/cmdline"; then say "twice $TRAWL_TRIAL $p"; fi
	done
done <"$dir/ledger"
sleep "0.$ms"
echo "{\"loss\": $loss}"
say "end $TRAWL_TRIAL $$"
