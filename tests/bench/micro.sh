#!/bin/bash
#
# micro.sh SUBJECT: the microbenchmarks, with hardly any work.
#
#   rows          each row runs, alone and on four threads, and says how much it did
#   pairs         what it says is what the allocator was asked for
#   times         the driver has a time for each allocator, in a table and in files
#   instructions  its counts are the allocator's, and do not depend on how much is counted
#   failure       an allocator that fails gets no figure, and the driver says so
#   usage         what makes no sense is refused

set -u
DIR=$(mktemp -d) || exit 1
trap 'rm -rf "$DIR"' EXIT
unset LD_PRELOAD KMEM_OPTIONS
MICRO=$(cd "$(dirname "$0")/../.." && pwd)/bench/micro
export PYTHONDONTWRITEBYTECODE=1

fail()
{
	echo "FAIL: $*"
	[ ! -s "$DIR/out" ] || cat "$DIR/out"
	exit 1
}

driver()
{
	"$MICRO" --build "$BUILD" "$@" >"$DIR/out" 2>&1
}

# figures COLUMN: "row allocator figure" of the table that the driver wrote.
figures()
{
	python3 -c '
import csv, sys
for line in csv.DictReader(open(sys.argv[1])):
	print(line["row"], line["allocator"], line[sys.argv[2]] or "none")' "$DIR/csv" "$1"
}

rows()
{
	local name pairs threads n program done=0

	for program in micro micro-static; do
		"$BUILD/bench/$program" --list >"$DIR/list" || fail "$program --list"
		[ -z "$(cut -d' ' -f1 "$DIR/list" | sort | uniq -d)" ] || fail "a row is there twice"
		while read -r name pairs _ threads _; do
			for n in 1 4; do
				[ "$n$threads" = 1pairs ] || [ "$n$threads" = 4one ] && continue
				said=$(LD_PRELOAD=$([ $program = micro-static ] || echo "$LIBKMEM") \
					"$BUILD/bench/$program" --once "$name" 2 $n 2>"$DIR/out") ||
					fail "$program: $name on $n threads"
				[ "$said" = $((2 * pairs * n)) ] || fail "$name: $said pairs"
				done=$((done + 1))
			done
		done <"$DIR/list"
	done
	[ "$done" -gt 100 ] || fail "$done runs only"
	echo "PASS: $done runs"
}

# The warm-up is as large as what counts.
pairs()
{
	local row said

	for row in "pair/64 50 1" "pair/64 50 4" "lifo/64x100 3 1" "fifo/64x100 3 1" \
		"random/64x10000 1 1" "prodcon/64 5 2" "prodcon/64 5 8" "churn/64 3 1" "churn/64 3 4"; do
		# shellcheck disable=SC2086
		said=$(LD_PRELOAD=$COUNTS "$BUILD/bench/micro" --once $row 2>"$DIR/out") || fail "$row"
		grep -qx "malloc(64): $((2 * said))" "$DIR/out" || fail "$row: says $said pairs"
	done
	echo PASS
}

times()
{
	driver -n 3 --min-time 0.001 --threads 1,2 --lib libkmem-second="$LIBKMEM" --only '^(cache-)?pair/64' \
		--csv "$DIR/csv" --json "$DIR/json" --markdown "$DIR/md" || fail "the driver"
	figures cpu >"$DIR/figures"
	awk '!($3 > 0.1 && $3 < 1e6)' "$DIR/figures" | grep . && fail "these are no times"
	# Two rows on one and two threads; the C library, twice the shared library, and the archive.
	[ "$(wc -l <"$DIR/figures")" = 16 ] || fail "$(cat "$DIR/figures")"
	grep -q '^geometric mean' "$DIR/out" || fail "no mean"
	python3 -c '
import json, sys
rows = {row["name"]: row["samples"] for row in json.load(open(sys.argv[1]))["rows"]}
sys.exit(len(rows["cache-pair/64:2"]["libkmem-static"]["cpu"]) != 3)' "$DIR/json" || fail "not three rounds"
	grep -q '^| pair/64:2 |' "$DIR/md" || fail "no table"
	echo PASS
}

instructions()
{
	local n

	for n in 2000 4000; do
		driver --callgrind $n --only '^(pair/64|kmalloc/64)$' \
			--lib cheap="$CHEAP" --limit 0.01 --csv "$DIR/csv" ||
			fail "the driver"
		grep -q '0.01 of the best peer:$' "$DIR/out" || fail "nothing is above a limit of 0.01"
		figures instructions >"$DIR/figures.$n"
		[ "$(wc -l <"$DIR/figures.$n")" = 8 ] || fail "$(cat "$DIR/figures.$n")"
	done
	paste -d' ' "$DIR"/figures.[24]000 | awk '!($3 > 5 && $3 - $6 < 1 && $6 - $3 < 1)' | grep . &&
		fail "these differ"
	# Neither the row's own loop nor what a caller inherits is in them.
	awk '$2 == "cheap" && $3 > 12' "$DIR/figures.2000" | grep . && fail "so many by so little"
	# A row of object caches is malloc's own where there are none.
	awk '$2 == "glibc" { print $3 }' "$DIR/figures.2000" | uniq -c | grep -q '^ *2 ' ||
		fail "the C library has two figures for one row"
	echo PASS
}

failure()
{
	driver -n 1 --min-time 0.001 --threads 1 --lib refuses="$REFUSES" --only '^pair/(64|1048576)$' \
		--csv "$DIR/csv" && fail "not noticed"
	grep -q '^ *pair/1048576 on refuses: died of SIGSEGV' "$DIR/out" || fail "not said"
	figures cpu | awk '($1 == "pair/1048576" && $2 == "refuses") != ($3 == "none")' | grep . &&
		fail "figures that should not be there, or should"
	echo PASS
}

# refused COMMAND...: exit status 2, or 1 with a word about it.
refused()
{
	"$@" >"$DIR/out" 2>&1 && fail "accepted: $*"
	grep -qiE 'micro: |usage|unrecognized' "$DIR/out" || fail "not said: $*"
	grep -q Traceback "$DIR/out" && fail "$*"
}

usage()
{
	local program=$BUILD/bench/micro

	refused "$program" --once
	refused "$program" --once nothing 1
	refused "$program" --once pair/64 0
	refused "$program" --once pair/64 3x
	refused "$program" --once pair/64 1 65
	refused "$program" --once pair/8 1 2
	refused "$program" --once prodcon/64 1 3
	refused "$program" --no-such-option
	refused "$MICRO" --build "$BUILD" --only '^nothing$'
	refused "$MICRO" --build "$BUILD" --threads 3
	refused "$MICRO" --build "$BUILD" --threads x
	refused "$MICRO" --build "$BUILD" --threads 128
	refused "$MICRO" --build "$DIR" --list
	refused "$MICRO" --build "$BUILD" --lib none=/nonexistent.so --list
	echo PASS
}

"$1"
