#!/usr/bin/env bash
# bulk_cost.sh PROGRAM: what an object of a bulk call costs against one of single calls, in
# instructions of callgrind, taking and giving back together. A bulk call must be cheaper: by
# much where the thread's sheaf has the objects, by less where most of the work is the slabs'.
set -u
program=$1
command -v valgrind >/dev/null || {
	echo "FAIL: valgrind is not there"
	exit 1
}
status=0

# instructions MODE NUMBER ROUNDS
instructions() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null --soname-synonyms=somalloc=nouserintercepts \
		"$program" "$@" 2>&1 | sed -n 's/.*Collected : //p'
}

# per_object MODE NUMBER: hundredths of an instruction, warm
per_object() {
	local few many
	few=$(instructions "$1" "$2" 100) || return
	many=$(instructions "$1" "$2" 600) || return
	echo $(((many - few) * 100 / (500 * $2)))
}

# compare NUMBER PERCENT: bulk costs at most PERCENT of single
compare() {
	local single bulk
	single=$(per_object single "$1")
	bulk=$(per_object bulk "$1")
	if [ -n "$single" ] && [ -n "$bulk" ] && [ $((bulk * 100)) -le $((single * $2)) ]; then
		echo -n "PASS"
	else
		echo -n "FAIL"
		status=1
	fi
	printf ': %4d objects: single %d.%02d instructions an object, bulk %d.%02d, at most %d%%\n' "$1" \
		$((single / 100)) $((single % 100)) $((bulk / 100)) $((bulk % 100)) "$2"
}

compare 16 90
compare 32 60
compare 60 40
compare 120 80
compare 1000 100
exit $status
