# Common to the crash scripts: a sweep whose trials keep a ledger, and the
# checks after it. bash; sourced.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../../../.." && pwd)

# ready builds trawl, unless $TRAWL names one, and makes the working directory.
ready() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/trawl-crash.XXXXXX")
	if [ -z "${TRAWL:-}" ]; then
		TRAWL=$work/trawl
		(cd "$repo" && go build -o "$TRAWL" ./cmd/trawl) || exit 1
	fi
	unset TRAWL_DB
	export NO_COLOR=1
}

# Short sweeps have more trials, so short that they are started ahead of a slot.
trials=24 lengths='"010", "015", "020", "025", "030", "040", "050", "060"'
short() { trials=160 lengths='"000", "001", "002", "005"'; }

# sweep DIR [tree]: a fresh directory with a sweep of $trials trials, 4 at a time.
sweep() {
	mkdir -p "$1"
	cp "$here/trial.sh" "$1/trial.sh"
	echo 'while [ -d "$1" ] && [ ! -e "$1/over" ]; do sleep 1; done' >"$1/wait.sh"
	: >"$1/ledger"
	cat >"$1/k.yaml" <<-EOF
		name: k
		command: [sh, $1/trial.sh, $1, "\${param:ms}", "\${param:y}", ${2:-plain}]
		method: random
		seed: 5
		run_cap: $trials
		parallel: 4
		min_free: 0
		budget: {failures: off}
		metric: {name: loss, goal: minimize}
		parameters:
		  ms: {values: [$lengths]}
		  y: {min: 0.0, max: 1.0}
	EOF
}

# verb: how to go on: resume, or run where the kill came before there was a sweep.
verb() {
	if [ -e trawl.db ] && [ "$("$TRAWL" query --format csv "select count(*) n from sweeps where name = 'k' and spec <> ''" 2>/dev/null | tail -1)" = 1 ]; then
		echo resume -q k
	else
		echo run -q k.yaml
	fi
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

nap() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }

# processes DIR [PATTERN]: the living processes with DIR in their command line.
processes() {
	printf '%s\n' "$1" >"$work/marker"
	local f
	for f in $(grep -lasF -f "$work/marker" /proc/[0-9]*/cmdline); do
		f=${f#/proc/}
		f=${f%/cmdline}
		if [ -z "${2:-}" ] || grep -qas "$2" "/proc/$f/cmdline"; then echo "$f"; fi
	done
}

# outcome: what must be equal however often a sweep was killed.
outcome() {
	"$TRAWL" query --format csv "select id, state, class, objective, params, seed from trials where sweep = 'k' order by id"
}

# The sums over all sweeps.
lost=0 twice=0 alive=0 again=0 left=0 broken=0

# check DIR: adds what is wrong to the sums, prints it, and returns 1 then.
check() {
	local bad=0 n pids deadline l a g
	n=$("$TRAWL" query --format csv "select count(*) n from trials where state = 'finished'" | tail -1)
	if [ "$n" != $trials ]; then
		echo "$1: $n of $trials trials finished"
		lost=$((lost + trials - n)) bad=1
	fi
	n=$("$TRAWL" query --format csv "select (select count(*) from (select trial from attempts where state = 'finished' group by trial having count(*) > 1)) + (select count(*) from (select trial from metrics group by trial, attempt, name, step having count(*) > 1)) n" | tail -1)
	if [ "$n" != 0 ]; then
		echo "$1: $n recorded twice"
		twice=$((twice + n)) bad=1
	fi
	# A trial may end and lose its supervisor before that has seen it: where
	# supervisors die ($restarts), "again" is what started after a recorded end.
	read -r l a g < <(awk -v trials=$trials '
		$1 == "start" { s[$2]++ }
		$1 == "end" { e[$2]++ }
		$1 == "twice" { t++ }
		END {
			for (i = 1; i <= trials; i++) { if (!e[i]) lost++; if (e[i] > 1 || s[i] > 1) more++ }
			print lost+0, t+0, more+0
		}' "$1/ledger")
	if [ -n "${restarts:-}" ]; then
		g=$("$TRAWL" query --format csv "select count(*) n from attempts a join attempts b on a.trial = b.trial and b.attempt > a.attempt where a.state = 'finished'" | tail -1)
	fi
	if [ "$l$a$g" != 000 ]; then
		echo "$1: ledger: $l without an end, $a alive twice, $g executed again"
		lost=$((lost + l)) alive=$((alive + a)) again=$((again + g)) bad=1
	fi
	deadline=$(($(now_ms) + 3000))
	while pids=$(processes "$1"); [ -n "$pids" ]; do
		if [ "$(now_ms)" -gt $deadline ]; then
			echo "$1: left behind:" $pids
			left=$((left + $(echo "$pids" | wc -l))) bad=1
			break
		fi
		sleep 0.02
	done
	if ! "$TRAWL" verify k >"$1/verify.out" 2>&1; then
		echo "$1: verify:" "$(head -3 "$1/verify.out")"
		broken=$((broken + 1)) bad=1
	fi
	if ! outcome | cmp -s - "$work/reference.csv"; then
		echo "$1: the results differ from those of the sweep that nobody killed"
		broken=$((broken + 1)) bad=1
	fi
	return $bad
}

# reference: runs a sweep that nobody disturbs; sets length, in ms.
reference() {
	sweep "$work/0" "$@"
	cd "$work/0" || exit 1
	local began
	began=$(now_ms)
	"$TRAWL" run -q k.yaml >out 2>&1 || { cat out; exit 1; }
	length=$(($(now_ms) - began))
	outcome >"$work/reference.csv"
	check "$work/0" || exit 1
}

# verdict WORDS…: the summary line, the exit status, and the cleaning up.
verdict() {
	echo "$*, $lost lost, $twice recorded twice, $alive alive twice, $again executed again, $left processes left, $broken databases wrong"
	if [ $((lost + twice + alive + again + left + broken + ${unclear:-0})) -gt 0 ]; then
		echo "kept: $work"
		exit 1
	fi
	cd / && rm -rf "$work"
}
