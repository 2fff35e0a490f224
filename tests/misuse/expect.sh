#!/usr/bin/env bash
# expect.sh LIBRARY PROGRAM REPORT: PROGRAM, with LIBRARY preloaded, dies of SIGABRT and has written on
# stderr exactly one line, "kmem: BUG REPORT of ADDRESS", perhaps with more words after. REPORT is an
# extended regular expression for "<cache>: <fault>"; ADDRESS is the one that PROGRAM has said on stdout.
set -u
library=$1
program=$2
report=$3
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
ulimit -c 0

fail() {
	echo "FAIL: $(basename "$program"): $1"
	echo "stdout:"
	cat "$directory/out"
	echo "stderr:"
	cat "$directory/err"
	exit 1
}

{ LD_PRELOAD="$library" "$program" >"$directory/out" 2>"$directory/err"; } 2>/dev/null
code=$?
address=$(head -n 1 "$directory/out")
[[ $address =~ ^0x[0-9a-f]+$ ]] || fail "the program has not come to its misuse (exit code $code)"
[ $code -ne 0 ] || fail "the misuse of $address went unnoticed"
[ $code -eq $((128 + 6)) ] || fail "ended with $code, not by SIGABRT"
lines=$(wc -l <"$directory/err")
[ "$lines" -eq 1 ] || fail "$lines lines on stderr, not one"
grep -qE "^kmem: BUG ($report) of $address( .*)?\$" "$directory/err" ||
	fail "the line is not 'kmem: BUG $report of $address'"
echo "PASS: $(cat "$directory/err")"
