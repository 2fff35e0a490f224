/* SPDX-License-Identifier: MIT */
/*
 * Where things are placed, and the pools of the library's own structures.
 *
 * That memory has no access is shown by dying of it, in a child.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bits.h"
#include "meta.h"
#include "os.h"
#include "page.h"
#include "place.h"
#include "unit.h"

#define MIB (1UL << 20)

static void touch(void *arg)
{
	*(volatile char *)arg = 1;
}

/* ---- Places ---- */

static void test_alignment(void **state)
{
	size_t align, size;

	(void)state;
	for (align = 4096; align <= 1UL << 36; align *= 8)
		for (size = MIB; size <= 1024 * MIB; size *= 10) {
			char *addr = place_section(size, align);

			EXPECT(addr != NULL);
			EXPECT_EQ((uintptr_t)addr % align, 0);
			EXPECT_EQ((uintptr_t)addr % SECTION_SIZE, 0);
			EXPECT_EQ(place_unmap(addr, size), 0);
		}
}

/* Reserved is not yet memory, but nobody else's either. */
static void test_reserved(void **state)
{
	char *addr = place_section(MIB, 1);
	void *other;

	(void)state;
	unit_dies_by(touch, addr, SIGSEGV);
	unit_dies_by(touch, addr + MIB - 1, SIGSEGV);
	EXPECT_EQ(os_reserve_at(addr + MIB / 2, 4096), -EEXIST);
	other = place_section(MIB, 1);
	EXPECT(other != NULL && other != addr);
	EXPECT_EQ(place_unmap(other, MIB), 0);
	EXPECT_EQ(place_unmap(addr, MIB), 0);
}

#define LOW (5UL << 30) /* nobody's, in a process of 64 bits */

/* The kernel's own choice is a low address, as it is valgrind's. */
static int map_low(long nr, unsigned long args[6])
{
	if (nr == SYS_mmap && !args[0])
		args[0] = LOW;
	return 0;
}

static void place_upwards(void *arg)
{
	char *addr[6], *wall, *meta;
	unsigned int i;

	(void)arg;
	unit_os_hook = map_low;
	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = place_section(100 * MIB, 1);
		EXPECT((uintptr_t)addr[i] >= LOW && (uintptr_t)addr[i] % SECTION_SIZE == 0);
		EXPECT(!i || addr[i] >= addr[i - 1] + 2 * SECTION_SIZE);
		EXPECT((uintptr_t)addr[i] < LOW + 64 * SECTION_SIZE);
	}
	EXPECT_EQ(place_unmap(addr[2], 100 * MIB), 0);
	EXPECT(place_section(100 * MIB, 1) == addr[2]);
	/* round what is in the way */
	wall = mmap(addr[5] + 2 * SECTION_SIZE, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	EXPECT(wall == addr[5] + 2 * SECTION_SIZE);
	EXPECT(place_section(MIB, 1) == wall + SECTION_SIZE);
	lock_acquire(&meta_lock);
	meta = place_metadata(MIB, "test");
	lock_release(&meta_lock);
	EXPECT(meta > wall + SECTION_SIZE && meta < wall + 4 * SECTION_SIZE);
	memset(meta, 1, MIB);
	unit_os_hook = NULL;
}

/*
 * First of all: where the search goes is decided once. A sanitizer needs the low addresses itself.
 */
static void test_upwards(void **state)
{
	(void)state;
	if (UNIT_SANITIZE)
		skip();
	unit_passes(place_upwards, NULL);
}

/* What was given back is taken again before anything new. */
static void test_reuse(void **state)
{
	char *addr[8], *again;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		addr[i] = place_section(SECTION_SIZE, 1);
	EXPECT_EQ(place_unmap(addr[3], SECTION_SIZE), 0);
	again = place_section(SECTION_SIZE, 1);
	EXPECT(again == addr[3]);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		EXPECT_EQ(place_unmap(addr[i], SECTION_SIZE), 0);
}

