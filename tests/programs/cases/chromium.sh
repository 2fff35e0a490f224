# what: chromium, headless: a local page with scripts to its DOM, and to a picture
# set: full
# limit: 300
# needs: chromium
#
# Chromium defines malloc itself, over PartitionAlloc; what is ours is the loader's early calls and
# the libraries' odd ones, in eight or so processes forked from a zygote. Two mallocs in one process
# must not be given each other's blocks.
# shellcheck shell=bash disable=SC2154 # start() sets $server

cat >page.html <<'HTML'
<!doctype html><meta charset="utf-8"><title>page</title>
<style>body { font: 16px sans-serif } .box { width: 200px; height: 100px; background: #3050c0 }</style>
<body><h1>made</h1><canvas id="c" width="300" height="200"></canvas><div class="box"></div><div id="out"></div>
<script>
let list = [];
for (let i = 0; i < 200000; i++) list.push({ i, s: 'x' + i % 977 });
list.sort((a, b) => a.s < b.s ? -1 : a.s > b.s ? 1 : a.i - b.i);
const c = document.getElementById('c').getContext('2d');
for (let i = 0; i < 300; i++) { c.fillStyle = `rgb(${i % 256},${i * 7 % 256},99)`; c.fillRect(i, i * 3 % 200, 20, 20); }
let sum = 0;
for (const b of c.getImageData(0, 0, 300, 200).data) sum = (sum * 31 + b) % 1000003;
for (let i = 0; i < 500; i++) {
	const p = document.createElement('p');
	p.textContent = `paragraph ${i} ${list[i * 100].s} ${/(\d+)$/.exec(list[i].s)[1]}`;
	document.getElementById('out').append(p);
}
document.title = `${list.length} ${sum} ${JSON.stringify(list.slice(0, 2000)).length} ${document.querySelectorAll('p').length}`;
</script>
HTML
browser() {
	chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync \
		--disable-breakpad --disable-dev-shm-usage --user-data-dir="$CASE_WORK/profile" \
		--window-size=800,600 "$@"
}
browser --virtual-time-budget=5000 --dump-dom "file://$CASE_WORK/page.html" 2>dom.log >dom.html ||
	{ tail dom.log >&2 && fail "exit status $?"; }
grep -o '<title>.*</title>' dom.html
sha256sum <dom.html
browser --virtual-time-budget=5000 --screenshot="$CASE_WORK/page.png" "file://$CASE_WORK/page.html" >shot.log 2>&1
head -c 8 page.png | od -An -c
sha256sum <page.png

start idle.log browser --remote-debugging-port=0 about:blank
main=''
renderer() { main=$(pgrep -f -o "chromium/chromium .*--user-data-dir=$CASE_WORK/profile") && pgrep -f "type=renderer.*" -s 0; }
wait_for 30 renderer
renderer >/dev/null
probe "$main" "chromium: browser"
for process in $(pgrep -s 0 -f 'type=renderer'); do
	probe "$process" "chromium: renderer"
	break
done
kill -TERM "$main"

wait "$server" || :
grep -ahE 'Received signal|SEGV|FATAL' ./*.log || :
echo closed
