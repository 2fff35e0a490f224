/*
 * trace [SEED [STEPS [THREADS]]]: random calls, each checked against a model of what must hold.
 *
 * The model knows of every block its size and the seed of its pattern, which fills the block (of
 * large ones the first and last bytes of every page). So two blocks that overlap, a realloc that
 * loses bytes, a calloc that is not zero or a block touched after its free by the allocator itself
 * shows as a wrong byte at the next look. Threads hand blocks over through a common table, so that
 * most blocks are freed by another thread than the one that took them. The seed is printed; the
 * same seed makes the same calls (with more than one thread, in another order between threads).
 */
#include "stress.h"

#define SLOTS	    1024
#define SHARED	    256
#define MAX_THREADS 64

struct block {
	unsigned char *p;
	size_t size;
	uint64_t seed;
};

struct trace {
	struct block slot[SLOTS];
	uint64_t random;
	size_t steps;
	size_t bytes, calls[6];
};

/* Blocks on their way between threads; a handed-over descriptor is itself a small block. */
static struct block *shared[SHARED];

static size_t share;

static size_t some_size(uint64_t r)
{
	size_t n = r >> 16;

	switch (r % 100) {
	case 0 ... 59: /* small */
		return n % 1025;
	case 60 ... 89: /* up to the last class */
		return n % (33 * KIB);
	case 90 ... 97: /* pages */
		return 32 * KIB + n % (224 * KIB);
	case 98: /* large */
		return n % (4 * MIB);
	default: /* around a power of two */
		return ((size_t)1 << (n % 21)) + n / 64 % 3 - 1;
	}
}

/*
 * Writes or checks the pattern: the whole of a small block, of a large one both ends of each page.
 * Bytes at index limit and above are not looked at. Returns the first wrong index or limit.
 */
static size_t walk(const struct block *b, size_t limit, int check)
{
	size_t i = 0;

	while (i < limit) {
		if (!check)
			b->p[i] = pattern(b->seed, i);
		else if (b->p[i] != pattern(b->seed, i))
			return i;
		if (b->size <= 8 * KIB || i % 4096 < 16 || i % 4096 >= 4080)
			i++;
		else
			i += 4080 - i % 4096;
	}
	return limit;
}

static void check(const struct block *b, size_t limit, const char *when)
{
	size_t wrong = walk(b, limit, 1);

	CHECK(wrong == limit, "%s: byte %zu of a block of %zu at %p is 0x%x, not 0x%x", when, wrong,
	      b->size, (void *)b->p, b->p[wrong], pattern(b->seed, wrong));
}

static void take(struct trace *t, struct block *b)
{
	uint64_t r = random_next(&t->random);
	size_t n = some_size(random_next(&t->random));
	size_t alignment = 16;

	if (t->bytes + n > share)
		n = n % 1024;
	switch (r % 8) {
	case 0:
		b->p = calloc(1, n);
		t->calls[1]++;
		CHECK(b->p, "calloc(%zu)", n);
		CHECK(first_nonzero(b->p, n) == n, "calloc(%zu): byte %zu is not zero", n,
		      first_nonzero(b->p, n));
		break;
	case 1:
		alignment = (size_t)16 << (r >> 8) % 12;
		b->p = aligned_alloc(alignment, n);
		t->calls[2]++;
		break;
	default:
		b->p = malloc(n);
		t->calls[0]++;
		break;
	}
	CHECK(b->p, "no memory for %zu at alignment %zu", n, alignment);
	CHECK(is_aligned(b->p, alignment), "%p is not aligned to %zu", (void *)b->p, alignment);
	CHECK(malloc_usable_size(b->p) >= n, "%zu usable of %zu", malloc_usable_size(b->p), n);
	b->size = n;
	b->seed = r;
	t->bytes += n;
	walk(b, n, 0);
}

static void give(struct trace *t, struct block *b)
{
	check(b, b->size, "free");
	t->bytes -= b->size;
	t->calls[3]++;
	free(b->p);
	b->p = NULL;
}

