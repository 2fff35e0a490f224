#!/bin/bash
#
# drivers.sh SUBJECT: the smaller drivers of benchmarks, with hardly any work.
#
#   scale         a row for each count, in the tables and in a file; a chart, if there is gnuplot
#   startup       a row for each allocator; a program that fails is no figure

set -u
DIR=$(mktemp -d) || exit 1
trap 'rm -rf "$DIR"' EXIT
unset LD_PRELOAD KMEM_OPTIONS
BENCH=$(cd "$(dirname "$0")/../.." && pwd)/bench
export PYTHONDONTWRITEBYTECODE=1

fail()
{
	echo "FAIL: $*"
	cat "$DIR/out"
	exit 1
}

# rows PATTERN: how many lines of the output match
rows()
{
	grep -cE "$1" "$DIR/out"
}

scale()
{
	"$BENCH/scale" --build "$BUILD" --objects 10000 --caches 300 --points 1 --steps 2000 -n 1 \
		--csv "$DIR/csv" --plot "$DIR/svg" >"$DIR/out" 2>&1 || fail "it failed"
	[ "$(rows '^ +1000(0)? +[0-9.]+ ')" = 2 ] || fail "two counts of objects were asked for"
	[ "$(rows '^ +(1|2|5|10|22|46|100|215) +[0-9.]+ ')" = 8 ] || fail "and eight of caches"
	[ "$(grep -c '^live,libkmem,' "$DIR/csv")" = 2 ] || fail "the file has other rows"
	[ "$(grep -c '^caches,libkmem,' "$DIR/csv")" = 8 ] || fail "the file has other rows"
	! command -v gnuplot >/dev/null || grep -q '</svg>' "$DIR/svg" || fail "there is no chart"
	! "$BUILD/bench/scale-live" 0 2>/dev/null || fail "no objects were measured"
	! "$BUILD/bench/scale-caches" 8001 2>/dev/null || fail "more caches than it can hold"
}

startup()
{
	"$BENCH/startup" --build "$BUILD" -n 3 >"$DIR/out" 2>&1 || fail "it failed"
	[ "$(rows '^(glibc|libkmem) +[0-9]+ +[+-][0-9]+ ')" = 2 ] || fail "two rows were expected"
	"$BENCH/startup" --build "$BUILD" -n 3 -- /bin/echo printed >"$DIR/out" 2>&1 ||
		fail "a program that prints"
	! grep -q printed "$DIR/out" || fail "what it prints is no result"
	! "$BENCH/startup" --build "$BUILD" -n 3 /bin/false >"$DIR/out" 2>&1 ||
		fail "a program that fails"
}

case ${1-} in
scale | startup) "$1" ;;
*) fail "no subject" ;;
esac
echo "PASS: $1"
