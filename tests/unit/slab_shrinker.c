/* SPDX-License-Identifier: MIT */
/*
 * Reclaim from within: who may ask for it, in which order it comes, and the look at the cgroup's
 * memory, which a made-up cgroup stands in for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "init.h"
#include "kmalloc.h"
#include "limit.h"
#include "os.h"
#include "shrinker.h"
#include "unit.h"
#include "unit_files.h"

#define WAIT ((gfp_t)GFP_KERNEL)

static unsigned long available, counted, scanned;

static unsigned long count(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)shrinker;
	EXPECT(sc->gfp_mask & __GFP_DIRECT_RECLAIM);
	/* What is held while a shrinker runs could be what it needs. */
	EXPECT(!lock_is_mine(&shrinker_lock) && !kmem_in_slow_path());
	counted++;
	return available;
}

static unsigned long scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long nr = sc->nr_to_scan < available ? sc->nr_to_scan : available;

	(void)shrinker;
	scanned += sc->nr_to_scan;
	available -= nr;
	return nr;
}

static struct shrinker shrinker = { .count_objects = count,
				    .scan_objects = scan,
				    .seeks = DEFAULT_SEEKS };

static int setup(void **state)
{
	(void)state;
	kmem_init();
	available = 100;
	counted = scanned = 0;
	shrinkers_add(&shrinker);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shrinkers_remove(&shrinker);
	return 0;
}

/* ---- For whom ---- */

static void test_flags(void **state)
{
	(void)state;
	EXPECT(!kmem_reclaim(0, 100, 0));
	EXPECT(!kmem_reclaim(GFP_ATOMIC, 100, 0));
	EXPECT(!kmem_reclaim(GFP_NOWAIT, 100, 1));
	EXPECT(!kmem_reclaim(WAIT | __GFP_NORETRY, 100, 0));
	EXPECT(!kmem_reclaim(WAIT | __GFP_NORETRY, 100, 1));
	EXPECT_EQ(counted, 0);
	/* It waits, and that is all it may do. */
	EXPECT(kmem_reclaim(WAIT | __GFP_NORETRY | __GFP_NOFAIL, 100, 100));
	EXPECT(!kmem_reclaim(__GFP_NOFAIL, 100, 0));
	EXPECT_EQ(counted, 0);
}

static void test_what_cannot_be(void **state)
{
	(void)state;
	EXPECT(!kmem_reclaim(WAIT, 1UL << 60, 0));
	EXPECT(!kmem_reclaim(WAIT, 1UL << 60, 1));
	EXPECT_EQ(counted, 0);
}

static void test_within_a_slow_path(void **state)
{
	struct kmem_cpu *cpu = cpu_enter();

	(void)state;
	EXPECT(kmem_in_slow_path());
	EXPECT(!kmem_reclaim(WAIT, 100, 0));
	EXPECT(!kmem_reclaim(WAIT | __GFP_NOFAIL, 100, 1));
	EXPECT_EQ(shrinkers_run_all(), 0);
	cpu_leave(cpu);
	EXPECT(!kmem_in_slow_path());
	/* As fork does. */
	lock_acquire(&shrinker_lock);
	EXPECT(!kmem_reclaim(WAIT, 100, 0));
	EXPECT_EQ(shrinkers_run_all(), 0);
	lock_release(&shrinker_lock);
	EXPECT_EQ(counted, 0);
}

/* ---- In which order ---- */

static void test_more_each_time(void **state)
{
	static const unsigned long left[] = { 75, 38, 0 };
	unsigned int i;

	(void)state;
	kmem_trim();
	errno = 77;
	for (i = 0; i < 3; i++) {
		EXPECT(kmem_reclaim(WAIT, 100, i + 1));
		EXPECT_EQ(available, left[i]);
	}
	EXPECT(!kmem_reclaim(WAIT, 100, 4));
	EXPECT_EQ(errno, 77);
	EXPECT_EQ(counted, 3);
}

