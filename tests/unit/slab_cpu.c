/* SPDX-License-Identifier: MIT */
/*
 * The states of threads: born, alive, interrupted, exited.
 *
 * A signal handler within a slow path is played by calls made between cpu_enter() and cpu_leave(),
 * or from within the library's own call to the kernel (unit_os_hook), where it holds its locks.
 * What a thread leaves behind is counted in the slabs: node.nr_inuse of all caches.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "area.h"
#include "init.h"
#include "large.h"
#include "limit.h"
#include "os.h"
#include "purge.h"
#include "slabinfo.h"
#include "unit_slab.h"

/* ---- Birth ---- */

static void without_state(void *arg, unsigned int id)
{
	unsigned long before = inuse(100);
	void *object;

	(void)arg;
	(void)id;
	unit_os_hook = unit_refuse;
	object = kmalloc_slow(100);
	EXPECT(object != NULL);
	EXPECT_EQ(this_cpu->kind, CPU_BOOT);
	EXPECT_EQ(inuse(100), before + 1);
	unit_kfree(object);
	EXPECT_EQ(inuse(100), before);
	EXPECT_EQ(this_cpu->kind, CPU_BOOT);
	/* the next slow path tries again */
	unit_os_hook = NULL;
	object = unit_kmalloc(100);
	EXPECT_EQ(this_cpu->kind, CPU_LIVE);
	unit_kfree(object);
}

/* Before any thread has exited: there is no old state to be used again. */
static void no_state_to_be_had(void *arg)
{
	struct meta_pool greedy = META_POOL_INIT("greedy", 64);

	(void)arg;
	unit_kfree(unit_kmalloc(100));
	EXPECT_EQ(this_cpu->kind, CPU_LIVE);
	cpu_drain(this_cpu);
	unit_os_hook = unit_refuse;
	while (meta_alloc(&greedy))
		;
	unit_os_hook = NULL;
	unit_threads(1, without_state, NULL);
}

static void test_no_state_to_be_had(void **state)
{
	(void)state;
	unit_passes(no_state_to_be_had, NULL);
}

static void without_exit_handler(void *arg, unsigned int id)
{
	unsigned long before = inuse(100), count = cpus_count();
	void *object;

	(void)arg;
	(void)id;
	unit_refuse_setspecific = true;
	object = kmalloc_slow(100);
	EXPECT(object != NULL);
	EXPECT_EQ(this_cpu->kind, CPU_BOOT);
	EXPECT_EQ(cpus_count(), count);
	EXPECT_EQ(inuse(100), before + 1);
	unit_refuse_setspecific = false;
	unit_kfree(object);
	EXPECT_EQ(this_cpu->kind, CPU_BOOT);
	unit_kfree(unit_kmalloc(100));
	EXPECT_EQ(this_cpu->kind, CPU_LIVE);
	EXPECT_EQ(cpus_count(), count + 1);
}

/* A state that nobody would take back when the thread ends is none. */
static void test_no_exit_handler_to_be_had(void **state)
{
	(void)state;
	unit_threads(1, without_exit_handler, NULL);
}

static void first_steps(void *arg, unsigned int id)
{
	unsigned long before = cpus_count();
	unsigned int class;
	void *object;

	(void)arg;
	(void)id;
	EXPECT_EQ(this_cpu->kind, CPU_BOOT);
	for (class = 0; class < NR_KMALLOC_CLASSES; class ++) {
		EXPECT(slot_pop(&this_cpu->slot[class]) == NULL);
		EXPECT(!slot_push(&this_cpu->slot[class], &before));
	}
	object = unit_kmalloc(40);
	EXPECT(object != NULL);
	EXPECT_EQ(this_cpu->kind, CPU_LIVE);
	EXPECT(!this_cpu->busy);
	EXPECT_EQ(cpus_count(), before + 1);
	EXPECT(slot_pop(&this_cpu->slot[0]) == NULL);
	EXPECT(!slot_push(&this_cpu->slot[0], &before));
	cpu_is_valid(this_cpu);
	unit_kfree(object);
}

static void test_birth_and_death(void **state)
{
	unsigned long before = cpus_count();

	(void)state;
	unit_threads(1, first_steps, NULL);
	EXPECT_EQ(cpus_count(), before);
	/* a state is used again */
	unit_threads(1, first_steps, NULL);
	EXPECT_EQ(cpus_count(), before);
}

/* ---- Death ---- */

