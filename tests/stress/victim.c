/*
 * victim PART: what faults.c runs while the operating system refuses.
 *
 * Every allocation may return NULL, with ENOMEM, and the part goes on without it. What was handed
 * out is whole, what was refused left all as it was, and at the end, with all freed, no more is in
 * use by the allocator's account than at the start: a block whose free met a failure must not be
 * lost. With VICTIM_SERVED=1 in the environment requests must be served again at the end, within a
 * number of tries. The part writes "refused N" on stdout and returns 0.
 */
#include "stress.h"

#define BLOCKS 400
#define TRIES  200

static size_t refused;

static void *note(void *p, const char *what)
{
	if (!p) {
		CHECK(errno == ENOMEM, "%s: errno is %d after NULL", what, errno);
		__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
	}
	return opaque(p);
}

/* Of a large block the first 32 KiB are looked at, and by resize() all of it. */
static size_t span(size_t n)
{
	return n < 32 * KIB ? n : 32 * KIB;
}

static void give(void *p, size_t n, uint64_t seed)
{
	if (!p)
		return;
	CHECK(first_wrong(p, n, seed) == n, "byte %zu of %zu is wrong", first_wrong(p, n, seed), n);
	errno = 4711;
	free(p);
	CHECK(errno == 4711, "free changed errno to %d", errno);
}

static void take_and_give(size_t (*size)(size_t), size_t blocks)
{
	unsigned char *p[BLOCKS];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < blocks; i++) {
			p[i] = note(malloc(size(i)), "malloc");
			if (p[i])
				fill(p[i], span(size(i)), i);
		}
		for (size_t i = round % 2; i < blocks; i += 2) {
			give(p[i], span(size(i)), i);
			p[i] = NULL;
		}
		for (size_t i = 0; i < blocks; i++)
			give(p[i], span(size(i)), i);
	}
}

static size_t small_size(size_t i)
{
	return i * 37 % 2048;
}

static size_t medium_size(size_t i)
{
	return 2048 + i * 1009 % 30000;
}

static size_t large_size(size_t i)
{
	return 33 * KIB + i * 100003 % (3 * MIB);
}

static size_t huge_size(size_t i)
{
	return 60 * MIB + i * MIB;
}

static void small(void)
{
	take_and_give(small_size, BLOCKS);
}

static void medium(void)
{
	take_and_give(medium_size, BLOCKS);
}

static void large(void)
{
	take_and_give(large_size, 40);
}

/* Beyond a section; only a few bytes of each are touched. */
static void huge(void)
{
	char *p[8];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = note(malloc(huge_size(i)), "malloc");
			if (p[i])
				p[i][0] = p[i][huge_size(i) - 1] = 5;
		}
		for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
			char *q = p[i] ? note(realloc(opaque(p[i]), huge_size(i) * 2), "realloc") :
					 NULL;

			if (!p[i])
				continue;
			if (q)
				p[i] = q;
			CHECK(p[i][0] == 5 && p[i][huge_size(i) - 1] == 5, "contents");
			free(p[i]);
		}
	}
}

static void resize(void)
{
	for (size_t first = 1; first < 2 * MIB; first *= 11) {
		size_t n = first;
		unsigned char *p = note(malloc(n), "malloc");

		if (!p)
			continue;
		fill(p, n, first);
		for (size_t i = 0; i < 24; i++) {
			size_t to = i < 12 ? n * 2 : n / 2 + 1;
			size_t kept = n < to ? n : to;
			unsigned char *q;

			if (to > 4 * MIB)
				continue;
			q = note(realloc(opaque(p), to), "realloc");
			if (!q) {
				CHECK(first_wrong(p, n, first) == n, "a refused realloc");
				continue;
			}
			p = q;
			CHECK(first_wrong(p, kept, first) == kept, "realloc to %zu", to);
			n = to;
			fill(p, n, first);
		}
		give(p, n, first);
	}
}

static void zeroed(void)
{
	unsigned char *p[8];

	for (size_t n = 10; n < 8 * MIB; n *= 3) {
		for (int round = 0; round < 2; round++) {
			for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
				p[i] = note(calloc(1, n), "calloc");
				if (!p[i])
					continue;
				CHECK(first_nonzero(p[i], n) == n, "calloc(%zu) is not zero", n);
				fill(p[i], span(n), i);
			}
			for (size_t i = 0; i < ARRAY_SIZE(p); i++)
				give(p[i], span(n), i);
		}
		malloc_trim(0);
	}
}

static void aligned(void)
{
	unsigned char *p[14];

	for (size_t n = 100; n < 5 * MIB; n *= 6) {
		for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = note(aligned_alloc((size_t)16 << i * 2 % 24, n), "aligned_alloc");
			if (p[i])
				fill(p[i], span(n), i);
		}
		for (size_t i = 0; i < ARRAY_SIZE(p); i++)
			give(p[i], span(n), i);
	}
}

static void *thread(void *arg)
{
	(void)arg;
	take_and_give(small_size, BLOCKS / 2);
	take_and_give(medium_size, 20);
	take_and_give(large_size, 8);
	return NULL;
}

/* A thread that cannot be made is a refusal too, by libc. */
static void threads(void)
{
	for (int round = 0; round < 3; round++) {
		pthread_t t[4];
		int made[4];

		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			made[i] = !pthread_create(&t[i], NULL, thread, NULL);
			if (!made[i])
				__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
		}
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			if (made[i])
				finish(t[i]);
	}
}

static void forked(void)
{
	unsigned char *p = note(malloc(5000), "malloc");

	if (p)
		fill(p, 5000, 1);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0, "fork");
		if (!pid) {
			alarm(60);
			small();
			take_and_give(large_size, 8);
			give(p, 5000, 1);
			_exit(0);
		}
		expect_good_child(pid, "fork");
		take_and_give(medium_size, 40);
	}
	give(p, 5000, 1);
}

static void trimmed(void)
{
	for (int i = 0; i < 4; i++) {
		small();
		malloc_trim(0);
		take_and_give(large_size, 10);
		malloc_trim(0);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
	size_t slack; /* what libc may keep, for threads */
} parts[] = {
	{ "small", small, 0 },	   { "medium", medium, 0 }, { "large", large, 0 },
	{ "huge", huge, 0 },	   { "resize", resize, 0 }, { "zeroed", zeroed, 0 },
	{ "aligned", aligned, 0 }, { "forked", forked, 0 }, { "threads", threads, 16 * KIB },
	{ "trimmed", trimmed, 0 },
};

static void served_again(void)
{
	for (size_t n = 1; n < 100 * MIB; n = n * 5 + 3) {
		char *p = NULL;

		for (int i = 0; i < TRIES && !p; i++)
			p = opaque(malloc(n));
		CHECK(p, "malloc(%zu) is not served, the failures being over", n);
		p[0] = p[n - 1] = 1;
		free(p);
	}
}

int main(int argc, char **argv)
{
	size_t before, after;

	require_provider();
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (argc < 2 || strcmp(argv[1], parts[i].name))
			continue;
		/* an allocator may keep something for itself from its first call on */
		free(opaque(malloc(1)));
		malloc_trim(0);
		before = in_use();
		parts[i].run();
		malloc_trim(0);
		after = in_use();
		CHECK(after <= before + parts[i].slack, "in use: %zu before, %zu after", before,
		      after);
		if (getenv("VICTIM_SERVED"))
			served_again();
		say(1, "refused %zu\n", refused);
		return 0;
	}
	CHECK(0, "no such part");
}
