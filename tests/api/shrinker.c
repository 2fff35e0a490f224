/* SPDX-License-Identifier: MIT */
/*
 * Shrinkers: when they run, what they are told, what they may do; and that they do not run when
 * they must not.
 */
#include "api.h"

#include <kmem/mm.h>
#include <kmem/shrinker.h>
#include <kmem/slab.h>
#include <malloc.h>
#include <pthread.h>

#define BLOCK (256 * KIB)

/* A cache of blocks that a program could do without. */
struct store {
	struct shrinker *shrinker;
	pthread_mutex_t lock;
	void *blocks[400];
	int nr;
	unsigned long counts, scans, scanned, most_asked;
};

static unsigned long count_blocks(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct store *store = shrinker->private_data;

	(void)sc;
	store->counts++;
	return store->nr ? (unsigned long)store->nr : SHRINK_EMPTY;
}

static unsigned long free_blocks(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct store *store = shrinker->private_data;
	unsigned long freed = 0;

	if (pthread_mutex_trylock(&store->lock))
		return SHRINK_STOP;
	store->scans++;
	store->scanned += sc->nr_to_scan;
	if (sc->nr_to_scan > store->most_asked)
		store->most_asked = sc->nr_to_scan;
	while (freed < sc->nr_to_scan && store->nr) {
		kfree(store->blocks[--store->nr]);
		freed++;
	}
	pthread_mutex_unlock(&store->lock);
	return freed;
}

static void fill_store(struct store *store, int nr)
{
	while (store->nr < nr && (store->blocks[store->nr] = malloc(BLOCK)))
		memset(store->blocks[store->nr++], 1, BLOCK);
}

static void open_store(struct store *store, int nr)
{
	*store = (struct store){ .lock = PTHREAD_MUTEX_INITIALIZER };
	store->shrinker = shrinker_alloc(0, "store-%d", nr);
	store->shrinker->count_objects = count_blocks;
	store->shrinker->scan_objects = free_blocks;
	store->shrinker->private_data = store;
	shrinker_register(store->shrinker);
	fill_store(store, nr);
}

static void close_store(struct store *store)
{
	shrinker_free(store->shrinker);
	while (store->nr)
		kfree(store->blocks[--store->nr]);
}

/* ---- On request ---- */

static void a_new_shrinker_has_defaults(void **state)
{
	struct shrinker *shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "name");

	(void)state;
	assert_non_null(shrinker);
	assert_int_equal(shrinker->seeks, DEFAULT_SEEKS);
	assert_int_equal(shrinker->batch, 0);
	assert_null(shrinker->private_data);
	shrinker_free(shrinker);
	shrinker_free(NULL);
}

static void a_request_frees_everything(void **state)
{
	struct store store;

	(void)state;
	open_store(&store, 300);
	assert_int_equal(kmem_shrink_all(), 300);
	assert_int_equal(store.nr, 0);
	assert_int_equal(store.scanned, 300);
	assert_int_equal(store.most_asked, SHRINK_BATCH);
	assert_int_equal(store.scans, 3);
	fill_store(&store, 100);
	drop_slab();
	assert_int_equal(store.nr, 0);
	fill_store(&store, 100);
	assert_int_equal(malloc_trim(0), 1);
	assert_int_equal(store.nr, 0);
	close_store(&store);
	assert_int_equal(kmem_shrink_all(), 0);
}

static void a_batch_is_as_large_as_asked_for(void **state)
{
	struct store store;

	(void)state;
	open_store(&store, 100);
	store.shrinker->batch = 10;
	assert_int_equal(kmem_shrink_all(), 100);
	assert_int_equal(store.scans, 10);
	assert_int_equal(store.most_asked, 10);
	close_store(&store);
}

static unsigned long stop(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)sc;
	++*(int *)shrinker->private_data;
	return SHRINK_STOP;
}

static unsigned long scan_nothing(struct shrinker *shrinker, struct shrink_control *sc)
{
	sc->nr_scanned = 0;
	++*(int *)shrinker->private_data;
	return 0;
}

