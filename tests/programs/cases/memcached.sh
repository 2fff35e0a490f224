# what: memcached: four worker threads, eight clients, every value checked
# set: quick
# limit: 300
# needs: memcached /usr/bin/python3
#
# memcached takes its memory by the megabyte and has a slab allocator of its own above; connections,
# buffers and threads are what malloc sees.
# shellcheck shell=bash disable=SC2154 # start() sets $server

cat >client.py <<'PYTHON'
import hashlib, socket, sys, threading

port = int(sys.argv[1])
results = {}


def client(n):
    s = socket.create_connection(("127.0.0.1", port))
    f = s.makefile("rwb")
    good = 0
    for i in range(3000):
        key = b"k%d-%d" % (n, i % 700)
        value = hashlib.sha256(key + b"%d" % i).hexdigest().encode() * (1 + i % 40)
        f.write(b"set %s 0 0 %d\r\n%s\r\nget %s\r\n" % (key, len(value), value, key))
        f.flush()
        assert f.readline() == b"STORED\r\n"
        assert f.readline() == b"VALUE %s 0 %d\r\n" % (key, len(value))
        good += f.read(len(value) + 2) == value + b"\r\n"
        assert f.readline() == b"END\r\n"
        if i % 50 == 0:
            # A new connection each time: those are the server's blocks that come and go.
            s.close()
            f.close()
            s = socket.create_connection(("127.0.0.1", port))
            f = s.makefile("rwb")
    s.close()
    results[n] = good


threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(sorted(results.items()))
PYTHON

user=()
((EUID == 0)) && user=(-u nobody)
port=$(free_port)
start memcached.log memcached -l 127.0.0.1 -p "$port" -U 0 -t 4 -m 64 -v "${user[@]}"
wait_for 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
probe "$server"
/usr/bin/python3 client.py "$port"
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'set greeting 0 0 5\r\nhello\r\nget greeting\r\nincr none 1\r\nversion\r\nflush_all\r\nget greeting\r\nquit\r\n' >&3
tr -d '\r' <&3
exec 3<&-
stop "$server"
echo stopped
