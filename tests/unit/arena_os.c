/* SPDX-License-Identifier: MIT */
/*
 * The calls to the kernel, one by one, and the failures that can be ordered of them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"
#include "os.h"
#include "unit.h"

#define MIB  (1UL << 20)
#define SIZE (16 * MIB)

/* Room for a test: a hole of SIZE bytes. */
static char *hole(void)
{
	uintptr_t addr = os_reserve(SIZE + MIB);

	EXPECT(addr != 0);
	EXPECT_EQ(os_unmap((void *)addr, SIZE + MIB), 0);
	errno = EXDEV;
	return (char *)((addr + MIB - 1) & ~(MIB - 1));
}

static void touch(void *arg)
{
	*(volatile char *)arg = 1;
}

static void test_reserve_commit_purge_unmap(void **state)
{
	char *addr = hole();

	(void)state;
	EXPECT_EQ(os_reserve_at(addr, SIZE), 0);
	EXPECT_EQ(os_reserve_at(addr, SIZE), -EEXIST);
	EXPECT_EQ(os_reserve_at(addr + SIZE - 4096, 4096), -EEXIST);
	unit_dies_by(touch, addr, SIGSEGV);
	EXPECT_EQ(os_commit(addr, MIB), 0);
	EXPECT(unit_is_zero(addr, MIB));
	memset(addr, 3, MIB);
	unit_dies_by(touch, addr + MIB, SIGSEGV);
	EXPECT_EQ(os_purge(addr + 4096, 8192), 0);
	EXPECT_EQ(addr[4095], 3);
	EXPECT(unit_is_zero(addr + 4096, 8192));
	EXPECT_EQ(addr[4096 + 8192], 3);
	EXPECT_EQ(os_unmap(addr, SIZE), 0);
	EXPECT(!unit_is_mapped(addr));
	errno = EXDEV;
	EXPECT(os_commit(addr, MIB) < 0);
	EXPECT(os_purge(addr, MIB) < 0);
	EXPECT_EQ(errno, EXDEV);
}

/* ---- Several ranges at a time ---- */

#define RANGES 3u
#define BYTES  8192ul

static struct {
	unsigned int asked; /* how often */
	unsigned int most;  /* ranges that it takes at a time */
	int err;
} kernel;

/* A kernel that has the call, whatever this one is. */
static int purge_as_told(long nr, unsigned long args[6])
{
	if (nr != SYS_process_madvise)
		return 0;
	kernel.asked++;
	EXPECT_EQ(args[3], MADV_DONTNEED);
	if (kernel.err)
		return kernel.err;
	unit_os_purge_many(args, kernel.most);
	/* A part of the next. */
	unit_os_result += kernel.most < args[2] ? 4096 : 0;
	return UNIT_OS_DONE;
}

/* Of RANGES pages that are not neighbours, how many are gone. The others hold what they held. */
static unsigned int purge_many(char *addr)
{
	struct iovec range[RANGES];
	unsigned int i, done;

	unit_fill(addr, MIB, 4);
	unit_fill(addr + MIB, MIB, 4);
	for (i = 0; i < RANGES; i++)
		range[i] = (struct iovec){ addr + (2 * i + 1) * BYTES, BYTES };
	done = os_purge_many(range, RANGES);
	for (i = 0; i < done; i++)
		memset(addr + MIB + (2 * i + 1) * BYTES, 0, BYTES);
	EXPECT(memcmp(addr, addr + MIB, MIB) == 0);
	EXPECT_EQ(errno, EXDEV);
	return done;
}

