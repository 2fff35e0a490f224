#!/usr/bin/env bash
# agree.sh SUBJECT: a program reports its figures and stops; the tool must see the same, to the byte, in
# the process and in its core files.
set -u
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/lib.sh"

# Cores are written to where the program was started.
cd "$DIR" || exit 1
ulimit -c unlimited 2>/dev/null

preloaded()
{
	start env LD_PRELOAD="$LIBKMEM:$REPORT" REPORT_DIR="$DIR" "$@"
}

# Idle, and past its start: then it may be asked.
ask_to_report()
{
	wait_for 20 "$@" || fail "it does not start: $(cat "$DIR/output")"
	wait_for 20 is_asleep "$PID" || fail "it does not settle"
	kill -s $(($(kill -l RTMIN) + 5)) "$PID"
}

started()
{
	grep -q "$1" "$DIR/output"
}

fill_redis()
{
	[ "$(redis-cli -s "$DIR/socket" eval "
		for i = 1, 20000 do redis.call('set', 'key' .. i, string.rep('x', i % 700)) end
		return 1" 0 2>&1)" = 1 ]
}

case $1 in
archive | static | stripped | static-pie)
	start "${HELD}_$1" "$DIR"
	;;
nodes)
	start env KMEM_OPTIONS=numa=fake=3 "${HELD}_archive" "$DIR"
	;;
preload)
	preloaded sleep 1000
	ask_to_report true
	;;
python)
	command -v python3 >/dev/null || skip "no python3"
	preloaded python3 -c '
import threading, time
text = [str(n) * (n % 50) for n in range(200000)]
threads = [threading.Thread(target=time.sleep, args=(1000,), daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
del text[::3]
print("started", flush=True)
time.sleep(1000)'
	ask_to_report started started
	;;
redis)
	command -v redis-server >/dev/null || skip "no redis-server"
	preloaded redis-server --port 0 --unixsocket "$DIR/socket" --save '' --dir "$DIR"
	ask_to_report fill_redis
	;;
dlopen)
	command -v python3 >/dev/null || skip "no python3"
	start python3 -c '
import ctypes, os, signal, sys
library = ctypes.CDLL(sys.argv[1])
for n in range(3000):
    library.libkmem_kmalloc(n, 0x1c01)
for name, function in [("slabinfo", "kmem_slabinfo_write"), ("buddyinfo", "buddyinfo_print"),
                       ("zoneinfo", "zoneinfo_print"), ("vmas", "vmallocinfo_print")]:
    fd = os.open(sys.argv[2] + "/" + name + ".own", os.O_WRONLY | os.O_CREAT)
    assert library["libkmem_" + function](fd) == 0
os.kill(os.getpid(), signal.SIGSTOP)' "$LIBKMEM" "$DIR"
	;;
*)
	fail "no subject $1"
	;;
esac
wait_for 20 is_stopped "$PID" || fail "it does not stop: $(cat "$DIR/output")"

# look TARGET: everything the tool says of it.
look()
{
	for command in slabinfo buddyinfo zoneinfo vmas; do
		[ -s "$DIR/$command.own" ] || fail "no report: $(cat "$DIR/output")"
		quiet "$KMEM" $command "$1" >"$DIR/$command.seen"
		diff -u "$DIR/$command.own" "$DIR/$command.seen" ||
			fail "$command of $1 differs from the program's own"
		quiet "$KMEM" $command --json "$1" >"$DIR/$command.json"
		python3 -m json.tool "$DIR/$command.json" >/dev/null || fail "$command: not JSON"
	done
	if [ -e "$DIR/cached.own" ]; then
		python3 -c '
import json, sys
for cache in json.load(open(sys.argv[1]))["caches"]:
    if cache["name"].startswith("held-"):
        print(cache["name"], cache["cached_objs"])' "$DIR/slabinfo.json" |
			diff -u "$DIR/cached.own" - || fail "objects in sheaves, of $1"
	fi
	python3 "$HERE/rows.py" "$DIR/slabinfo.seen" "$DIR/slabinfo.json" || fail "slabinfo of $1"
}

look "$PID"
cores=0
if gdb_core "$PID"; then
	look "$CORE"
	rm "$CORE"
	cores=$((cores + 1))
fi
if kernel_core "$PID"; then
	look "$CORE"
	cores=$((cores + 1))
fi
[ "$cores" != 0 ] || fail "there is neither gdb nor a plain core_pattern to make a core file"
echo "PASS: the process and $cores core files"