/* Some of every class, freed: what is left is in sheaves and on page lists. */
static void use_all_classes(void *arg, unsigned int id)
{
	unsigned int class, i;
	void *objects[70];

	(void)arg;
	(void)id;
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		for (i = 0; i < ARRAY_SIZE(objects); i++) {
			objects[i] = unit_kmalloc(kmalloc_caches[class].size);
			EXPECT(objects[i] != NULL);
			*(unsigned int *)objects[i] = class;
		}
		for (i = 0; i < ARRAY_SIZE(objects); i++) {
			EXPECT_EQ(*(unsigned int *)objects[i], class);
			unit_kfree(objects[i]);
		}
	}
}

static unsigned int nr_resting(void)
{
	const struct list_head *link;
	unsigned int nr = 0;

	for (link = cpu_lists[CPUS_RESTING]->next; link != cpu_lists[CPUS_RESTING];
	     link = link->next)
		nr++;
	return nr;
}

/* More than the threads of a test use: a heap that empties takes apart what rests. */
static void hold_much(void **live, unsigned int n)
{
	while (n--)
		live[n] = unit_kmalloc(3UL << 20);
}

static void drop_much(void **live, unsigned int n)
{
	while (n--)
		unit_kfree(live[n]);
}

/* What threads leave, and a trim takes back. */
static void test_exit_gives_surplus_back(void **state)
{
	unsigned int class;
	void *live[8];

	(void)state;
	kmem_trim();
	hold_much(live, ARRAY_SIZE(live));
	EXPECT_EQ(all_inuse(), 0);
	EXPECT_EQ(nr_resting(), 0);
	unit_threads(3, use_all_classes, NULL);
	expect_caches_sound();
	EXPECT(nr_resting() >= 1 && nr_resting() <= 3);
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		struct kmem_cache *s = &kmalloc_caches[class];

		EXPECT(cpus_objects(s) * s->size <= nr_resting() * 8192);
		EXPECT_EQ(cache_inuse(s), cpus_objects(s) + barn_objects(s));
	}
	EXPECT(cpus_objects(&kmalloc_caches[kmalloc_class(64)]) > 0);
	drop_much(live, ARRAY_SIZE(live));
	kmem_trim();
	EXPECT_EQ(nr_resting(), 0);
	EXPECT_EQ(all_inuse(), 0);
	EXPECT_EQ(pcp_pages(&zone_normal), 0);
}

static struct kmem_cpu *last_state;
static void *last_object;

static void leave_object(void *arg, unsigned int id)
{
	(void)arg;
	(void)id;
	last_object = unit_kmalloc(100);
	last_state = this_cpu;
	unit_kfree(last_object);
}

static void find_object(void *arg, unsigned int id)
{
	unsigned long before = cpus_count();
	void *object;

	(void)arg;
	(void)id;
	object = unit_kmalloc(100);
	EXPECT(this_cpu == last_state);
	EXPECT(object == last_object);
	EXPECT(this_cpu->kind == CPU_LIVE && !this_cpu->busy);
	EXPECT_EQ(cpus_count(), before + 1);
	EXPECT_EQ(nr_resting(), 0);
	cpu_is_valid(this_cpu);
	unit_kfree(object);
}

/* A thread goes on where the last one stopped. */
static void test_next_thread_has_state(void **state)
{
	unsigned long before = cpus_count();

	(void)state;
	kmem_trim();
	unit_threads(1, leave_object, NULL);
	EXPECT_EQ(nr_resting(), 1);
	EXPECT_EQ(cpus_count(), before);
	unit_threads(1, find_object, NULL);
	EXPECT_EQ(nr_resting(), 1);
	EXPECT_EQ(cpus_count(), before);
}

static void trim_in_child(void *arg)
{
	(void)arg;
	EXPECT_EQ(nr_resting(), 1);
	unit_threads(1, find_object, NULL);
	kmem_trim();
	EXPECT_EQ(nr_resting(), 0);
	EXPECT_EQ(all_inuse(), 0);
}

/* The child of a fork has what rests as well. */
static void test_resting_in_child(void **state)
{
	(void)state;
	kmem_trim();
	unit_threads(1, leave_object, NULL);
	unit_passes(trim_in_child, NULL);
	EXPECT_EQ(nr_resting(), 1);
}

static pthread_barrier_t all_alive;

static void live_together(void *arg, unsigned int id)
{
	(void)arg;
	(void)id;
	unit_kfree(unit_kmalloc(100));
	pthread_barrier_wait(&all_alive);
}

/* Of many that end only a few rest: two for each CPU, eight at most. */
static void test_few_states_rest(void **state)
{
	const struct limits saved = limits;
	unsigned int cpus;
	void *live[8];

	(void)state;
	hold_much(live, ARRAY_SIZE(live));
	for (cpus = 1; cpus <= 8; cpus *= 2) {
		kmem_trim();
		limits.cpus = cpus;
		pthread_barrier_init(&all_alive, NULL, 12);
		unit_threads(12, live_together, NULL);
		pthread_barrier_destroy(&all_alive);
		EXPECT_EQ(nr_resting(), cpus < 4 ? 2 * cpus : 8);
	}
	limits = saved;
	drop_much(live, ARRAY_SIZE(live));
	kmem_trim();
	EXPECT_EQ(all_inuse(), 0);
}