static void purge_some(void *arg)
{
	char *addr = hole();

	(void)arg;
	EXPECT_EQ(os_reserve_at(addr, 2 * MIB), 0);
	EXPECT_EQ(os_commit(addr, 2 * MIB), 0);
	unit_os_hook = purge_as_told;
	kernel.most = RANGES;
	unit_have_threads();
	EXPECT(!os_can_purge_many());
	EXPECT_EQ(purge_many(addr), 0);
	EXPECT_EQ(kernel.asked, 0);
	options_parse("batch_purge=1", &os_params, 1);
	EXPECT(os_can_purge_many());
	EXPECT_EQ(purge_many(addr), RANGES);
	kernel.most = 2;
	EXPECT_EQ(purge_many(addr), 2);
	kernel.most = 0;
	EXPECT_EQ(purge_many(addr), 0);
	kernel.err = EINVAL;
	EXPECT_EQ(purge_many(addr), 0);
	kernel.err = EBADF;
	EXPECT_EQ(purge_many(addr), 0);
	EXPECT_EQ(kernel.asked, 5);
	/* A kernel that has no such call is asked once. */
	EXPECT(!os_can_purge_many());
	EXPECT_EQ(purge_many(addr), 0);
	EXPECT_EQ(kernel.asked, 5);
}

/* What this kernel does: all or nothing. */
static void purge_indeed(void *arg)
{
	char *addr = hole();
	unsigned int done;

	(void)arg;
	EXPECT_EQ(os_reserve_at(addr, 2 * MIB), 0);
	EXPECT_EQ(os_commit(addr, 2 * MIB), 0);
	options_parse("batch_purge=1", &os_params, 1);
	/* One thread has no use for it; tsan has another of its own. */
	EXPECT_EQ(os_can_purge_many(), !lock_alone());
	unit_have_threads();
	done = purge_many(addr);
	EXPECT_EQ(done, os_can_purge_many() ? RANGES : 0);
}

static void test_purge_many(void **state)
{
	(void)state;
	unit_passes(purge_some, NULL);
	if (!unit_on_valgrind())
		unit_passes(purge_indeed, NULL);
}

static void test_move(void **state)
{
	char *addr = hole(), *to = addr + SIZE / 2;

	(void)state;
	EXPECT_EQ(os_reserve_at(addr, MIB), 0);
	EXPECT_EQ(os_commit(addr, MIB), 0);
	EXPECT_EQ(os_reserve_at(to, MIB), 0);
	unit_fill(addr, MIB, 1);
	if (unit_on_valgrind()) {
		EXPECT(os_move(addr, MIB, to) < 0);
		EXPECT(unit_holds(addr, MIB, 1));
	} else {
		EXPECT_EQ(os_move(addr, MIB, to), 0);
		EXPECT(unit_holds(to, MIB, 1));
		EXPECT(unit_is_zero(addr, MIB));
		touch(addr);
	}
	EXPECT_EQ(os_unmap(addr, MIB), 0);
	EXPECT_EQ(os_unmap(to, MIB), 0);
	EXPECT_EQ(errno, EXDEV);
}

static void test_move_grow(void **state)
{
	char *addr = hole(), *to = addr + SIZE / 2;

	(void)state;
	EXPECT_EQ(os_reserve_at(addr, MIB), 0);
	EXPECT_EQ(os_commit(addr, MIB), 0);
	EXPECT_EQ(os_reserve_at(to, 4 * MIB), 0);
	unit_fill(addr, MIB, 2);
	EXPECT_EQ(os_move_grow(addr, MIB, to, 4 * MIB), 0);
	EXPECT(!unit_is_mapped(addr));
	EXPECT(unit_holds(to, MIB, 2));
	EXPECT(unit_is_zero(to + MIB, 3 * MIB));
	EXPECT_EQ(os_unmap(to, 4 * MIB), 0);
	EXPECT_EQ(errno, EXDEV);
}

static void test_extend(void **state)
{
	char *addr = hole();

	(void)state;
	EXPECT_EQ(os_reserve_at(addr, MIB), 0);
	EXPECT_EQ(os_commit(addr, MIB), 0);
	unit_fill(addr, MIB, 3);
	EXPECT_EQ(os_extend(addr, MIB, 3 * MIB), 0);
	EXPECT(unit_holds(addr, MIB, 3));
	EXPECT(unit_is_zero(addr + MIB, 2 * MIB));
	EXPECT_EQ(os_reserve_at(addr + 4 * MIB, 4096), 0);
	EXPECT_EQ(os_extend(addr, 3 * MIB, 5 * MIB), -ENOMEM);
	EXPECT(unit_holds(addr, MIB, 3));
	EXPECT_EQ(os_unmap(addr, 3 * MIB), 0);
	EXPECT_EQ(os_unmap(addr + 4 * MIB, 4096), 0);
	EXPECT_EQ(errno, EXDEV);
}

