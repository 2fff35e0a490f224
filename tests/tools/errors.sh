#!/usr/bin/env bash
# errors.sh: what cannot be looked at is told in one line, and by the exit code.
set -u
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

# as_nobody COMMAND...: as a user who may not look at ours.
as_nobody()
{
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# patched FIELD-OFFSET: a copy of the library whose root has another byte there.
patched()
{
	python3 - "$LIBKMEM" "$DIR/libother.so" "$1" <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.find(b"kmemroot")
assert at >= 0 and data.find(b"kmemroot", at + 1) < 0
data[at + int(sys.argv[3])] ^= 1
open(sys.argv[2], "wb").write(data)
END
}

echo "-- the command line"
refused 2 "$KMEM" nonsense
refused 2 "$KMEM" slabinfo
refused 2 "$KMEM" slabinfo --nonsense 1
refused 2 "$KMEM" slabinfo 1 2
refused 2 "$KMEM" run
refused 2 "$KMEM" run --nonsense true
refused 2 "$KMEM" run --slabinfo true
refused 2 "$KMEM" run --stats=1 true
"$KMEM" >/dev/null 2>&1
[ $? = 2 ] || fail "no command is no error"

start env LD_PRELOAD="$LIBKMEM" sleep 1000
ours=$PID
wait_for 10 is_asleep "$ours"

echo "-- not there"
true &
wait $!
refused 3 "$KMEM" slabinfo $!
refused 3 "$KMEM" slabinfo 0
refused 3 "$KMEM" slabinfo 99999999999999999999
refused 3 "$KMEM" slabinfo "$DIR/nothing"
python3 -c '
import os, sys, time
if os.fork():
    time.sleep(1000)' &
CHILDREN+=($!)
zombie_of()
{
	pgrep -P "$1" >"$DIR/zombie" && [ "$(state_of "$(cat "$DIR/zombie")")" = Z ]
}
wait_for 10 zombie_of $! || fail "no zombie"
refused 3 "$KMEM" slabinfo "$(cat "$DIR/zombie")"

echo "-- without the library"
start sleep 1000
wait_for 10 is_asleep "$PID"
refused 5 "$KMEM" slabinfo "$PID"

echo "-- another library"
for field in 8 44; do
	patched $field
	start env LD_PRELOAD="$DIR/libother.so" sleep 1000
	wait_for 10 is_asleep "$PID"
	refused 6 "$KMEM" slabinfo "$PID"
done

echo "-- no core"
echo text >"$DIR/text"
refused 7 "$KMEM" slabinfo "$DIR/text"
refused 7 "$KMEM" slabinfo "$KMEM"
refused 7 "$KMEM" slabinfo "$DIR"
if gdb_core "$ours"; then
	size=$(stat -c %s "$CORE")
	for part in 10 3000 $((size / 2)); do
		head -c "$part" "$CORE" >"$DIR/part"
		refused 7 "$KMEM" slabinfo "$DIR/part"
	done
else
	skip "no gdb to make a core file that is then cut short"
fi

echo "-- a core of a program that is another by now"
cp "${HELD}_archive" "$DIR/held"
mkdir "$DIR/held.reports"
start "$DIR/held" "$DIR/held.reports"
wait_for 10 is_stopped "$PID" || fail "$DIR/held does not stop"
cp "$CORE" "$DIR/kept.core"
gdb_core "$PID" || fail "no core of $DIR/held"
quiet "$KMEM" vmas "$CORE" >"$DIR/out"
kill -KILL "$PID"
python3 - "$DIR/held" <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.index(b"GNU\0", data.index(b"\x14\0\0\0\x03\0\0\0GNU\0"))
data[at + 4] ^= 1
open(sys.argv[1] + ".new", "wb").write(data)
END
mv "$DIR/held.new" "$DIR/held"
"$KMEM" vmas "$CORE" >"$DIR/out" 2>"$DIR/error" || fail "$(cat "$DIR/error")"
if ! grep -q 'is not the file that was mapped' "$DIR/error" ||
	! grep -q '^kmem: ~ .* names of' "$DIR/error"; then
	fail "a file with another build id is not told: $(cat "$DIR/error")"
fi
mv "$DIR/kept.core" "$CORE"

echo "-- output that cannot be written"
"$KMEM" slabinfo "$ours" >/dev/full 2>"$DIR/error"
[ $? = 1 ] || fail "a full disk is not noticed"

echo "-- not allowed"
if [ "$(id -u)" = 0 ]; then
	mkdir -m 755 "$DIR/open"
	cp "$KMEM" "$DIR/open/kmem"
	chmod 755 "$DIR" "$DIR/open/kmem"
	chmod 600 "$CORE"
	refused 4 as_nobody "$DIR/open/kmem" slabinfo "$ours"
	refused 4 as_nobody "$DIR/open/kmem" slabinfo "$CORE"
else
	refused 4 "$KMEM" slabinfo 1
fi
echo "PASS"