static void resize(struct trace *t, struct block *b)
{
	uint64_t r = random_next(&t->random);
	size_t n = r % 3 ? b->size / 2 + (r >> 8) % (b->size + 64) : some_size(r >> 2);
	struct block was = *b;

	if (t->bytes + n > share)
		n = n % 1024;
	if (!n)
		n = 1;
	check(b, b->size, "before realloc");
	b->p = realloc(b->p, n);
	CHECK(b->p, "realloc(%zu)", n);
	CHECK(is_aligned(b->p, 16), "%p is not aligned", (void *)b->p);
	/* the old pattern, as far as it was written and is kept */
	was.p = b->p;
	check(&was, was.size < n ? was.size : n, "realloc");
	t->bytes += n - was.size;
	t->calls[4]++;
	b->size = n;
	b->seed = r;
	walk(b, n, 0);
}

/* Puts the block up for others, and takes over what lay there. */
static void hand_over(struct trace *t, struct block *b)
{
	struct block *parcel = must(malloc(sizeof(*parcel)));
	size_t where = random_next(&t->random) % SHARED;

	*parcel = *b;
	t->bytes -= b->size;
	t->calls[5]++;
	parcel = __atomic_exchange_n(&shared[where], parcel, __ATOMIC_ACQ_REL);
	b->p = NULL;
	if (!parcel)
		return;
	*b = *parcel;
	free(parcel);
	t->bytes += b->size;
	check(b, b->size, "after hand-over");
}

static void *run(void *arg)
{
	struct trace *t = arg;

	for (size_t i = 0; i < t->steps; i++) {
		uint64_t r = random_next(&t->random);
		/* few slots are used often, the others hold blocks for long */
		struct block *b = &t->slot[r % 4 ? (r >> 8) % 64 : (r >> 8) % SLOTS];

		if (!b->p)
			take(t, b);
		else if (r >> 32 & 1)
			give(t, b);
		else if (r >> 33 & 1)
			resize(t, b);
		else
			hand_over(t, b);
	}
	for (size_t i = 0; i < SLOTS; i++)
		if (t->slot[i].p)
			give(t, &t->slot[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t seed = argument(argc, argv, 1, (size_t)time(NULL) * 1000003 + (size_t)getpid());
	size_t steps = argument(argc, argv, 2, 200000);
	size_t threads = argument(argc, argv, 3, 4);
	static struct trace traces[MAX_THREADS];
	pthread_t ids[MAX_THREADS];
	struct trace last = { .random = 1 };
	size_t before, after;

	require_provider();
	CHECK(threads >= 1 && threads <= MAX_THREADS, "1 to %d threads", MAX_THREADS);
	say(1, "seed %zu, %zu steps, %zu threads\n", (size_t)seed, steps, threads);
	share = 256 * MIB / threads;
	/* what libc keeps for threads is there before the first look */
	for (size_t i = 0; i < threads; i++)
		ids[i] = start(run, &traces[i]);
	for (size_t i = 0; i < threads; i++)
		finish(ids[i]);
	malloc_trim(0);
	before = in_use();
	for (size_t i = 0; i < threads; i++) {
		traces[i].random = seed * 2862933555777941757ULL + i + 1;
		traces[i].steps = steps;
		ids[i] = start(run, &traces[i]);
	}
	for (size_t i = 0; i < threads; i++)
		finish(ids[i]);
	for (size_t i = 0; i < SHARED; i++)
		if (shared[i]) {
			give(&last, shared[i]);
			free(shared[i]);
		}
	malloc_trim(0);
	after = in_use();
	for (size_t i = 1; i < threads; i++)
		for (size_t k = 0; k < ARRAY_SIZE(traces[0].calls); k++)
			traces[0].calls[k] += traces[i].calls[k];
	say(1, "malloc %zu, calloc %zu, aligned %zu, free %zu, realloc %zu, hand-over %zu\n",
	    traces[0].calls[0], traces[0].calls[1], traces[0].calls[2], traces[0].calls[3],
	    traces[0].calls[4], traces[0].calls[5]);
	say(1, "in use before %zu, after %zu; RSS %zu KiB\n", before, after, rss_kib());
	CHECK(after <= before + threads * KIB, "live blocks were lost");
	say(1, "PASS\n");
	return 0;
}
