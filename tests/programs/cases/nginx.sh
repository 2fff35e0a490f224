# what: nginx: a master, three workers, reload under load, files compared
# set: quick
# limit: 300
# needs: nginx /usr/bin/python3
#
# Workers are forked from a master that has read its configuration on our heap, and change user; a
# reload starts new ones from the same master while the old ones finish.
# shellcheck shell=bash disable=SC2154 # start() sets $server

mkdir -p files
for i in 1 2 3 4 5 6 7 8; do
	seq 1 $((i * i * 2000)) >"files/$i.txt"
done
port=$(free_port)
cat >nginx.conf <<CONF
$( ((EUID == 0)) && echo 'user nobody nogroup;')
worker_processes 3;
daemon off;
pid $CASE_WORK/nginx.pid;
error_log $CASE_WORK/nginx-error.log notice;
events { worker_connections 256; }
http {
	access_log $CASE_WORK/nginx-access.log;
	client_body_temp_path $CASE_WORK/tmp/body;
	proxy_temp_path $CASE_WORK/tmp/proxy;
	fastcgi_temp_path $CASE_WORK/tmp/fastcgi;
	uwsgi_temp_path $CASE_WORK/tmp/uwsgi;
	scgi_temp_path $CASE_WORK/tmp/scgi;
	gzip on;
	gzip_types text/plain;
	server {
		listen 127.0.0.1:$port;
		location / { root $CASE_WORK/files; autoindex on; }
		location /again/ { proxy_pass http://127.0.0.1:$port/; proxy_buffering on; }
	}
}
CONF
cat >client.py <<'PYTHON'
import gzip, hashlib, http.client, sys, threading

port = int(sys.argv[1])
seen = {}
lock = threading.Lock()


def client(n):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for i in range(120):
        path = ("/", "/again/")[i % 2] + "%d.txt" % (1 + (i + n) % 8)
        packed = i % 3 == 0
        for again in range(5):
            # A worker that is told to go may close an idle connection under us: ask again.
            try:
                c.request("GET", path, headers={"Accept-Encoding": "gzip"} if packed else {})
                r = c.getresponse()
                body = r.read()
                break
            except (http.client.HTTPException, OSError):
                c.close()
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        if r.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with lock:
            seen.setdefault((path, r.status, hashlib.sha256(body).hexdigest()), []).append(1)
        if r.headers.get("Connection") == "close" or i % 20 == 19:
            c.close()
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)


threads = [threading.Thread(target=client, args=(n,)) for n in range(6)]
for t in threads:
    t.start()
for t in threads:
    t.join()
for (path, status, digest), n in sorted(seen.items()):
    print(path, status, digest, len(n))
PYTHON

start nginx.log nginx -p "$CASE_WORK" -c "$CASE_WORK/nginx.conf" -e "$CASE_WORK/nginx-error.log"
wait_for 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
probe "$server"
for worker in $(pgrep -P "$server"); do
	probe "$worker"
done
/usr/bin/python3 client.py "$port"
kill -HUP "$server"
/usr/bin/python3 client.py "$port" | sha256sum
for worker in $(pgrep -P "$server"); do
	kill -TERM "$worker"
done
sleep 0.5
# The master starts others in their place.
/usr/bin/python3 client.py "$port" | sha256sum
(cd files && sha256sum ./*)
stop "$server" QUIT
grep -c 'exited on signal' nginx-error.log || :
echo stopped