static void free_twice(void *arg, unsigned int id)
{
	(void)id;
	unit_kfree(arg);
	unit_kfree(arg);
}

static void dies_at_rest(void *arg)
{
	unit_threads(1, free_twice, arg);
}

/* What was freed twice is found before the next thread gets it. */
static void test_free_twice_before_rest(void **state)
{
	void *object = unit_kmalloc(100);

	(void)state;
	unit_dies_saying(dies_at_rest, object, "kmem: BUG kmalloc-112: double free of 0x%lx",
			 (unsigned long)object);
	unit_kfree(object);
}

static pthread_key_t late_key;
static unsigned int late_calls;

/* Runs again and again until the library's own exit handler has run. */
static void late(void *arg)
{
	unsigned long before = inuse(100);
	void *object, *block;

	if (this_cpu->kind == CPU_LIVE) {
		pthread_setspecific(late_key, arg);
		return;
	}
	EXPECT_EQ(this_cpu->kind, CPU_EXITED);
	object = unit_kmalloc(100);
	EXPECT(object != NULL);
	EXPECT_EQ(this_cpu->kind, CPU_EXITED);
	EXPECT_EQ(inuse(100), before + 1);
	EXPECT_EQ(kmalloc_usable(object), 112);
	unit_fill(object, 112, 7);
	unit_kfree(object);
	EXPECT_EQ(inuse(100), before);
	block = unit_kmalloc(100000);
	EXPECT(block != NULL);
	unit_fill(block, 100000, 8);
	unit_kfree(block);
	/* what a live thread left to it */
	unit_kfree(arg);
	EXPECT_EQ(inuse(100), before - 1);
	EXPECT_EQ(this_cpu->kind, CPU_EXITED);
	late_calls++;
}

static void exit_late(void *arg, unsigned int id)
{
	(void)arg;
	(void)id;
	pthread_setspecific(late_key, unit_kmalloc(100));
}

static void test_after_exit(void **state)
{
	(void)state;
	EXPECT_EQ(pthread_key_create(&late_key, late), 0);
	unit_threads(1, exit_late, NULL);
	EXPECT_EQ(late_calls, 1);
	pthread_key_delete(late_key);
}

/* ---- Interrupted ---- */

static void test_nested(void **state)
{
	void *object = unit_kmalloc(64), *block = unit_kmalloc(100000), *nested[3];
	struct kmem_cpu *cpu;
	unsigned int i;

	(void)state;
	cpu = cpu_enter();
	EXPECT(cpu == this_cpu && cpu->busy);
	EXPECT(cpu_enter() == NULL);

	/* blocks of their own, whatever is asked for */
	nested[0] = kmalloc_slow(500);
	nested[1] = kmalloc_slow(100000);
	nested[2] = kmalloc_aligned(100000, 1 << 16);
	for (i = 0; i < ARRAY_SIZE(nested); i++) {
		EXPECT(nested[i] != NULL);
		EXPECT_EQ(section_of(nested[i])->type, SECTION_AREA);
		EXPECT(kmalloc_usable(nested[i]) >= (i ? 100000 : 500));
		unit_fill(nested[i], 500, i);
	}
	EXPECT_EQ(area_count(), 3);
	EXPECT(kmalloc_resize(block, 102400, 200000, true) == NULL);
	/* as many pages: there is nothing to do, so even here */
	EXPECT(kmalloc_resize(block, 102400, 102400 - 100, true) == block);
	EXPECT(kmalloc_resize(block, 102400, 102400 - 4096, true) == NULL);
	EXPECT(!kmem_trim());

	/* frees wait, except of these blocks */
	kfree_slow(object);
	kfree_slow(block);
	kfree_slow(nested[1]);
	EXPECT_EQ(cpu->deferred.nr, 2);
	EXPECT_EQ(large_size(block), 102400);
	EXPECT_EQ(area_count(), 2);
	EXPECT(!unit_is_mapped(nested[1]));
	cpu_leave(cpu);
	EXPECT_EQ(cpu->deferred.nr, 0);
	EXPECT(!cpu->busy);
	EXPECT_EQ(large_size(block), 0);
	EXPECT_EQ(area_count(), 2);
	for (i = 0; i < ARRAY_SIZE(nested); i += 2) {
		EXPECT(unit_holds(nested[i], 500, i));
		unit_kfree(nested[i]);
	}
	EXPECT_EQ(area_count(), 0);
	/* the object is in its slot */
	EXPECT(unit_kmalloc(64) == object);
	unit_kfree(object);
}

