#!/usr/bin/env bash
# Trials that misbehave, beside some that do not: each must end in the right
# state and class, leave nothing alive and disturb no other.
#
#	hostile.sh
#
# Needs bash, coreutils and util-linux (setsid). Exit status 1 if anything was
# wrong.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/kill/lib.sh"
ready
dir=$work/hostile
mkdir -p "$dir/bin"
cd "$dir" || exit 1
cp "$(command -v sleep)" linger # its command line holds the directory
kinds= expect=

# trial NAME STATE [CLASS]: a kind of trial; its script comes on stdin. $L lives
# for long, $dir is this directory.
trial() {
	{ echo '#!/bin/sh'; echo "dir=$dir L='$dir/linger 1000'"; cat; } >"bin/$1"
	chmod +x "bin/$1"
	kinds="$kinds, $1" expect="$expect$1,$2,${3:-}
"
}

loss='echo "{\"loss\": 0.5}"'
trial ignores_sigterm failed timeout <<<'trap "" TERM INT HUP; while :; do $L; done'
trial ignores_all_below failed timeout <<<'sh -c "trap \"\" TERM; while :; do $L; done" & trap "" TERM; while :; do wait; done'
trial stops_itself failed timeout <<<'kill -STOP $$; $L'
trial double_forks finished <<<"( (\$L &) & ); $loss"
trial leaves_session finished <<<"setsid \$L & $loss"
trial sheds_environment finished <<<"env -i setsid \$L & env -i sh -c 'setsid '\$dir'/linger 1000 >/dev/null 2>&1 </dev/null &'; $loss"
trial daemon_keeps_output finished <<<"setsid sh -c 'while :; do echo noise; '\$dir'/linger 0.05; done' & $loss"
trial many_children finished <<<"i=0; while [ \$i -lt 200 ]; do \$L & i=\$((i+1)); done; $loss"
trial prints_1_gb finished <<<"yes 'a line of a talkative program, which says nothing' | head -c 1000000000; echo; $loss"
trial line_of_100_mb finished <<<"head -c 100000000 /dev/zero | tr '\\0' x; echo; $loss"
trial invalid_utf8 finished <<<"printf '\\377\\376 \\200{\"loss\": 3}\\n{\"l\\377ss\": 1}\\n\\000\\001\\n'; $loss"
trial says_nan diverged <<<"$loss; echo '{\"loss\": NaN}'"
trial says_1e400 diverged <<<"$loss; echo '{\"loss\": 1e400}'"
trial progress_bar finished <<<"printf '\\r 10%%\\r 50%%\\r{\"loss\": 0.5}\\r100%%\\n'"
trial exits_at_once failed no_objective <<<'exit 0'
trial exits_3 failed exit <<<"$loss; exit 3"
trial crashes failed signal <<<'kill -SEGV $$'
trial no_interpreter failed start <<<''
sed -i "1s,.*,#!$dir/nowhere," bin/no_interpreter
trial not_executable failed start <<<''
chmod -x bin/not_executable
trial missing failed start <<<''
rm bin/missing
for i in 1 2 3 4 5 6 7 8; do trial "neighbour_$i" finished <<<"echo '{\"loss\": 0.9}'; sleep 0.3; $loss"; done

cat >k.yaml <<EOF
name: k
command: ["$dir/bin/\${param:kind}", $dir]
method: grid
order: shuffled
parallel: 4
min_free: 0
timeout: 8s
stop: {grace: 300ms}
budget: {failures: off}
metric: {name: loss, goal: minimize}
parameters:
  kind: {values: [${kinds#, }]}
EOF

# peak PID: the largest resident size, in MB, of a process, as long as it lives.
peak() {
	local kb=0 now
	while now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status" 2>/dev/null) && [ -n "$now" ]; do
		kb=$now
		sleep 0.05
	done
	echo $((kb / 1024))
}

began=$(now_ms)
"$TRAWL" run -q k.yaml >out 2>&1 &
pid=$!
memory=$(peak $pid)
wait $pid
status=$?
took=$(($(now_ms) - began))
wrong=0
[ $status = 3 ] || { echo "exit $status; want 3: $(tail -1 out)"; wrong=$((wrong + 1)); }

"$TRAWL" query --format csv "select json_extract(params, '\$.kind') kind, state, coalesce(class, '') class from trials" | tail -n +2 | sort >got
printf %s "$expect" | sort >want
if ! diff want got >differences; then
	cat differences
	wrong=$((wrong + $(grep -c '^<' differences)))
fi
n=$("$TRAWL" query --format csv "select count(*) n from trials where state = 'finished' and (objective is null or objective <> 0.5)" | tail -1)
[ "$n" = 0 ] || { echo "$n finished trials with another loss than 0.5"; wrong=$((wrong + 1)); }
slow=$("$TRAWL" query --format csv "select count(*) n from trials where json_extract(params, '\$.kind') like 'neighbour%' and seconds > 5" | tail -1)
[ "$slow" = 0 ] || { echo "$slow neighbours took over 5 s"; wrong=$((wrong + 1)); }
big=$(du -sm trawl-runs | cut -f1)
[ "$big" -le 200 ] || { echo "the outputs take $big MB; want at most the limit of 64 MiB each"; wrong=$((wrong + 1)); }
deadline=$(($(now_ms) + 3000))
while pids=$(processes "$dir"); [ -n "$pids" ] && [ "$(now_ms)" -lt $deadline ]; do sleep 0.05; done
for p in $pids; do
	echo "left behind: $p: $(tr '\0' ' ' <"/proc/$p/cmdline")"
	left=$((left + 1))
done
"$TRAWL" verify k >verify.out 2>&1 || { cat verify.out; broken=1; }
unclear=$wrong
verdict "$(wc -l <want) trials, $wrong wrong, in $((took / 1000)).$((took % 1000 / 100)) s, trawl's peak memory $memory MB, outputs kept $big MB"
