/* SPDX-License-Identifier: MIT */
/*
 * fork() of a process whose threads allocate.
 *
 * Two threads hold objects, sheaves and page lists while a third forks. The child must find all
 * locks free, must be able to allocate, and must get back what the lost threads had, but for one
 * that was within a slow path. Locks that are held when a handler forks are played by holding them.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fork.h"
#include "init.h"
#include "os.h"
#include "purge.h"
#include "slabinfo.h"
#include "unit_slab.h"
#include "vma.h"

#define NR	       500

#define NR_INNER_LOCKS 6

static struct lock *inner_lock(unsigned int n)
{
	struct lock *const locks[NR_INNER_LOCKS] = { zone_lock(ZONE_DMA32),
						     zone_lock(ZONE_NORMAL),
						     pcp_lock(ZONE_NORMAL * NR_LANES),
						     &section_lock,
						     &meta_lock,
						     &mmap_lock };

	return locks[n];
}

static bool signals_are_blocked(void)
{
	sigset_t now;

	EXPECT_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
	return sigismember(&now, SIGUSR1);
}

/* Registered before the library's handler, and so called after it. */
static void look_at_locks(void)
{
	EXPECT_EQ(signals_are_blocked(), !lock_alone());
	EXPECT_EQ(lock_is_mine(&cpus_lock), !lock_alone());
	EXPECT_EQ(lock_is_mine(&meta_lock), !lock_alone());
}

static int group_setup(void **state)
{
	EXPECT_EQ(pthread_atfork(look_at_locks, NULL, NULL), 0);
	setup_library(state);
	fork_init();
	return 0;
}

static pthread_barrier_t gate;
static void *held[2][NR];
static void *kept[2]; /* large blocks that they freed last */
static bool be_busy;

/* Holds half of what it took, and sheaves with the rest, while the main thread forks. */
static void hold(void *arg, unsigned int id)
{
	struct kmem_cpu *cpu = NULL;
	unsigned int i;

	(void)arg;
	for (i = 0; i < NR; i++) {
		held[id][i] = unit_kmalloc(i % 200);
		unit_fill(held[id][i], i % 200, i);
	}
	for (i = 0; i < NR; i += 2)
		unit_kfree(held[id][i]);
	kept[id] = unit_kmalloc(60000);
	unit_kfree(kept[id]);
	if (be_busy && id == 0)
		cpu = cpu_enter();
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	if (cpu)
		cpu_leave(cpu);
	for (i = 1; i < NR; i += 2)
		unit_kfree(held[id][i]);
}

static unsigned long cached_in_cpus(void)
{
	unsigned long n = 0;
	unsigned int class;

	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		n += cpus_objects(kmem_caches[class]);
	return n;
}

static void expect_unlocked(void)
{
	unsigned int class, i, lane;

	EXPECT(!signals_are_blocked());
	EXPECT(!lock_is_mine(&cpus_lock));
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		for (lane = 0; lane < NR_LANES; lane++) {
			EXPECT_EQ(kmalloc_caches[class].node.lane[lane].barn.lock.word, 0);
			EXPECT_EQ(kmalloc_caches[class].node.lane[lane].lock.word, 0);
		}
	}
	for (i = 0; i < NR_INNER_LOCKS; i++)
		EXPECT_EQ(inner_lock(i)->word, 0);
}

struct before_fork {
	unsigned long inuse, cached, pages;
};

static void in_the_child(void *arg)
{
	struct before_fork *before = arg;
	unsigned int id, i;
	void *object;

	expect_unlocked();
	EXPECT_EQ(cpus_count(), 1);
	/* set apart, not lost: they are counted as they were */
	EXPECT_EQ(all_inuse(), before->inuse);
	EXPECT_EQ(cached_in_cpus(), before->cached);
	EXPECT_EQ(pcp_pages(&zone_normal), before->pages);
	/* an allocation empties one of the states, a trim all of them */
	object = kmalloc_slow(2000);
	EXPECT(object != NULL);
	EXPECT(cached_in_cpus() < before->cached);
	unit_kfree(object);
	kmem_trim();
	EXPECT_EQ(cached_in_cpus(), 0);
	EXPECT_EQ(pcp_pages(&zone_normal), 0);
	for (id = 0; id < 2; id++)
		for (i = 1; i < NR; i += 2) {
			EXPECT(unit_holds(held[id][i], i % 200, i));
			unit_kfree(held[id][i]);
		}
	kmem_trim();
	expect_caches_sound();
	/* what a thread kept is whole, whatever it was at */
	for (id = 0; id < 2; id++)
		EXPECT(zone_page_is_free(&zone_normal, page_at(kept[id])));
	/* but what it had in hand within a slow path stays where it is */
	EXPECT(be_busy ? all_inuse() > 0 && all_inuse() < before->cached : all_inuse() == 0);
}