/* Somebody else's mapping is gone round. */
static void test_foreign_mapping_in_the_way(void **state)
{
	char *addr = place_section(SECTION_SIZE, 1), *foreign, *other;

	(void)state;
	EXPECT_EQ(place_unmap(addr, SECTION_SIZE), 0);
	foreign = mmap(addr + SECTION_SIZE / 2, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(foreign != MAP_FAILED);
	foreign[0] = 17;
	other = place_section(SECTION_SIZE, 1);
	EXPECT(other != NULL);
	EXPECT(foreign + 4096 <= other || foreign >= other + SECTION_SIZE);
	EXPECT_EQ(foreign[0], 17);
	EXPECT_EQ(place_unmap(other, SECTION_SIZE), 0);
	munmap(foreign, 4096);
}

static void test_place_refused(void **state)
{
	char *addr = place_section(MIB, 1);

	(void)state;
	unit_os_hook = unit_refuse;
	errno = EXDEV;
	EXPECT(place_section(MIB, 1) == NULL);
	EXPECT_EQ(place_unmap(addr, MIB), -ENOMEM);
	lock_acquire(&meta_lock);
	EXPECT(place_metadata(MIB, "test") == NULL);
	lock_release(&meta_lock);
	EXPECT_EQ(errno, EXDEV);
	unit_os_hook = NULL;
	EXPECT_EQ(os_reserve_at(addr, MIB), -EEXIST);
	EXPECT_EQ(place_unmap(addr, MIB), 0);
}

/* Below 4 GiB there are 63 slots at most, each given out once, and again when it came back. */
static void test_low_addresses(void **state)
{
	char *addr[64], *again;
	unsigned int n = 0, i, j;

	(void)state;
	while (n < ARRAY_SIZE(addr) && (addr[n] = place_section_low(MIB))) {
		EXPECT((uintptr_t)addr[n] + MIB <= 1UL << 32);
		EXPECT((uintptr_t)addr[n] >= SECTION_SIZE);
		EXPECT_EQ((uintptr_t)addr[n] % SECTION_SIZE, 0);
		for (j = 0; j < n; j++)
			EXPECT(addr[j] != addr[n]);
		n++;
	}
	EXPECT(n >= 1 && n < ARRAY_SIZE(addr));
	EXPECT_EQ(place_unmap(addr[n / 2], MIB), 0);
	again = place_section_low(MIB);
	EXPECT(again == addr[n / 2]);
	for (i = 0; i < n; i++)
		EXPECT_EQ(place_unmap(addr[i], MIB), 0);
	unit_os_hook = unit_refuse;
	EXPECT(place_section_low(MIB) == NULL);
	unit_os_hook = NULL;
	/* and what goes elsewhere stays there */
	again = place_section(MIB, 1);
	EXPECT(unit_on_valgrind() || (uintptr_t)again >= 1UL << 32);
	EXPECT_EQ(place_unmap(again, MIB), 0);
}

static void test_metadata(void **state)
{
	static const size_t sizes[] = { 1, 4096, 100000, 256 << 10, 1100 << 10, 1800 << 10 };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes) * 8; i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];
		char *addr;

		lock_acquire(&meta_lock);
		addr = place_metadata(size, "test");
		lock_release(&meta_lock);
		EXPECT(addr != NULL);
		EXPECT_EQ((uintptr_t)addr % METADATA_STRIDE, META_GUARD);
		EXPECT(unit_is_zero(addr, size));
		memset(addr, 1, size);
		if (i >= ARRAY_SIZE(sizes))
			continue;
		unit_dies_by(touch, addr - 1, SIGSEGV);
		unit_dies_by(touch, addr - META_GUARD, SIGSEGV);
		unit_dies_by(touch, (char *)align_up((uintptr_t)addr + size, META_GUARD), SIGSEGV);
	}
}

/* ---- Pools ---- */

#define MANY 3000

static void test_pool(void **state)
{
	static const size_t sizes[] = { 8, 64, 65, 500, 4096, 9000 };
	unsigned int i, k;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		struct meta_pool pool = META_POOL_INIT("test", sizes[k]);
		unsigned int many = (unsigned int)(MANY * 64 / (sizes[k] + 64));
		char **objects = calloc(many, sizeof(*objects));

		for (i = 0; i < many; i++) {
			objects[i] = meta_alloc(&pool);
			EXPECT(objects[i] != NULL);
			EXPECT_EQ((uintptr_t)objects[i] % (sizes[k] < PAGE_SIZE ? 64 : PAGE_SIZE),
				  0);
			EXPECT(unit_is_zero(objects[i], sizes[k]));
			unit_fill(objects[i], sizes[k], i);
		}
		EXPECT_EQ(pool.nr_total, many);
		EXPECT_EQ(pool.nr_free, 0);
		for (i = 0; i < many; i++)
			EXPECT(unit_holds(objects[i], sizes[k], i));

		/* used again, the last one first, as it was left but for its first word */
		for (i = 0; i < many; i++)
			meta_free(&pool, objects[i]);
		EXPECT_EQ(pool.nr_free, many);
		for (i = many; i-- > 0;) {
			EXPECT(meta_alloc(&pool) == objects[i]);
			unit_fill(objects[i], 8, i);
			EXPECT(unit_holds(objects[i], sizes[k], i));
		}
		EXPECT_EQ(pool.nr_total, many);
		EXPECT_EQ(pool.nr_free, 0);
		for (i = 0; i < many; i++)
			meta_free(&pool, objects[i]);
		free(objects);
	}
}

