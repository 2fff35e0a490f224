#!/usr/bin/env bash
# damaged.sh: damaged core files harm nobody.
set -u
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

cd "$DIR" || exit 1
ulimit -c unlimited 2>/dev/null
start "${HELD}_static" "$DIR"
wait_for 20 is_stopped "$PID" || fail "it does not stop: $(cat "$DIR/output")"
gdb_core "$PID" || kernel_core "$PID" || fail "no core file can be made here"
python3 "$HERE/damaged.py" "$KMEM" "$CORE" 60 || fail "see above"
echo PASS
