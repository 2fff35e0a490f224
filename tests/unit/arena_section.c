/* SPDX-License-Identifier: MIT */
/*
 * Sections: from any address to its page and back, memory that comes online in steps, sections that
 * are shorter than their slot, and what is left of one that was destroyed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "os.h"
#include "section.h"
#include "unit.h"

#define MIB (1UL << 20)

static struct section *create(void)
{
	struct section *s = section_create(0);

	EXPECT(s != NULL);
	section_is_valid(s);
	return s;
}

static void destroy(struct section *s)
{
	EXPECT_EQ(section_destroy(s), 0);
}

static char *start_of(const struct section *s)
{
	return (char *)s->start;
}

static int data_symbol;

/* Whatever is not ours is nobody's, and asking is safe for every value of a pointer. */
static void test_foreign_addresses(void **state)
{
	struct section *s = create();
	char *heap = malloc(1000);
	void *file = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uintptr_t addresses[] = {
		0,
		1,
		4095,
		(uintptr_t)&data_symbol,
		(uintptr_t)&s,
		(uintptr_t)heap,
		(uintptr_t)file,
		(uintptr_t)&test_foreign_addresses,
		(1UL << ADDRESS_BITS) - 1,
		1UL << ADDRESS_BITS,
		(1UL << ADDRESS_BITS) + s->start,
		0xffff800000000000,
		0xffffffffff600000,
		~0UL,
		~0UL << SECTION_SHIFT,
		1UL << 63,
		s->start | 1UL << 63,
		s->start | 1UL << 48,
		s->start - 1,
		s->start - SECTION_SIZE,
		s->start + SECTION_SIZE,
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		EXPECT(section_of((void *)addresses[i]) == NULL);
		EXPECT(page_at((void *)addresses[i]) == NULL);
	}
	munmap(file, 4096);
	free(heap);
	destroy(s);
}

/* The address of every bit set alone. */
static void test_every_bit(void **state)
{
	unsigned int bit;

	(void)state;
	for (bit = 0; bit < 64; bit++) {
		/* volatile: the compiler would follow the numbers, and wonder */
		volatile uintptr_t only = 1UL << bit;

		EXPECT(section_of((void *)only) == NULL);
		EXPECT(section_of((void *)~only) == NULL);
	}
}

static void test_whole_section(void **state)
{
	struct section *s = create();
	unsigned int i;

	(void)state;
	EXPECT_EQ(s->type, SECTION_PAGES);
	EXPECT_EQ(s->start % SECTION_SIZE, 0);
	EXPECT_EQ(s->bytes, SECTION_SIZE);
	EXPECT_EQ(s->nr_pages, PAGES_PER_SECTION);
	EXPECT_EQ(s->nr_online + s->nr_free, 0);
	EXPECT(section_of(start_of(s)) == s);
	EXPECT(section_of(start_of(s) + SECTION_SIZE - 1) == s);
	EXPECT(page_at(start_of(s)) == NULL);

	EXPECT_EQ(section_online(s, s->nr_pages), 0);
	for (i = 0; i < s->nr_pages; i++) {
		char *addr = start_of(s) + i * PAGE_SIZE;
		struct page *page = page_at(addr);

		EXPECT(page == &s->mem_map[i]);
		EXPECT(page_at(addr + PAGE_SIZE - 1) == page);
		EXPECT(page_start(page) == addr);
		EXPECT(page_section(page) == s);
		EXPECT_EQ(page_index(page), i);
		EXPECT_EQ(section_page_index(addr + 123), i);
		EXPECT_EQ(page->type, PAGE_NONE);
		EXPECT_EQ(s->page_class[i], 0);
		/* a line of a cache each */
		EXPECT_EQ((uintptr_t)page % 64, 0);
		addr[0] = 1;
	}
	destroy(s);
}

static void touch(void *arg)
{
	*(volatile char *)arg = 1;
}

/* Memory is there as far as it is online, zeroed, and nothing behind. */
static void test_online_in_steps(void **state)
{
	static const unsigned int steps[] = { 16, 32, 256, 1024, 16, 4096, 10944 };
	struct section *s = create();
	unsigned int i, online = 0;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		char *step = start_of(s) + online * PAGE_SIZE;

		EXPECT(page_at(step) == NULL);
		unit_dies_by(touch, step, SIGSEGV);
		EXPECT_EQ(section_online(s, steps[i]), 0);
		online += steps[i];
		EXPECT_EQ(s->nr_online, online);
		EXPECT(unit_is_zero(step, steps[i] * PAGE_SIZE));
		memset(step, 0xff, steps[i] * PAGE_SIZE);
		EXPECT(page_at(start_of(s) + online * PAGE_SIZE - 1) != NULL);
		if (online < s->nr_pages)
			EXPECT(page_at(start_of(s) + online * PAGE_SIZE) == NULL);
	}
	EXPECT_EQ(online, s->nr_pages);
	destroy(s);
}