/* What the library itself keeps goes first. */
static void test_own_caches_first(void **state)
{
	void *objects[40];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmalloc_slow(1000);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		kfree_slow(objects[i]);
	EXPECT(kmem_reclaim(WAIT, 100, 0));
	EXPECT_EQ(counted, 0);
	kmem_trim();
	EXPECT(kmem_reclaim(WAIT, 100, 0));
	EXPECT_EQ(counted, 1);
}

/* ---- Many at once ---- */

static unsigned long count_own(struct shrinker *own, struct shrink_control *sc)
{
	(void)sc;
	/* Whoever unregistered it has waited until nobody is here. */
	EXPECT(READ_ONCE(*(bool *)own->private_data));
	return 1;
}

static unsigned long scan_own(struct shrinker *own, struct shrink_control *sc)
{
	(void)sc;
	EXPECT(READ_ONCE(*(bool *)own->private_data));
	return 0;
}

static void come_and_go(void *arg, unsigned int id)
{
	unsigned int i, rounds = unit_steps(2000);

	(void)arg;
	for (i = 0; i < rounds; i++) {
		bool alive = true;
		struct shrinker own = { .count_objects = count_own,
					.scan_objects = scan_own,
					.private_data = &alive };

		shrinkers_add(&own);
		if (id % 2)
			shrinkers_run_all();
		else
			kmem_reclaim(WAIT, 100, 1);
		shrinkers_remove(&own);
		WRITE_ONCE(alive, false);
	}
}

static void test_threads(void **state)
{
	(void)state;
	shrinkers_remove(&shrinker);
	unit_threads(4, come_and_go, NULL);
	EXPECT_EQ(nr_shrinkers, 0);
	shrinkers_add(&shrinker);
}

/* ---- Pressure ---- */

static char root[] = "/tmp/kmem-pressure-XXXXXX";

static void write_file(const char *name, const char *text)
{
	unit_write_file(root, name, text);
}

static void remove_files(void)
{
	EXPECT(unit_remove_files(root) == 0);
}

/* So long that the cgroup is looked at again. */
static void wait_for_a_look(void)
{
	const struct timespec time = { .tv_nsec = 120000000 };

	nanosleep(&time, NULL);
}

static void test_pressure(void **state)
{
	uint64_t start;
	unsigned int i;

	(void)state;
	EXPECT(mkdtemp(root));
	write_file("proc/self/cgroup", "0::/a\n");
	write_file("sys/fs/cgroup/a/memory.high", "16777216\n");
	write_file("sys/fs/cgroup/a/memory.current", "1000000\n");
	limits_init(root);
	wait_for_a_look();
	shrinkers_tick(WAIT);
	EXPECT_EQ(counted, 0);
	write_file("sys/fs/cgroup/a/memory.current", "16777216\n");
	wait_for_a_look();
	/* Not for an allocation that may not wait; but for any slow path of malloc. */
	shrinkers_tick(GFP_ATOMIC);
	EXPECT_EQ(counted, 0);
	errno = 77;
	kfree_slow(kmalloc_slow(100000));
	EXPECT_EQ(errno, 77);
	EXPECT_EQ(counted, 1);
	EXPECT_EQ(available, 75);
	/* Seldom, however often it might be. */
	start = os_clock_ms();
	for (i = 0; i < 1000; i++)
		shrinkers_tick(WAIT);
	EXPECT(counted <= 2 + (os_clock_ms() - start) / 100);
	write_file("sys/fs/cgroup/a/memory.current", "1000000\n");
	wait_for_a_look();
	counted = 0;
	shrinkers_tick(WAIT);
	EXPECT_EQ(counted, 0);
	remove_files();
	limits_init("");
}

#define SHRINKER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHRINKER_TEST(test_flags),
		SHRINKER_TEST(test_what_cannot_be),
		SHRINKER_TEST(test_within_a_slow_path),
		SHRINKER_TEST(test_more_each_time),
		SHRINKER_TEST(test_own_caches_first),
		SHRINKER_TEST(test_threads),
		SHRINKER_TEST(test_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