/* Somebody maps what is asked for just before the kernel is asked. */
static int be_first(long nr, unsigned long args[6])
{
	EXPECT(nr != SYS_mmap || mmap((void *)args[0], args[1], PROT_NONE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == (void *)args[0]);
	return 0;
}

static void test_reserve_loses_a_race(void **state)
{
	char *addr = hole();

	(void)state;
	unit_os_hook = be_first;
	EXPECT_EQ(os_reserve_at(addr, MIB), -EEXIST);
	unit_os_hook = NULL;
	EXPECT_EQ(os_unmap(addr, MIB), 0);
}

static unsigned int nr_moves;

static int without_dontunmap(long nr, unsigned long args[6])
{
	(void)args;
	nr_moves += nr == SYS_mremap;
	return nr == SYS_mremap ? EINVAL : 0;
}

static void move_on_an_old_kernel(void *arg)
{
	char *addr = hole(), *to = addr + SIZE / 2;

	(void)arg;
	EXPECT_EQ(os_reserve_at(addr, MIB), 0);
	EXPECT_EQ(os_reserve_at(to, MIB), 0);
	unit_os_hook = without_dontunmap;
	EXPECT_EQ(os_move(addr, MIB, to), -EINVAL);
	EXPECT_EQ(os_move(addr, MIB, to), -EINVAL);
	EXPECT_EQ(os_move(addr, MIB, to), -EINVAL);
	EXPECT_EQ(nr_moves, 1);
}

/* A kernel before 5.7 cannot: it is asked once. */
static void test_move_on_an_old_kernel(void **state)
{
	(void)state;
	unit_passes(move_on_an_old_kernel, NULL);
}

static int without_noreplace(long nr, unsigned long args[6])
{
	if (nr == SYS_mmap)
		args[3] &= ~(unsigned long)MAP_FIXED_NOREPLACE;
	return 0;
}

/* A kernel before 4.17 takes the address for a hint: what it maps elsewhere is of no use. */
static void test_reserve_on_an_old_kernel(void **state)
{
	char *addr = hole();

	(void)state;
	unit_os_hook = without_noreplace;
	EXPECT_EQ(os_reserve_at(addr, MIB), 0);
	EXPECT_EQ(os_reserve_at(addr, MIB), -EEXIST);
	EXPECT_EQ(os_reserve_at(addr + MIB - 4096, 8192), -EEXIST);
	unit_os_hook = NULL;
	EXPECT_EQ(os_unmap(addr, MIB), 0);
}

static void limits(void *arg)
{
	const struct rlimit data = { 1UL << 40, 1UL << 40 }, as = { 1UL << 46, 1UL << 46 };

	(void)arg;
	EXPECT_EQ(os_memory_limit(), ~0UL);
	EXPECT_EQ(setrlimit(RLIMIT_AS, &as), 0);
	EXPECT_EQ(os_memory_limit(), 1UL << 46);
	EXPECT_EQ(setrlimit(RLIMIT_DATA, &data), 0);
	EXPECT_EQ(os_memory_limit(), 1UL << 40);
}

static void test_figures(void **state)
{
	struct timespec real;
	uint64_t before, after;

	(void)state;
	EXPECT_EQ(os_page_size(), (size_t)sysconf(_SC_PAGESIZE));
	before = os_clock_ms();
	clock_gettime(CLOCK_MONOTONIC, &real);
	after = (uint64_t)real.tv_sec * 1000 + (uint64_t)real.tv_nsec / 1000000;
	EXPECT(before <= after && after - before < 60000);
	EXPECT(os_clock_ms() >= before);
}

/* Neither a sanitizer nor valgrind survives such limits itself. */
static void test_limits(void **state)
{
	(void)state;
	if (UNIT_SANITIZE || unit_on_valgrind())
		skip();
	unit_passes(limits, NULL);
}

/* ---- Failures to order ---- */

static char *page;

/* One call that the kernel would not refuse: whether it was. */
static bool fails(void)
{
	return os_purge(page, 4096) != 0;
}

static void order(const char *options)
{
	options_parse(options, &os_params, 1);
}

static void test_fail_os(void **state)
{
	static const struct {
		const char *options;
		const char *outcome; /* of each call: x fails */
	} rows[] = {
		{ "fail_os=1,100,0,1", "x..........." },  { "fail_os=1,100,3,1", "...x........" },
		{ "fail_os=1,100,0,-1", "xxxxxxxxxxxx" }, { "fail_os=1,100,4,-1", "....xxxxxxxx" },
		{ "fail_os=3,100,0,-1", "..x..x..x..x" }, { "fail_os=3,100,5,2", ".......x..x." },
		{ "fail_os=5,100,1,-1", ".....x....x." }, { "fail_os=1,0,0,-1", "............" },
		{ "fail_os=1,100,0,0", "............" },  { "fail_os=2,100,2", "...x.x.x.x.x" },
		{ "fail_os=4,100", "...x...x...x" },	  { "fail_os=6", ".....x.....x" },
	};
	unsigned int i, call;

	(void)state;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	errno = EXDEV;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		order(rows[i].options);
		for (call = 0; rows[i].outcome[call]; call++)
			EXPECT_EQ(fails(), rows[i].outcome[call] == 'x');
	}
	EXPECT_EQ(errno, EXDEV);
	order("fail_os=1,0,0,0");
	munmap(page, 4096);
}