static void fork_now(void *arg, unsigned int id)
{
	struct before_fork before;

	if (id < 2) {
		hold(arg, id);
		return;
	}
	unit_kfree(unit_kmalloc(64));
	pthread_barrier_wait(&gate);
	before = (struct before_fork){ all_inuse(), cached_in_cpus(), pcp_pages(&zone_normal) };
	EXPECT(before.cached > NR / 2);
	unit_passes(in_the_child, &before);
	expect_unlocked();
	EXPECT_EQ(cpus_count(), 4);
	EXPECT_EQ(all_inuse(), before.inuse);
	EXPECT_EQ(cached_in_cpus(), before.cached);
	pthread_barrier_wait(&gate);
}

static void test_fork(void **state)
{
	unsigned int busy;

	(void)state;
	unit_kfree(unit_kmalloc(64));
	pthread_barrier_init(&gate, NULL, 3);
	for (busy = 0; busy < 2; busy++) {
		be_busy = busy;
		unit_threads(3, fork_now, NULL);
	}
	pthread_barrier_destroy(&gate);
}

/* A fork from a handler that interrupted the library, which holds locks and goes on afterwards. */
static void after_fork_in_lock(void *arg)
{
	EXPECT(lock_is_mine(arg));
	EXPECT_EQ(((struct lock *)arg)->depth, 0);
	lock_release(arg);
	expect_unlocked();
	unit_kfree(unit_kmalloc(3000));
}

static void test_fork_with_lock_held(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < NR_INNER_LOCKS; i++) {
		lock_acquire(inner_lock(i));
		unit_passes(after_fork_in_lock, inner_lock(i));
		EXPECT(lock_is_mine(inner_lock(i)));
		EXPECT_EQ(inner_lock(i)->depth, 0);
		lock_release(inner_lock(i));
		expect_unlocked();
	}
}

static void nothing(void *arg)
{
	(void)arg;
	expect_unlocked();
}

/* One holds an inner lock and goes on to an outer one; the other forks meanwhile. */
static void hold_or_fork(void *arg, unsigned int id)
{
	(void)arg;
	if (id) {
		pthread_barrier_wait(&gate);
		unit_passes(nothing, NULL);
		return;
	}
	lock_order_relax(true);
	lock_acquire(&zone_normal.lock);
	pthread_barrier_wait(&gate);
	usleep(50000);
	lock_acquire(&cpus_lock);
	lock_release(&cpus_lock);
	lock_release(&zone_normal.lock);
	lock_order_relax(false);
}

/* One wants all lanes of a cache; the other holds the second, and forks. */
static void hold_all_or_fork(void *arg, unsigned int id)
{
	struct kmem_cache *s = arg;
	struct lock *second = &s->node.lane[1].lock;
	struct cache_info info;

	if (id) {
		pthread_barrier_wait(&gate);
		cache_get_info(s, &info);
		return;
	}
	lock_acquire(second);
	pthread_barrier_wait(&gate);
	usleep(50000);
	unit_passes(after_fork_in_lock, second);
	lock_release(second);
}

/* As when its handler forks: who waits for one of the lanes holds none of the others meanwhile. */
static void test_fork_against_all_lanes(void **state)
{
	(void)state;
	pthread_barrier_init(&gate, NULL, 2);
	unit_threads(2, hold_all_or_fork, &kmalloc_caches[kmalloc_class(64)]);
	pthread_barrier_destroy(&gate);
	expect_unlocked();
}

/* As when a handler forks that interrupted a holder of that lock: nobody waits for ever. */
static void test_fork_against_the_order(void **state)
{
	(void)state;
	pthread_barrier_init(&gate, NULL, 2);
	unit_threads(2, hold_or_fork, NULL);
	pthread_barrier_destroy(&gate);
}