static unsigned long scan_more(struct shrinker *shrinker, struct shrink_control *sc)
{
	sc->nr_scanned = 500;
	++*(int *)shrinker->private_data;
	return 0;
}

static unsigned long a_thousand(struct shrinker *shrinker, struct shrink_control *sc)
{
	assert_int_equal(sc->nid, 0);
	assert_null(sc->memcg);
	assert_true(sc->gfp_mask & __GFP_DIRECT_RECLAIM);
	(void)shrinker;
	return 1000;
}

static void a_scan_ends_when_it_says_so(void **state)
{
	static unsigned long (*const scans[])(
		struct shrinker *, struct shrink_control *) = { stop, scan_nothing, scan_more };
	static const int calls[] = { 1, 1, 2 };
	int i, nr;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct shrinker *shrinker = shrinker_alloc(0, "scan");

		nr = 0;
		shrinker->count_objects = a_thousand;
		shrinker->scan_objects = scans[i];
		shrinker->private_data = &nr;
		shrinker_register(shrinker);
		assert_int_equal(kmem_shrink_all(), 0);
		assert_int_equal(nr, calls[i]);
		shrinker_free(shrinker);
	}
}

static void the_classic_form_works(void **state)
{
	struct store store = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct shrinker shrinker = { .count_objects = count_blocks,
				     .scan_objects = free_blocks,
				     .seeks = DEFAULT_SEEKS,
				     .private_data = &store };

	(void)state;
	assert_int_equal(register_shrinker(&shrinker), 0);
	fill_store(&store, 10);
	assert_int_equal(kmem_shrink_all(), 10);
	unregister_shrinker(&shrinker);
	unregister_shrinker(&shrinker);
	fill_store(&store, 10);
	assert_int_equal(kmem_shrink_all(), 0);
	assert_int_equal(register_shrinker(&shrinker, "named-%d", 1), 0);
	assert_int_equal(kmem_shrink_all(), 10);
	unregister_shrinker(&shrinker);
}

static void several_are_all_called(void **state)
{
	struct store stores[5];
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		open_store(&stores[i], 10);
	close_store(&stores[2]);
	assert_int_equal(kmem_shrink_all(), 40);
	for (i = 0; i < 5; i++)
		if (i != 2)
			close_store(&stores[i]);
}

static struct shrinker *twice;

static void register_twice(void)
{
	twice = shrinker_alloc(0, "twice");
	twice->count_objects = a_thousand;
	twice->scan_objects = stop;
	shrinker_register(twice);
	shrinker_register(twice);
}

static unsigned long free_itself(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)sc;
	shrinker_free(shrinker);
	return 0;
}

static void free_within_itself(void)
{
	struct shrinker *shrinker = shrinker_alloc(0, "itself");

	shrinker->count_objects = free_itself;
	shrinker_register(shrinker);
	kmem_shrink_all();
}

static void misuse_is_reported(void **state)
{
	(void)state;
	dies_in_child(register_twice, "kmem: BUG shrinker: registered twice, of 0x");
	dies_in_child(free_within_itself, "kmem: BUG shrinker: unregistered within itself, of 0x");
}

/* ---- When memory is refused ---- */

/* Takes all that is left, without the shrinkers. */
static void exhaust(size_t size)
{
	while (kmalloc(size, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN))
		;
}