#define NR_INNER_LOCKS 5

static struct lock *inner_lock(unsigned int n)
{
	struct lock *const locks[NR_INNER_LOCKS] = { zone_lock(ZONE_DMA32), zone_lock(ZONE_NORMAL),
						     pcp_lock(ZONE_NORMAL * NR_LANES),
						     &section_lock, &meta_lock };

	return locks[n];
}

/* What an area needs is locked by the interrupted call: there is no memory to be had. */
static void test_nested_under_lock(void **state)
{
	unsigned int i;

	(void)state;
	unit_kfree(unit_kmalloc(1));
	for (i = 0; i < NR_INNER_LOCKS; i++) {
		struct kmem_cpu *cpu = cpu_enter();

		lock_acquire(inner_lock(i));
		errno = 0;
		EXPECT(kmalloc_slow(64) == NULL);
		EXPECT_EQ(errno, ENOMEM);
		errno = 0;
		EXPECT(kmalloc_slow(1 << 20) == NULL);
		EXPECT_EQ(errno, ENOMEM);
		EXPECT(kmalloc_zeroed(1 << 20) == NULL);
		lock_release(inner_lock(i));
		cpu_leave(cpu);
	}
}

static void *handler_object;
static unsigned int handler_calls;

/* A handler's whole life, wherever the library happens to be. */
static int handler(long nr, unsigned long args[6])
{
	int (*hook)(long, unsigned long *) = unit_os_hook;
	void *object;

	(void)nr;
	(void)args;
	unit_os_hook = NULL;
	handler_calls++;
	object = unit_kmalloc(300);
	if (object) {
		unit_fill(object, 300, 3);
		EXPECT(unit_holds(object, 300, 3));
		unit_kfree(object);
	}
	unit_kfree(handler_object);
	handler_object = NULL;
	unit_os_hook = hook;
	return 0;
}

/* Interrupted in every call to the kernel that one thread's life makes. */
static void test_handler_everywhere(void **state)
{
	void *objects[40], *big[4];
	unsigned int i, round;

	(void)state;
	kmem_trim();
	for (round = 0; round < 3; round++) {
		handler_object = unit_kmalloc(48);
		unit_os_hook = handler;
		for (i = 0; i < ARRAY_SIZE(objects); i++) {
			objects[i] = unit_kmalloc(i * 800);
			EXPECT(objects[i] != NULL);
			unit_fill(objects[i], i * 800, i);
		}
		for (i = 0; i < ARRAY_SIZE(big); i++) {
			big[i] = unit_kmalloc((size_t)(i + 1) << 24);
			EXPECT(big[i] != NULL);
		}
		for (i = 0; i < ARRAY_SIZE(objects); i++) {
			EXPECT(unit_holds(objects[i], i * 800, i));
			unit_kfree(objects[i]);
		}
		for (i = 0; i < ARRAY_SIZE(big); i++)
			unit_kfree(big[i]);
		kmem_trim();
		unit_os_hook = NULL;
		EXPECT(handler_object == NULL);
		expect_caches_sound();
	}
	EXPECT(handler_calls > 10);
}

/* ---- Watched ---- */

static bool done;

static void work_or_watch(void *arg, unsigned int id)
{
	unsigned int i, steps = unit_steps(300);
	struct kmem_totals totals;

	(void)arg;
	if (id) {
		for (i = 0; i < steps / 10 + 1; i++)
			use_all_classes(NULL, id);
		__atomic_store_n(&done, true, __ATOMIC_RELEASE);
		return;
	}
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		kmem_get_totals(&totals);
		EXPECT(totals.slab_used <= totals.online);
		EXPECT(totals.free_pages <= totals.online + (cpus_count() << 17));
	}
}

/* Anyone may ask for the figures while the threads run. */
static void test_watched(void **state)
{
	(void)state;
	done = false;
	unit_threads(3, work_or_watch, NULL);
}

#define cpu_test(fn) cmocka_unit_test_teardown(fn, teardown_library)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cpu_test(test_no_state_to_be_had),
		cpu_test(test_birth_and_death),
		cpu_test(test_no_exit_handler_to_be_had),
		cpu_test(test_exit_gives_surplus_back),
		cpu_test(test_next_thread_has_state),
		cpu_test(test_resting_in_child),
		cpu_test(test_few_states_rest),
		cpu_test(test_free_twice_before_rest),
		cpu_test(test_after_exit),
		cpu_test(test_nested),
		cpu_test(test_nested_under_lock),
		cpu_test(test_handler_everywhere),
		cpu_test(test_watched),
	};

	return cmocka_run_group_tests(tests, setup_library, NULL);
}
