/*
 * threadchurn [THREADS]: threads that come, allocate, free and go.
 *
 * What a thread kept for itself must be given back when it ends, however it ends. Every batch does
 * the same work, so that what grows is lost and not the greatest batch so far: what malloc_trim()
 * leaves at the end may be at most 10% above what it left after the twentieth batch (half of that
 * is descriptors of pages never used before). Free memory that the process keeps without a trim
 * wanders by some 8%, with where the batches' last objects happened to lie; it may be at most 20%
 * above that of the batches after the tenth. The end of a thread itself is part of the test:
 * destructors of pthread keys, which set their key again so as to be called again and run in no
 * order that the allocator's own could rely on, and those of thread_local objects, free what the
 * thread held and allocate more.
 */
#include "stress.h"
#include <limits.h>
#include <string>
#include <vector>

static const size_t batch = 50;
static const size_t window = 40; /* batches whose mean RSS is taken: one alone has its luck */
static const size_t alone = 1;	 /* a thread outside of the batches, which uses no key */
static pthread_key_t first_key, late_key;
static pthread_barrier_t all_here;
static size_t late_frees;

/* The RSS once all has been given back that can be, in KiB. */
static size_t trimmed_kib()
{
	malloc_trim(0);
	return rss_kib();
}

static void *touched(size_t n)
{
	void *p = must(malloc(n));

	memset(p, 1, n);
	return p;
}

/* Called when the thread ends, up to PTHREAD_DESTRUCTOR_ITERATIONS times: frees, takes, and asks
 * for another call. */
static void key_destructor(pthread_key_t key, void *p)
{
	size_t round = *static_cast<size_t *>(p);

	free(p);
	free(touched(3000));
	free(touched(50000));
	__atomic_fetch_add(&late_frees, 1, __ATOMIC_RELAXED);
	if (round + 1 < PTHREAD_DESTRUCTOR_ITERATIONS) {
		size_t *next = static_cast<size_t *>(touched(100 * (round + 1)));

		*next = round + 1;
		CHECK(!pthread_setspecific(key, next), "pthread_setspecific");
	}
}

static void first_destructor(void *p)
{
	key_destructor(first_key, p);
}

static void late_destructor(void *p)
{
	key_destructor(late_key, p);
}

struct Local {
	std::vector<std::string> strings;
	std::string *more = nullptr;
	~Local()
	{
		for (auto &s : strings)
			CHECK(s == std::string(s.size(), 'l'), "a string changed");
		delete more;
		for (int i = 0; i < 20; i++)
			strings.emplace_back(100 * i, 'd');
		__atomic_fetch_add(&late_frees, 1, __ATOMIC_RELAXED);
	}
};

static thread_local Local local;

static void *thread(void *arg)
{
	uintptr_t id = reinterpret_cast<uintptr_t>(arg);
	uint64_t random = 1 + id;
	void *held[40] = {};

	if (id % 3 == 0) {
		for (int i = 0; i < 10; i++)
			local.strings.emplace_back(i * 37, 'l');
		local.more = new std::string(1000, 'm');
	}
	for (int i = 0; i < 300; i++) {
		uint64_t r = random_next(&random);
		size_t slot = r % 40;

		free(held[slot]);
		held[slot] = touched(r % 100 == 0 ? 60000 : 16 + (r >> 20) % 2000);
	}
	/* as many at once in every batch, or the batches could not be compared */
	if (id != alone)
		pthread_barrier_wait(&all_here);
	for (void *p : held)
		free(p);
	if (id % 2 == 0) {
		size_t *first = static_cast<size_t *>(touched(64));
		size_t *late = static_cast<size_t *>(touched(64));

		*first = *late = 0;
		CHECK(!pthread_setspecific(first_key, first), "pthread_setspecific");
		CHECK(!pthread_setspecific(late_key, late), "pthread_setspecific");
	}
	if (id % 7 == 0)
		pthread_exit(touched(300));
	return touched(200);
}

int main(int argc, char **argv)
{
	size_t total = argument(argc, argv, 1, 5000);
	size_t batches = (total + batch - 1) / batch;
	size_t early = 0, late = 0, early_trimmed = 0, late_trimmed, leaks;
	pthread_t threads[batch];

	require_provider();
	CHECK(batches >= 90, "at least %zu threads, or there is nothing to compare", 90 * batch);
	pthread_barrier_init(&all_here, nullptr, batch);
	/* one key made before the allocator's first thread, one after */
	CHECK(!pthread_key_create(&first_key, first_destructor), "pthread_key_create");
	free(finish(start(thread, reinterpret_cast<void *>(alone))));
	CHECK(!pthread_key_create(&late_key, late_destructor), "pthread_key_create");

	for (size_t b = 1; b <= batches; b++) {
		for (size_t t = 0; t < batch; t++)
			threads[t] = start(thread, reinterpret_cast<void *>(batch + t));
		for (size_t t = 0; t < batch; t++)
			free(finish(threads[t]));
		if (b > 10 && b <= 10 + window)
			early += rss_kib() / window;
		/* the first trim enters code and opens lists that all later ones find there */
		if (b == 10)
			malloc_trim(0);
		if (b == 20)
			early_trimmed = trimmed_kib();
		if (b > batches - window)
			late += rss_kib() / window;
		if (b % 100 == 0)
			say(1, "%zu threads\n", b * batch);
	}
	say(1, "RSS after the tenth batch %zu KiB, at the last %zu KiB\n", early, late);
	CHECK(late_frees > total, "the destructors did not run");
	CHECK(late <= early + early / 5, "RSS grew from %zu to %zu KiB", early, late);
	late_trimmed = trimmed_kib();
	say(1, "trimmed, %zu KiB and %zu KiB\n", early_trimmed, late_trimmed);
	CHECK(late_trimmed <= early_trimmed + early_trimmed / 10,
	      "what trims leave grew from %zu to %zu KiB", early_trimmed, late_trimmed);

	/* and by the allocator's own account: no more live than what libc keeps for threads */
	leaks = in_use();
	for (size_t t = 0; t < batch; t++)
		threads[t] = start(thread, reinterpret_cast<void *>(batch + t));
	for (size_t t = 0; t < batch; t++)
		free(finish(threads[t]));
	malloc_trim(0);
	say(1, "in use before another batch %zu bytes, after it %zu\n", leaks, in_use());
	CHECK(in_use() <= leaks + batch * 200, "live blocks were lost");
	say(1, "PASS\n");
	return 0;
}