static void refuse(void)
{
	struct store store;
	void *block;

	open_store(&store, 200);
	limit_memory(0);
	exhaust(BLOCK);
	exhaust(1000);
	CHILD_EXPECT(store.nr == 200 && store.counts == 0);
	/* Neither of these may ask. */
	CHILD_EXPECT(!kmalloc(BLOCK, GFP_ATOMIC | __GFP_NOWARN));
	CHILD_EXPECT(!kmalloc(BLOCK, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	/* Nor is it of any use. */
	CHILD_EXPECT(!malloc((size_t)hidden((void *)(1UL << 62))));
	CHILD_EXPECT(store.nr == 200 && store.counts == 0);
	errno = 77;
	block = kmalloc(BLOCK, GFP_KERNEL);
	CHILD_EXPECT(block && errno == 77);
	/* a quarter was enough */
	CHILD_EXPECT(store.nr == 150);
	exhaust(BLOCK);
	CHILD_EXPECT(malloc(BLOCK));
	CHILD_EXPECT(store.nr < 150 && store.nr > 0);
	exhaust(BLOCK);
	exhaust(100);
	CHILD_EXPECT(malloc(100));
	/* To the end: then it is the end. */
	while (malloc(BLOCK))
		;
	CHILD_EXPECT(store.nr == 0 && errno == ENOMEM);
}

static void refused_memory_comes_from_shrinkers(void **state)
{
	(void)state;
	passes_without_memory(refuse);
}

/* Whatever asks. */
static void refuse_others(void)
{
	struct store store;

	open_store(&store, 200);
	limit_memory(0);
	exhaust(BLOCK);
	CHILD_EXPECT(alloc_pages(GFP_KERNEL, 6) && store.nr == 150);
	exhaust(BLOCK);
	CHILD_EXPECT(realloc(malloc(10), BLOCK) && store.nr < 150);
	exhaust(BLOCK);
	CHILD_EXPECT(calloc(BLOCK, 1));
	exhaust(BLOCK);
	CHILD_EXPECT(aligned_alloc(65536, BLOCK));
	CHILD_EXPECT(store.nr > 0);
}

static void pages_and_mallocs_kin_come_from_shrinkers(void **state)
{
	(void)state;
	passes_without_memory(refuse_others);
}

/* One large block wants all small ones gone. */
static void refuse_large(void)
{
	struct store store;

	open_store(&store, 200);
	limit_memory(0);
	exhaust(BLOCK);
	CHILD_EXPECT(malloc(8 * MIB));
	CHILD_EXPECT(store.nr < 200);
}

static void large_blocks_come_from_shrinkers(void **state)
{
	(void)state;
	passes_without_memory(refuse_large);
}

static unsigned long allocate_in_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	int *depth = shrinker->private_data;

	(void)sc;
	CHILD_EXPECT(++*depth == 1);
	/* There is none, and this must not come here again. */
	CHILD_EXPECT(!malloc(BLOCK));
	CHILD_EXPECT(kmem_shrink_all() == 0);
	--*depth;
	return SHRINK_STOP;
}

static unsigned long a_few(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)shrinker;
	(void)sc;
	return 10;
}

static void recurse(void)
{
	struct shrinker *shrinker = shrinker_alloc(0, "recursive");
	int depth = 0;

	shrinker->count_objects = a_few;
	shrinker->scan_objects = allocate_in_scan;
	shrinker->private_data = &depth;
	shrinker_register(shrinker);
	limit_memory(0);
	exhaust(BLOCK);
	CHILD_EXPECT(!malloc(BLOCK));
	shrinker_free(shrinker);
}

static void shrinkers_do_not_recurse(void **state)
{
	(void)state;
	passes_without_memory(recurse);
}

/* What costs more to make again is asked for less, as long as there is hope. */
static void seek(void)
{
	struct store cheap, dear;

	open_store(&cheap, 80);
	open_store(&dear, 80);
	dear.shrinker->seeks = 8 * DEFAULT_SEEKS;
	limit_memory(0);
	exhaust(BLOCK);
	CHILD_EXPECT(malloc(BLOCK));
	CHILD_EXPECT(cheap.nr == 60);
	CHILD_EXPECT(dear.nr == 78);
}

static void what_is_dear_goes_later(void **state)
{
	(void)state;
	passes_without_memory(seek);
}

/* ---- Threads and forks ---- */

static volatile bool inside, go_on;

static unsigned long wait_inside(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)shrinker;
	(void)sc;
	inside = true;
	while (!go_on)
		usleep(1000);
	inside = false;
	return 0;
}