/* ---- While another thread gives memory back ---- */

static int wait_in_the_kernel(long nr, unsigned long args[6])
{
	(void)args;
	if (nr == SYS_madvise) {
		pthread_barrier_wait(&gate);
		pthread_barrier_wait(&gate);
	}
	return 0;
}

static void *between[2]; /* blocks that lie between those that are purged */

static void free_between(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(between); i++) {
		if (between[i])
			unit_kfree(between[i]);
		between[i] = NULL;
	}
}

static void child_of_a_purge(void *arg)
{
	unsigned long dirty = *(unsigned long *)arg;

	unit_os_hook = NULL;
	/* which has not heard of the call, and says so at length */
	if (unit_on_valgrind())
		options_parse("batch_purge=0", &os_params, 1);
	expect_unlocked();
	EXPECT_EQ(zone_normal.purge_lock.word, 0);
	/* the blocks that were on their way are free again, and can go once more */
	EXPECT_EQ(zone_normal.nr_dirty, dirty);
	EXPECT(purge_all(&zone_normal) >= dirty);
	free_between();
	expect_nothing_left();
}

static void purge_or_fork(void *arg, unsigned int id)
{
	if (id == 0) {
		purge_all(&zone_normal);
		return;
	}
	pthread_barrier_wait(&gate);
	EXPECT_EQ(zone_normal.nr_dirty, 0);
	unit_passes(child_of_a_purge, arg);
	unit_os_hook = NULL;
	pthread_barrier_wait(&gate);
}

static void test_fork_amid_a_purge(void **state)
{
	unsigned long dirty;

	(void)state;
	unit_kfree(unit_kmalloc(100000));
	unit_drop_kept();
	unit_return_lists();
	dirty = zone_normal.nr_dirty;
	EXPECT(dirty > 0);
	pthread_barrier_init(&gate, NULL, 2);
	unit_os_hook = wait_in_the_kernel;
	unit_threads(2, purge_or_fork, &dirty);
	unit_os_hook = NULL;
	pthread_barrier_destroy(&gate);
}

/* The kernel has done one of the blocks, and says so when the fork is over. */
static int wait_amid_many(long nr, unsigned long args[6])
{
	int done;

	if (nr != SYS_process_madvise)
		return 0;
	EXPECT_EQ(args[2], ARRAY_SIZE(between));
	done = unit_os_purge_many(args, 1);
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	return done;
}

static void test_fork_amid_a_purge_of_many(void **state)
{
	void *freed[ARRAY_SIZE(between)];
	unsigned long dirty;
	unsigned int i;

	(void)state;
	options_parse("batch_purge=1", &os_params, 1);
	for (i = 0; i < ARRAY_SIZE(between); i++) {
		freed[i] = unit_kmalloc(1 << 16);
		between[i] = unit_kmalloc(1 << 16);
	}
	purge_all(&zone_normal);
	for (i = 0; i < ARRAY_SIZE(between); i++)
		unit_kfree(freed[i]);
	unit_drop_kept();
	unit_return_lists();
	dirty = zone_normal.nr_dirty;
	EXPECT_EQ(dirty, ARRAY_SIZE(between) * (1 << 16) / PAGE_SIZE);
	pthread_barrier_init(&gate, NULL, 2);
	unit_os_hook = wait_amid_many;
	unit_threads(2, purge_or_fork, &dirty);
	unit_os_hook = NULL;
	unit_os_result = 0;
	pthread_barrier_destroy(&gate);
	EXPECT_EQ(zone_normal.nr_dirty, 0);
	free_between();
	options_parse("batch_purge=0", &os_params, 1);
}

/* ---- When there is nothing left but what lost threads had ---- */

#define BIG 30000

static void child_without_memory(void *arg)
{
	struct kmem_cache *s = &kmalloc_caches[kmalloc_class(BIG)];
	void *object;

	(void)arg;
	unit_os_hook = unit_refuse;
	while (slab_alloc_bulk(s, NULL, &object, 1, GFP_KERNEL))
		;
	EXPECT_EQ(barn_objects(s), 0);
	/* the first lost threads had nothing of use, the last had this */
	EXPECT(unit_kmalloc(BIG) != NULL);
	unit_os_hook = NULL;
}

