/*
 * Memory that runs out.
 *
 * Under a limit on the address space (RLIMIT_AS) or on private memory (RLIMIT_DATA) requests fail
 * at some point, with NULL and ENOMEM; nothing that was handed out before is harmed; and after
 * frees requests are served again. Last, a limit filled with 64-byte objects, all then freed, must
 * serve blocks of 1 MiB for at least 80% of it: what small blocks leave is not theirs for ever.
 * Every part runs in a child of its own, for limits only go down.
 */
#include "stress.h"
#include <sys/resource.h>

#define SECONDS 120

static void limit(int resource, size_t room)
{
	struct rlimit l;
	size_t used = 0;

	if (resource == RLIMIT_AS) {
		used = vm_kib() * KIB;
	} else {
		/* data and stack, the sixth column */
		used = statm_kib(5) * KIB;
	}
	l.rlim_cur = l.rlim_max = used + room;
	CHECK(!setrlimit((__rlimit_resource_t)resource, &l), "setrlimit");
}

struct list {
	struct list *next;
	size_t size;
};

/* Allocates blocks of a size until there is no memory; the number of bytes taken. */
static size_t take_all(struct list **list, size_t size)
{
	size_t total = 0;

	for (;;) {
		struct list *l;

		errno = 0;
		l = opaque(malloc(size));
		if (!l) {
			CHECK(errno == ENOMEM, "errno is %d after NULL", errno);
			return total;
		}
		l->next = *list;
		l->size = size;
		if (size > sizeof(*l))
			fill(l + 1, size - sizeof(*l) < 64 ? size - sizeof(*l) : 64, size);
		*list = l;
		total += size;
	}
}

static void give_all(struct list **list)
{
	while (*list) {
		struct list *l = *list;

		if (l->size > sizeof(*l)) {
			size_t n = l->size - sizeof(*l) < 64 ? l->size - sizeof(*l) : 64;

			CHECK(first_wrong(l + 1, n, l->size) == n, "contents of a block of %zu",
			      l->size);
		}
		*list = l->next;
		free(l);
	}
}

/* Every way to ask for memory is refused in its own manner. */
static void all_refuse(size_t size)
{
	static char untouched;
	void *memptr = &untouched;
	char *p;

	errno = 0;
	CHECK(!opaque(malloc(size)) && errno == ENOMEM, "malloc(%zu)", size);
	errno = 0;
	CHECK(!opaque(calloc(2, size / 2)) && errno == ENOMEM, "calloc(%zu)", size);
	errno = 0;
	CHECK(!opaque(aligned_alloc(4096, size)) && errno == ENOMEM, "aligned_alloc(%zu)", size);
	CHECK(posix_memalign(&memptr, 64, size) == ENOMEM && memptr == &untouched,
	      "posix_memalign(%zu)", size);
	errno = 0;
	CHECK(!opaque(realloc(NULL, size)) && errno == ENOMEM, "realloc(NULL, %zu)", size);
	p = opaque(malloc(100));
	if (!p)
		return;
	fill(p, 100, 1);
	errno = 0;
	CHECK(!opaque(realloc(opaque(p), size)) && errno == ENOMEM, "realloc(p, %zu)", size);
	CHECK(first_wrong(p, 100, 1) == 100, "a refused realloc changed the block");
	free(p);
}

static void refused_then_served(int resource, size_t size)
{
	struct list *list = NULL;
	size_t first, again;

	free(must(malloc(size)));
	limit(resource, 200 * MIB);
	first = take_all(&list, size);
	CHECK(first >= 100 * MIB, "only %zu bytes in blocks of %zu", first, size);
	all_refuse(300 * MIB);
	give_all(&list);
	again = take_all(&list, size);
	say(1, "blocks of %zu: %zu MiB, then again %zu MiB\n", size, first / MIB, again / MIB);
	CHECK(again >= first / 10 * 9, "%zu bytes, but after frees only %zu", first, again);
	give_all(&list);
}

static void *takes_and_gives(void *arg)
{
	struct list *list = NULL;

	take_all(&list, (size_t)(uintptr_t)arg);
	give_all(&list);
	return NULL;
}

/* Four threads meet the end of memory together. */
static void by_threads(int resource)
{
	static const size_t sizes[] = { 48, 2000, 40000, 3000000 };
	struct list *list = NULL;
	pthread_t t[ARRAY_SIZE(sizes)];

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		finish(start(takes_and_gives, (void *)(SIZE_MAX / 2)));
	limit(resource, 300 * MIB);
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			t[i] = start(takes_and_gives, (void *)sizes[i]);
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			finish(t[i]);
	}
	CHECK(take_all(&list, MIB) >= 150 * MIB, "little memory is left after the threads");
	give_all(&list);
}

static void small_serve_large(int resource)
{
	struct list *list = NULL;
	size_t small, large;

	free(must(malloc(64)));
	limit(resource, 512 * MIB);
	small = take_all(&list, 64);
	give_all(&list);
	large = take_all(&list, MIB);
	say(1, "%zu MiB in 64-byte objects, freed, then %zu MiB in blocks of 1 MiB\n", small / MIB,
	    large / MIB);
	CHECK(small >= 300 * MIB, "a limit of 512 MiB held only %zu bytes", small);
	CHECK(large >= small / 5 * 4, "%zu of %zu bytes serve large blocks", large, small);
	give_all(&list);
	CHECK(take_all(&list, 64) >= small / 5 * 4, "large blocks do not serve small ones");
	give_all(&list);
}

static void in_child(void (*part)(int, size_t), int resource, size_t arg, const char *what)
{
	pid_t pid = fork();

	CHECK(pid >= 0, "fork");
	if (!pid) {
		alarm(SECONDS);
		part(resource, arg);
		_exit(0);
	}
	expect_good_child(pid, what);
}

static void threads_part(int resource, size_t arg)
{
	(void)arg;
	by_threads(resource);
}

static void small_part(int resource, size_t arg)
{
	(void)arg;
	small_serve_large(resource);
}

/* No room for a whole section: a program with a tight limit from its start must still be served. */
static void tight_part(int resource, size_t room)
{
	struct list *list = NULL;
	size_t got;

	limit(resource, room);
	got = take_all(&list, 1000);
	say(1, "%zu KiB of room: %zu KiB in blocks of 1000\n", room / KIB, got / KIB);
	CHECK(got >= room / 2, "%zu KiB of room: %zu bytes", room / KIB, got);
	give_all(&list);
	CHECK(take_all(&list, 64 * KIB) >= room / 2, "blocks of 64 KiB after those of 1000");
	give_all(&list);
}

int main(void)
{
	static const size_t sizes[] = { 16, 100, 1000, 20000, 40000, MIB, 10 * MIB };
	static const int resources[] = { RLIMIT_AS, RLIMIT_DATA };

	require_provider();
	for (size_t r = 0; r < ARRAY_SIZE(resources); r++) {
		int resource = resources[r];

		say(1, "%s\n", resource == RLIMIT_AS ? "RLIMIT_AS" : "RLIMIT_DATA");
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			in_child(refused_then_served, resource, sizes[i], "refused, then served");
		in_child(threads_part, resource, 0, "threads without memory");
		in_child(small_part, resource, 0, "small blocks serve large ones");
		for (size_t room = 8 * MIB; room <= 64 * MIB; room *= 2)
			in_child(tight_part, resource, room, "a tight limit");
	}
	say(1, "PASS\n");
	return 0;
}