/* Beside the descriptor, on both sides, is no access. */
static void test_descriptor_is_guarded(void **state)
{
	struct section *s = create();
	char *end = (char *)&s->mem_map[s->nr_pages];

	(void)state;
	touch((char *)s + sizeof(*s));
	touch(end - 1);
	unit_dies_by(touch, (char *)s - 1, SIGSEGV);
	unit_dies_by(touch, (char *)s - META_GUARD, SIGSEGV);
	unit_dies_by(touch, (char *)align_up((uintptr_t)end, META_GUARD), SIGSEGV);
	EXPECT_EQ((uintptr_t)s % METADATA_STRIDE, META_GUARD);
	/* the objects' memory is elsewhere */
	EXPECT(section_of(s) == NULL);
	s->mem_map[0].type = PAGE_NONE;
	destroy(s);
}

/* The next one is as new, in the same place and with the same descriptor. */
static void test_destroy_and_create_again(void **state)
{
	struct section *s = create(), *again;
	char *start = start_of(s);
	unsigned int i;

	(void)state;
	EXPECT_EQ(section_online(s, 1024), 0);
	memset(start, 0xcc, 1024 * PAGE_SIZE);
	for (i = 0; i < 1024; i++)
		s->mem_map[i].type = PAGE_LARGE;
	bitmap_set(s->dirty, 0, 1024);
	destroy(s);
	EXPECT(section_of(start) == NULL);
	EXPECT(page_at(start) == NULL);
	EXPECT(!unit_is_mapped(start));
	/* a look at it by whoever still has the descriptor is safe */
	EXPECT_EQ(s->nr_online, 0);
	EXPECT_EQ(s->mem_map[77].type, PAGE_NONE);

	again = create();
	EXPECT(again == s);
	EXPECT(start_of(again) == start);
	EXPECT_EQ(section_online(again, 1024), 0);
	EXPECT(unit_is_zero(start, 1024 * PAGE_SIZE));
	EXPECT_EQ(bitmap_weight(again->dirty, 0, PAGES_PER_SECTION), 0);
	for (i = 0; i < again->nr_pages; i++)
		EXPECT_EQ(again->mem_map[i].type, PAGE_NONE);
	destroy(again);
}

#define MANY 40

static void test_many(void **state)
{
	uint64_t rng = unit_seed(0x5ec7);
	struct section *s[MANY] = { NULL };
	unsigned int i, round, n;

	(void)state;
	for (round = 0; round < 300; round++) {
		n = unit_below(&rng, MANY);
		if (s[n]) {
			EXPECT_EQ(*start_of(s[n]), (char)n);
			destroy(s[n]);
			EXPECT(section_of(start_of(s[n])) != s[n]);
			s[n] = NULL;
			continue;
		}
		s[n] = create();
		EXPECT_EQ(section_online(s[n], 16), 0);
		EXPECT_EQ(*start_of(s[n]), 0);
		*start_of(s[n]) = (char)n;
		for (i = 0; i < MANY; i++)
			EXPECT(i == n || !s[i] || s[i]->start != s[n]->start);
	}
	for (i = 0; i < MANY; i++)
		if (s[i])
			destroy(s[i]);
}

/* ---- Less than is wanted ---- */

static size_t most;
static long refused_call;

static int refuse_more(long nr, unsigned long args[6])
{
	return nr == SYS_mmap && args[1] > most ? ENOMEM : 0;
}

static void test_partial_sections(void **state)
{
	struct section *s;
	size_t bytes;

	(void)state;
	for (bytes = MIB; bytes <= SECTION_SIZE; bytes *= 2) {
		/* the descriptor is less than 2 MiB, too */
		most = bytes > 2 * MIB ? bytes : 2 * MIB;
		unit_os_hook = refuse_more;
		s = section_create(0);
		EXPECT(s != NULL);
		EXPECT(section_create(2 * most) == NULL);
		unit_os_hook = NULL;
		EXPECT_EQ(s->bytes, most);
		EXPECT_EQ(s->nr_pages, most / PAGE_SIZE);
		EXPECT(section_of(start_of(s)) == s);
		EXPECT_EQ(section_online(s, s->nr_pages), 0);
		touch(start_of(s) + most - 1);
		EXPECT(page_at(start_of(s) + most - 1) == &s->mem_map[s->nr_pages - 1]);
		EXPECT(page_at(start_of(s) + most) == NULL || most == SECTION_SIZE);
		/* the rest of the slot is nobody else's */
		EXPECT(section_of(start_of(s) + SECTION_SIZE - 1) == s);
		destroy(s);
	}
}

