# what: node: buffers, zlib and crypto in the thread pool, workers, children, WebAssembly
# set: full
# limit: 300
# needs: node
#
# V8 maps its own heap; array buffers, the thread pool, OpenSSL, zlib and each worker's isolate are
# ours, made in one thread and freed in another.
# shellcheck shell=bash

cat >work.js <<'JS'
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto'), zlib = require('zlib'), fs = require('fs');
const { execFileSync, fork } = require('child_process');
const sha = (s) => crypto.createHash('sha256').update(s).digest('hex');

function churn(seed, n) {
	let state = seed;
	const rnd = (m) => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % m;
	const live = new Map(), h = crypto.createHash('sha256');
	for (let i = 0; i < n; i++) {
		live.set(rnd(500), Buffer.alloc(1 + rnd(20000), i & 255));
		if (i % 100 === 0) h.update(live.values().next().value);
	}
	return h.digest('hex');
}

if (process.argv[2] === 'child') {
	process.once('message', (m) => { process.send(churn(m, 5000)); process.disconnect(); });
} else if (!isMainThread) {
	parentPort.postMessage(churn(workerData, 20000));
} else (async () => {
	const there = fs.readFileSync('/proc/self/maps', 'utf8').includes(process.env.CASE_LIB);
	fs.appendFileSync(process.env.CASE_PROBE, `${there ? 'yes' : 'no'} node (its own maps)\n`);

	console.log('main', churn(1, 30000));
	const text = JSON.stringify(Array.from({ length: 50000 }, (_, i) => ({ i, s: 'x'.repeat(i % 30), q: i / 7 })));
	console.log('json', sha(JSON.stringify(JSON.parse(text))));
	const packed = await Promise.all([1, 5, 9].map((level) => new Promise((yes, no) =>
		zlib.gzip(text, { level }, (e, b) => e ? no(e) : zlib.gunzip(b, (f, c) => f ? no(f) : yes(`${b.length} ${sha(c)}`))))));
	console.log('zlib', packed);
	console.log('brotli', sha(zlib.brotliDecompressSync(zlib.brotliCompressSync(text, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }))));
	const keys = await Promise.all(Array.from({ length: 8 }, (_, i) => new Promise((yes, no) =>
		crypto.scrypt('password', 'salt' + i, 32, { N: 4096 }, (e, k) => e ? no(e) : yes(k.toString('hex'))))));
	console.log('scrypt', keys);
	const workers = await Promise.all(Array.from({ length: 6 }, (_, i) => new Promise((yes, no) => {
		const w = new Worker(__filename, { workerData: i + 10 });
		w.once('message', yes).once('error', no);
	})));
	console.log('workers', workers);
	const children = await Promise.all(Array.from({ length: 3 }, (_, i) => new Promise((yes, no) => {
		const c = fork(__filename, ['child']);
		c.once('message', yes).once('error', no);
		c.send(i + 20);
	})));
	console.log('children', children);
	console.log('exec', sha(execFileSync('seq', ['1', '50000'])));
	const wasm = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2,
		127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11])));
	console.log('wasm', wasm.exports.add(40, 2));
	const shared = Array.from({ length: 40 }, (_, i) => new SharedArrayBuffer(1 << (i % 20)));
	console.log('shared', shared.reduce((n, b) => n + b.byteLength, 0));
})().catch((e) => { console.error(e); process.exit(1); });
JS
node work.js
