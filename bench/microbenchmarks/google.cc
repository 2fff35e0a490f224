/* SPDX-License-Identifier: MIT */
/*
 * google-benchmark for benchmarks in C: it decides how many rounds make a time, starts the threads,
 * and prints. Rounds are handed to a row many at a time, so that the loop around the calls is the
 * row's own.
 */
#include "micro.h"
#include <algorithm>
#include <benchmark/benchmark.h>

static void run_row(benchmark::State &state, const struct micro *row)
{
	const unsigned long rounds = std::max(1u, 256u / row->pairs);
	struct worker worker;

	worker_set_up(&worker, row, (unsigned int)state.thread_index());
	row->run(&worker, rounds); /* the first one is somewhat different */
	while (state.KeepRunningBatch((benchmark::IterationCount)rounds))
		row->run(&worker, rounds);
	worker_tear_down(&worker);
	state.SetItemsProcessed(state.iterations() * row->pairs);
}

int run_google(int argc, char **argv)
{
	const struct micro *row;

	for (size_t i = 0; (row = row_at(i)); i++) {
		auto *b = benchmark::RegisterBenchmark(row->name, run_row, row);

		b->UseRealTime();
		for (unsigned int t = row->threads == PAIRS_THREADS ? 2 : 1;
		     t <= (row->threads == ONE_THREAD ? 1 : MAX_THREADS); t *= 2)
			b->Threads((int)t);
	}
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	return benchmark::RunSpecifiedBenchmarks() ? 0 : 1;
}