/* Chunks lie between guards. */
static void test_chunk_is_guarded(void **state)
{
	struct meta_pool pool = META_POOL_INIT("test", 64);
	size_t before = meta_bytes(), chunk;
	char *object;

	(void)state;
	do
		object = meta_alloc(&pool);
	while (meta_bytes() == before);
	chunk = meta_bytes() - before;
	unit_dies_by(touch, object - 1, SIGSEGV);
	unit_dies_by(touch, object + chunk, SIGSEGV);
	touch(object + chunk - 1);
}

static void test_pool_refused(void **state)
{
	struct meta_pool pool = META_POOL_INIT("test", 1024), other = META_POOL_INIT("other", 1024);
	unsigned int n = 0;
	size_t bytes;
	char *object;

	(void)state;
	unit_os_hook = unit_refuse;
	bytes = meta_bytes();
	while (meta_alloc(&pool))
		n++;
	EXPECT_EQ(pool.nr_total, n);
	EXPECT(meta_alloc(&other) == NULL);
	EXPECT_EQ(other.nr_total + other.nr_free, 0);
	EXPECT_EQ(meta_bytes(), bytes);
	unit_os_hook = NULL;
	object = meta_alloc(&other);
	EXPECT(object != NULL);
	meta_free(&other, object);
}

/* What the chunk at hand has room for, and what was freed; for more the OS is not asked. */
static void test_pool_atomic(void **state)
{
	struct meta_pool pool = META_POOL_INIT("test", 1024);
	unsigned long calls;
	unsigned int n = 0;
	char *object = meta_alloc(&pool), *last = object;

	(void)state;
	calls = unit_os_calls;
	while ((object = meta_alloc_atomic(&pool))) {
		last = object;
		n++;
	}
	EXPECT(n <= 256);
	EXPECT_EQ(unit_os_calls, calls);
	EXPECT_EQ(pool.nr_total, n + 1);
	meta_free(&pool, last);
	EXPECT(meta_alloc_atomic(&pool) == last);
	EXPECT(meta_alloc_atomic(&pool) == NULL);
	EXPECT(meta_alloc(&pool) != NULL);
	EXPECT(meta_alloc_atomic(&pool) != NULL);
}

static struct meta_pool shared = META_POOL_INIT("shared", 200);

static void churn(void *arg, unsigned int id)
{
	uint64_t rng = *(uint64_t *)arg + id;
	unsigned int i, n, steps = unit_steps(20000);
	char *held[32] = { NULL };

	for (i = 0; i < steps; i++) {
		n = unit_below(&rng, ARRAY_SIZE(held));
		if (held[n]) {
			EXPECT(unit_holds(held[n], 200, id * 100 + n));
			meta_free(&shared, held[n]);
			held[n] = NULL;
		} else {
			held[n] = meta_alloc(&shared);
			unit_fill(held[n], 200, id * 100 + n);
		}
	}
	for (n = 0; n < ARRAY_SIZE(held); n++)
		if (held[n])
			meta_free(&shared, held[n]);
}

static void test_threads(void **state)
{
	uint64_t seed = unit_seed(0x3e7a);

	(void)state;
	unit_threads(4, churn, &seed);
	EXPECT_EQ(shared.nr_free, shared.nr_total);
	EXPECT(shared.nr_total <= 4 * 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upwards),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_foreign_mapping_in_the_way),
		cmocka_unit_test(test_place_refused),
		cmocka_unit_test(test_low_addresses),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_chunk_is_guarded),
		cmocka_unit_test(test_pool_refused),
		cmocka_unit_test(test_pool_atomic),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