static int refuse(long nr, unsigned long args[6])
{
	(void)args;
	return nr == refused_call ? EPERM : 0;
}

static void test_refusals(void **state)
{
	struct section *s;

	(void)state;
	unit_os_hook = refuse;
	refused_call = SYS_mmap;
	errno = EXDEV;
	EXPECT(section_create(0) == NULL);
	EXPECT_EQ(errno, EXDEV);
	refused_call = -1;
	s = create();
	EXPECT_EQ(section_online(s, 64), 0);
	*start_of(s) = 5;

	refused_call = SYS_mprotect;
	EXPECT_EQ(section_online(s, 64), -EPERM);
	EXPECT_EQ(s->nr_online, 64);
	EXPECT(page_at(start_of(s) + 64 * PAGE_SIZE) == NULL);

	refused_call = SYS_munmap;
	EXPECT_EQ(section_destroy(s), -EPERM);
	EXPECT_EQ(s->nr_online, 64);
	EXPECT(section_of(start_of(s)) == s);
	EXPECT(page_at(start_of(s)) == &s->mem_map[0]);
	EXPECT_EQ(*start_of(s), 5);

	/* a mem_map that cannot be purged is cleared by hand */
	s->mem_map[3].type = PAGE_LARGE;
	refused_call = SYS_madvise;
	destroy(s);
	EXPECT_EQ(s->mem_map[3].type, PAGE_NONE);
	unit_os_hook = NULL;
	EXPECT_EQ(errno, EXDEV);
}

/* No descriptor, no section: the addresses go back. First of all, while there are no spare ones. */
static void without_descriptor(void *arg)
{
	unsigned long calls = unit_os_calls;

	(void)arg;
	unit_os_hook = refuse;
	refused_call = SYS_mprotect;
	EXPECT(section_create(0) == NULL);
	unit_os_hook = NULL;
	EXPECT(unit_os_calls > calls);
	destroy(create());
}

static void test_without_descriptor(void **state)
{
	(void)state;
	unit_passes(without_descriptor, NULL);
}

static void limit(int which, size_t bytes)
{
	const struct rlimit rlim = { bytes, bytes };

	EXPECT_EQ(setrlimit(which, &rlim), 0);
}

/* Address space in use. */
static size_t size_of_process(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	EXPECT(file != NULL && fscanf(file, "%lu", &pages) == 1);
	fclose(file);
	return pages * 4096;
}

/* A process with little address space gets short sections, each no great part of it. */
static void under_address_limit(void *arg)
{
	size_t sum = 0, most_bytes = size_of_process() + 256 * MIB;
	struct section *s[400];
	unsigned int n = 0, i;

	(void)arg;
	limit(RLIMIT_AS, most_bytes);
	EXPECT_EQ(os_memory_limit(), most_bytes);
	while (n < ARRAY_SIZE(s) && (s[n] = section_create(0))) {
		EXPECT(s[n]->bytes >= MIB && s[n]->bytes <= most_bytes / 16);
		EXPECT_EQ(section_online(s[n], s[n]->nr_pages), 0);
		memset(start_of(s[n]), 0x11, s[n]->bytes);
		EXPECT(page_at(start_of(s[n]) + s[n]->bytes) == NULL);
		sum += s[n++]->bytes;
	}
	/* all of it could be had, but for descriptors and what is not worth one */
	EXPECT(n < ARRAY_SIZE(s));
	EXPECT(sum > 230 * MIB && sum <= 256 * MIB);
	for (i = 0; i < n; i++)
		destroy(s[i]);
	/* and again */
	s[0] = create();
	destroy(s[0]);
}

static void under_data_limit(void *arg)
{
	struct section *s;

	(void)arg;
	limit(RLIMIT_AS, 900 * MIB);
	limit(RLIMIT_DATA, 128 * MIB);
	EXPECT_EQ(os_memory_limit(), 128 * MIB);
	s = create();
	EXPECT_EQ(s->bytes, 8 * MIB);
	/* what somebody needs at least comes first */
	destroy(s);
	s = section_create(32 * MIB);
	EXPECT_EQ(s->bytes, 32 * MIB);
	EXPECT_EQ(section_online(s, 1024), 0);
	destroy(s);
}

/* A sanitizer, or valgrind, does not survive such limits itself. */
static void test_limits(void **state)
{
	(void)state;
	EXPECT_EQ(os_memory_limit(), ~0UL);
	if (UNIT_SANITIZE || unit_on_valgrind())
		skip();
	unit_passes(under_address_limit, NULL);
	unit_passes(under_data_limit, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_descriptor),
		cmocka_unit_test(test_foreign_addresses),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_whole_section),
		cmocka_unit_test(test_online_in_steps),
		cmocka_unit_test(test_descriptor_is_guarded),
		cmocka_unit_test(test_destroy_and_create_again),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_partial_sections),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