static void cache_or_fork(void *arg, unsigned int id)
{
	void *objects[8];
	unsigned int i;

	if (id == 1)
		pthread_barrier_wait(&gate);
	unit_kfree(unit_kmalloc(16));
	if (id == 0)
		pthread_barrier_wait(&gate);
	for (i = 0; id == 1 && i < ARRAY_SIZE(objects); i++)
		objects[i] = unit_kmalloc(BIG);
	for (i = 0; id == 1 && i < ARRAY_SIZE(objects); i++)
		unit_kfree(objects[i]);
	pthread_barrier_wait((pthread_barrier_t *)arg);
	if (id == 2) {
		EXPECT(cpus_objects(kmem_caches[kmalloc_class(BIG)]) > 0);
		unit_passes(child_without_memory, NULL);
	}
	pthread_barrier_wait((pthread_barrier_t *)arg);
}

static void test_lost_threads_are_asked_in_turn(void **state)
{
	pthread_barrier_t all;

	(void)state;
	pthread_barrier_init(&gate, NULL, 2);
	pthread_barrier_init(&all, NULL, 3);
	unit_threads(3, cache_or_fork, &all);
	pthread_barrier_destroy(&gate);
	pthread_barrier_destroy(&all);
}

static __thread bool newborn;

static void count_orphans(void *arg)
{
	(void)arg;
	EXPECT_EQ(cpus_count(), this_cpu->kind == CPU_LIVE);
	/* the main thread's, and no other */
	EXPECT(cpu_reclaim_orphan());
	EXPECT(!cpu_reclaim_orphan());
}

/* Just when it has let go of the lock, within its first slow path, the thread's handler forks. */
static void fork_when_it_wakes_others(unsigned long args[6])
{
	if ((struct lock *)args[0] != &cpus_lock || (args[1] & 1) != FUTEX_WAKE || !newborn)
		return;
	__atomic_store_n(&unit_futex_hook, NULL, __ATOMIC_RELEASE);
	unit_passes(count_orphans, NULL);
}

static void *be_born(void *arg)
{
	newborn = true;
	unit_kfree(unit_kmalloc(100));
	return arg;
}

/* A state that was made just now is its thread's in the child as well, and nobody's orphan. */
static void test_fork_at_birth(void **state)
{
	pthread_t thread;

	(void)state;
	unit_kfree(unit_kmalloc(100));
	__atomic_store_n(&unit_futex_hook, fork_when_it_wakes_others, __ATOMIC_RELEASE);
	lock_acquire(&cpus_lock);
	EXPECT_EQ(pthread_create(&thread, NULL, be_born, NULL), 0);
	/* who has slept wakes another, just in case */
	while (!(READ_ONCE(cpus_lock.word) & LOCK_WAITERS))
		sched_yield();
	lock_release(&cpus_lock);
	EXPECT_EQ(pthread_join(thread, NULL), 0);
	EXPECT(!unit_futex_hook);
}

#define fork_test(fn) cmocka_unit_test_teardown(fn, teardown_library)

static void use_heap(void *arg)
{
	void *object = unit_kmalloc(100);

	EXPECT(object != NULL);
	unit_kfree(object);
	unit_kfree(arg);
	expect_nothing_left();
}

/* Where there is one thread no lock is taken: it would only make pages for both to copy. */
static void test_fork_alone(void **state)
{
	void *object = unit_kmalloc(100);

	(void)state;
	/* a sanitizer may have threads of its own */
	EXPECT(lock_alone() || UNIT_SANITIZE);
	unit_passes(use_heap, object);
	unit_have_threads();
	EXPECT(!lock_alone());
	unit_passes(use_heap, object);
	unit_kfree(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fork_test(test_fork_alone),
		fork_test(test_fork),
		fork_test(test_fork_with_lock_held),
		fork_test(test_fork_against_the_order),
		fork_test(test_fork_against_all_lanes),
		fork_test(test_fork_amid_a_purge),
		fork_test(test_fork_amid_a_purge_of_many),
		fork_test(test_lost_threads_are_asked_in_turn),
		fork_test(test_fork_at_birth),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
