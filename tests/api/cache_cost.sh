#!/usr/bin/env bash
# cache_cost.sh PROGRAM: what objects cost, taking and giving back together, in instructions of
# callgrind. A bulk call is cheaper than single ones: by much where the thread's sheaf has the objects,
# by less where most of the work is the slabs'. A cache is as cheap as malloc, one that came after all
# class numbers were taken a few times that. And one with a constructor saves what the constructor costs.
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

# compare MODE OTHER NUMBER PERCENT: OTHER costs at most PERCENT of MODE
compare() {
	local mode other
	mode=$(per_object "$1" "$3")
	other=$(per_object "$2" "$3")
	if [ -n "$mode" ] && [ -n "$other" ] && [ $((other * 100)) -le $((mode * $4)) ]; then
		echo -n "PASS"
	else
		echo -n "FAIL"
		status=1
	fi
	printf ': %4d objects: %s %d.%02d instructions an object, %s %d.%02d, at most %d%%\n' "$3" \
		"$1" $((mode / 100)) $((mode % 100)) "$2" $((other / 100)) $((other % 100)) "$4"
}

compare single bulk 16 90
compare single bulk 32 60
compare single bulk 60 40
compare single bulk 120 80
compare single bulk 1000 100
compare malloc single 16 110
compare single late 16 330
compare init ctor 16 40
exit $status