static void *shrink_in_thread(void *arg)
{
	kmem_shrink_all();
	return arg;
}

static void *let_go_on_soon(void *arg)
{
	usleep(50000);
	go_on = true;
	return arg;
}

static void whoever_unregisters_waits_for_others(void **state)
{
	struct shrinker *shrinker = shrinker_alloc(0, "busy");
	pthread_t shrinking, releasing;

	(void)state;
	go_on = false;
	shrinker->count_objects = wait_inside;
	shrinker_register(shrinker);
	assert_int_equal(pthread_create(&shrinking, NULL, shrink_in_thread, NULL), 0);
	while (!inside)
		usleep(1000);
	assert_int_equal(pthread_create(&releasing, NULL, let_go_on_soon, NULL), 0);
	shrinker_free(shrinker);
	assert_true(go_on);
	assert_false(inside);
	pthread_join(shrinking, NULL);
	pthread_join(releasing, NULL);
}

static struct shrinker *held;

/* The thread that is in the shrinker is not in the child. */
static void free_what_a_lost_thread_runs(void)
{
	shrinker_free(held);
}

static void a_child_does_not_wait_for_lost_threads(void **state)
{
	pthread_t shrinking;

	(void)state;
	go_on = false;
	held = shrinker_alloc(0, "lost");
	held->count_objects = wait_inside;
	shrinker_register(held);
	assert_int_equal(pthread_create(&shrinking, NULL, shrink_in_thread, NULL), 0);
	while (!inside)
		usleep(1000);
	passes_in_child(free_what_a_lost_thread_runs);
	go_on = true;
	pthread_join(shrinking, NULL);
	shrinker_free(held);
}

static int in_scan;

static unsigned long one_block(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)shrinker;
	(void)sc;
	return 1;
}

static unsigned long scan_slowly(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)shrinker;
	(void)sc;
	__atomic_store_n(&in_scan, 1, __ATOMIC_RELEASE);
	usleep(50000);
	return SHRINK_STOP;
}

/* It ends when it is out of there, and nobody waits for it for ever. */
static void a_thread_is_not_cancelled_in_a_shrinker(void **state)
{
	struct shrinker shrinker = { .count_objects = one_block,
				     .scan_objects = scan_slowly,
				     .seeks = DEFAULT_SEEKS };
	pthread_t thread;

	(void)state;
	assert_int_equal(register_shrinker(&shrinker), 0);
	assert_int_equal(pthread_create(&thread, NULL, shrink_in_thread, NULL), 0);
	while (!__atomic_load_n(&in_scan, __ATOMIC_ACQUIRE))
		usleep(100);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	unregister_shrinker(&shrinker);
}

static void *come_and_go(void *arg)
{
	int i;

	for (i = 0; i < 200; i++) {
		struct store store;

		open_store(&store, 1);
		kmem_shrink_all();
		close_store(&store);
	}
	return arg;
}

static void many_threads_may_come_and_go(void **state)
{
	pthread_t threads[4];
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(kmem_shrink_all(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_shrinker_has_defaults),
		cmocka_unit_test(a_request_frees_everything),
		cmocka_unit_test(a_batch_is_as_large_as_asked_for),
		cmocka_unit_test(a_scan_ends_when_it_says_so),
		cmocka_unit_test(the_classic_form_works),
		cmocka_unit_test(several_are_all_called),
		cmocka_unit_test(misuse_is_reported),
		cmocka_unit_test(refused_memory_comes_from_shrinkers),
		cmocka_unit_test(pages_and_mallocs_kin_come_from_shrinkers),
		cmocka_unit_test(large_blocks_come_from_shrinkers),
		cmocka_unit_test(shrinkers_do_not_recurse),
		cmocka_unit_test(what_is_dear_goes_later),
		cmocka_unit_test(whoever_unregisters_waits_for_others),
		cmocka_unit_test(a_child_does_not_wait_for_lost_threads),
		cmocka_unit_test(a_thread_is_not_cancelled_in_a_shrinker),
		cmocka_unit_test(many_threads_may_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
