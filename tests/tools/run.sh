#!/usr/bin/env bash
# run.sh: kmem run becomes the program, on the library next to it, with the options it was given.
set -u
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

quiet "$KMEM" run sh -c 'echo $$; cat /proc/$$/maps' >"$DIR/maps"
grep -q "$(realpath "$LIBKMEM")" "$DIR/maps" || fail "the library is not in the program"

start "$KMEM" run --slabinfo="$DIR/info.%p" --decay-ms=5 sleep 0
wait "$PID"
[ -s "$DIR/info.$PID" ] || fail "no slabinfo was written"
quiet "$KMEM" run --slab-info="$DIR/with blank" true
[ -s "$DIR/with blank" ] || fail "no slabinfo was written to a path with a blank"
python3 "$HERE/rows.py" "$DIR/with blank" || fail "slabinfo at exit"

"$KMEM" run --stats true 2>"$DIR/error"
grep -q '^kmem: peak RSS' "$DIR/error" || fail "no summary: $(cat "$DIR/error")"
quiet "$KMEM" run --slab-nomerge --numa=fake=2 true
"$KMEM" run -o stats=1 -- true 2>"$DIR/error"
grep -q '^kmem: peak RSS' "$DIR/error" || fail "no summary by -o: $(cat "$DIR/error")"
[ "$(KMEM_OPTIONS=decay_ms=7 "$KMEM" run -o stats=0 sh -c 'echo "$KMEM_OPTIONS"')" = \
	"decay_ms=7 stats=0" ] || fail "the caller's options are not kept"
[ "$(LD_PRELOAD=$REPORT "$KMEM" run sh -c 'echo "$LD_PRELOAD"')" = \
	"$(realpath "$LIBKMEM"):$REPORT" ] || fail "the caller's preload is not kept"
[ "$("$KMEM" run echo --help -o x)" = "--help -o x" ] || fail "the program's arguments"

"$KMEM" run sh -c 'exit 42'
[ $? = 42 ] || fail "the program's exit code"
refused 127 "$KMEM" run "$DIR/nothing"
refused 126 "$KMEM" run "$DIR"
refused 3 "$KMEM" run --library="$DIR/nothing" true

# Installed, the two are in directories of their own.
mkdir "$DIR/bin"
cp "$KMEM" "$DIR/bin"
refused 1 "$DIR/bin/kmem" run true
echo PASS
