#!/usr/bin/env bash
# moving.sh: a program that changes all the time is looked at many times: each look ends soon, and with
# figures that are possible; what changed under it is told in lines of their own.
set -u
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

LOOKS=20
start env LD_PRELOAD="$LIBKMEM" "$BUSY"
sleep 0.5
changed=0
for ((i = 0; i < LOOKS; i++)); do
	for command in slabinfo buddyinfo zoneinfo vmas; do
		timeout 20 "$KMEM" $command "$PID" >"$DIR/seen" 2>"$DIR/error" ||
			fail "exit code $? of $command: $(cat "$DIR/error")"
		[ -s "$DIR/seen" ] || fail "$command said nothing"
		if grep -qv '^kmem: ~ ' "$DIR/error"; then
			fail "$command: $(cat "$DIR/error")"
		fi
		[ ! -s "$DIR/error" ] || changed=$((changed + 1))
		if [ $command = slabinfo ] && [ ! -s "$DIR/error" ]; then
			python3 "$HERE/rows.py" "$DIR/seen" >/dev/null || fail "a row of slabinfo"
		fi
	done
done

# It ends while it is looked at.
for ((i = 0; i < 5; i++)); do
	start env LD_PRELOAD="$LIBKMEM" "$BUSY"
	sleep 0.2
	(sleep 0.0$i; kill -KILL "$PID") &
	for ((k = 0; k < 50; k++)); do
		timeout 20 "$KMEM" slabinfo "$PID" >"$DIR/seen" 2>"$DIR/error"
		rc=$?
		[ $rc = 0 ] && continue
		[ $rc = 3 ] || fail "exit code $rc of a process that ends: $(cat "$DIR/error")"
		break
	done
	[ $rc = 3 ] || fail "a process that was killed is still seen"
done
# It becomes another program while it is followed.
start env LD_PRELOAD="$LIBKMEM" bash -c 'read -r -t 1 <> <(:); exec env -u LD_PRELOAD sleep 1000'
sleep 0.3
timeout 20 "$KMEM" slabinfo --refresh 0.05 --output "$DIR/followed" "$PID" 2>"$DIR/error"
rc=$?
[ $rc = 3 ] || fail "exit code $rc when the program changed: $(cat "$DIR/error")"
echo "ok, 3: $(cat "$DIR/error")"

echo "PASS: $LOOKS looks, $changed with figures that changed"
