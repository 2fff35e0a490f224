#!/usr/bin/env bash
# options.sh LIBRARY: KMEM_OPTIONS as a user meets it. An unknown option is reported once and by name,
# and does no harm to the known ones beside it; nothing else is ever written.
set -u
library=$1
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
status=0

# run OPTIONS COMMAND...: output in $directory/out and err
run() {
	local options=$1
	shift
	env LD_PRELOAD="$library" KMEM_OPTIONS="$options" "$@" >"$directory/out" 2>"$directory/err"
}

# expect NAME EXPECTED-STDERR
expect() {
	if [ "$(cat "$directory/err")" = "$2" ]; then
		echo "PASS: $1"
	else
		echo "FAIL: $1: on stderr:"
		cat "$directory/err"
		status=1
	fi
}

run "" /bin/true
expect "no options" ""
run "   " /bin/true
expect "blanks only" ""
run "nosuchoption=1" /bin/true
expect "unknown, with a value" "kmem: unknown option 'nosuchoption'"
run "nosuchoption" /bin/true
expect "unknown, without a value" "kmem: unknown option 'nosuchoption'"
run "nosuchoption=1 nosuchoption=2" /bin/true
expect "the same twice is reported once" "kmem: unknown option 'nosuchoption'"
run "one=1 two=2" /bin/true
expect "two unknown ones, in order" "kmem: unknown option 'one'
kmem: unknown option 'two'"
run "decay_ms=100" /bin/true
expect "a known one" ""

run "  bad=1   slabinfo=$directory/slabinfo  decay_ms=0 " /bin/true
expect "unknown beside known" "kmem: unknown option 'bad'"
if grep -q '^slabinfo - version: 2.1$' "$directory/slabinfo" 2>/dev/null; then
	echo "PASS: the known one took effect"
else
	echo "FAIL: slabinfo= beside an unknown option was not obeyed"
	status=1
fi

run "slabinfo=$directory/no/such/directory/file" /bin/true
code=$?
if [ $code -eq 0 ]; then
	echo "PASS: a file that cannot be written does not change the exit code"
else
	echo "FAIL: exit code $code where the slabinfo file cannot be written"
	status=1
fi

run "stats=1" /bin/true
if [ -s "$directory/err" ]; then
	echo "PASS: stats=1 writes a summary"
else
	echo "FAIL: stats=1 writes nothing"
	status=1
fi

# a value that is no number must not be taken for one silently, nor stop the program
run "decay_ms=abc" /bin/echo served
if [ "$(cat "$directory/out")" = "served" ]; then
	echo "PASS: a bad value does not stop the program"
else
	echo "FAIL: the program did not run with decay_ms=abc"
	status=1
fi
exit $status