/* So many percent, and the same ones in each run. */
static void test_fail_os_probability(void **state)
{
	static bool failed[2][1000];
	unsigned int percent, call, again, n;
	char option[100];

	(void)state;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (percent = 10; percent < 100; percent += 20) {
		snprintf(option, sizeof(option), "fail_os=1,%u,0,-1", percent);
		for (again = 0; again < 2; again++) {
			order(option);
			for (call = n = 0; call < 1000; call++)
				n += failed[again][call] = fails();
			EXPECT(n > percent * 10 - 60 && n < percent * 10 + 60);
		}
		EXPECT(memcmp(failed[0], failed[1], sizeof(failed[0])) == 0);
	}
	order("fail_os=1,0,0,0");
	munmap(page, 4096);
}

static void bad_options(void *arg)
{
	order(arg);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(!fails());
}

static void test_fail_os_bad_values(void **state)
{
	static const char *const bad[] = {
		"fail_os",	   "fail_os=",	       "fail_os=x",	     "fail_os=0",
		"fail_os=-1",	   "fail_os=1,-1",     "fail_os=1,100,-1",   "fail_os=1,100,0,-1,7",
		"fail_os=1,,0,-1", "fail_os=1,100,0,", "fail_os=\"1 ,100\"", "fail_os=1.5",
		"fail_os=1,101",
	};
	char text[200];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(unit_child(bad_options, (void *)(uintptr_t)bad[i], text, sizeof(text)),
			  0);
		EXPECT(strcmp(text, "kmem: bad value for option 'fail_os'\n") == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* first: what is found out is kept */
		cmocka_unit_test(test_move_on_an_old_kernel),
		cmocka_unit_test(test_reserve_commit_purge_unmap),
		cmocka_unit_test(test_purge_many),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_move_grow),
		cmocka_unit_test(test_extend),
		cmocka_unit_test(test_reserve_loses_a_race),
		cmocka_unit_test(test_reserve_on_an_old_kernel),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fail_os),
		cmocka_unit_test(test_fail_os_probability),
		cmocka_unit_test(test_fail_os_bad_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
