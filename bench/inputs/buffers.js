// SPDX-License-Identifier: MIT
// The row node of bench/compare. Objects of JavaScript live in V8's own heap; what malloc sees are
// buffers, streams of zlib, hashes, strings from outside, the compiler, and threads with an engine of
// their own that take memory from each other.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const zlib = require('zlib');

const work = Number(isMainThread ? process.argv[2] : workerData.work);

function numbers(state) {
	return (limit) => {
		state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
		return (state >> 8) % limit;
	};
}

function churn(seed, count) {
	const below = numbers(seed), live = new Map(), hash = crypto.createHash('sha256');
	for (let i = 0; i < count; i++) {
		live.set(below(400), Buffer.alloc(1 + below(12000), i & 255));
		if (i % 64 === 0)
			hash.update(live.values().next().value);
	}
	return hash.digest('hex');
}

function documents(seed, count) {
	const below = numbers(seed), hash = crypto.createHash('md5');
	for (let i = 0; i < count; i++) {
		const list = Array.from({ length: 200 }, (_, n) => (
			{ n, name: 'x'.repeat(below(40)), part: below(1000) / 7 }));
		const text = JSON.stringify(list);
		const packed = zlib.deflateSync(text, { level: 1 });
		const again = JSON.parse(zlib.inflateSync(packed).toString());
		hash.update(again[below(200)].name + packed.length);
		for (const item of list)
			hash.update(crypto.createHash('md5').update(item.name).digest());
	}
	return hash.digest('hex');
}

if (!isMainThread) {
	parentPort.postMessage(churn(workerData.seed, 100 * work) + documents(workerData.seed, work));
} else {
	const results = [churn(1, 400 * work), documents(2, 3 * work)];
	let seeds = 2, left = 4;
	const next = () => {
		const seed = seeds++;
		const worker = new Worker(__filename, { workerData: { seed, work } });
		worker.once('message', (text) => { results[seed] = text; });
		worker.once('exit', () => {
			if (--left === 0)
				console.log(results.join('\n'));
			else if (left > 1)
				next();
		});
		worker.once('error', (error) => { throw error; });
	};
	next();
	next();
}
