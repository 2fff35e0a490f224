/* SPDX-License-Identifier: MIT */
/*
 * When a heap that empties is given back, and what is left of it then.
 *
 * The decision is a function of what a look saw, of earlier answers and of the time: the tests make
 * all of these up. What is left is read from the zone, after this thread and others have freed a
 * heap of all sizes.
 */
#include <pthread.h>

#include "emptied.h"
#include "unit_slab.h"

#define PEAK	 (64UL << 20)
#define NOW	 1000000UL
#define MS_A_MIB (1024 / 48 + 1) /* until a debt of 1 MiB is paid */

/* All of PEAK is free and dirty, but for @needed. */
static struct needs empty_heap(unsigned long needed)
{
	return (struct needs){
		.used = needed, .peak = PEAK, .needed = needed, .gain = PEAK - needed
	};
}

static void answer(struct emptying *e, const struct needs *needs)
{
	struct needs after = *needs;

	after.gain = after.idle = 0;
	has_emptied(e, &after, needs->gain);
}

static void test_share(void **state)
{
	struct emptying e = { .paid_ms = NOW };
	struct needs needs = empty_heap(PEAK / 3);

	(void)state;
	EXPECT(!should_empty(&e, &needs, NOW));
	needs.peak = PEAK / 8;
	needs.needed = needs.used = needs.peak / 5;
	EXPECT(!should_empty(&e, &needs, NOW));
	needs.needed = needs.used = needs.peak / 40;
	EXPECT(should_empty(&e, &needs, NOW));
	needs = empty_heap(PEAK / 5);
	EXPECT(should_empty(&e, &needs, NOW));
	/* little to be had */
	needs.gain = 4096;
	EXPECT(!should_empty(&e, &needs, NOW));
	needs.at_exit = true;
	EXPECT(!should_empty(&e, &needs, NOW));
}

/*
 * As the heap goes on emptying it is answered when half as much is needed, or much has become free.
 */
static void test_again(void **state)
{
	struct emptying e = { .paid_ms = NOW };
	struct needs needs = empty_heap(PEAK / 100);

	(void)state;
	EXPECT(should_empty(&e, &needs, NOW));
	answer(&e, &needs);
	needs.gain = 1 << 20;
	EXPECT(!should_empty(&e, &needs, NOW));
	needs.gain = PEAK / 2;
	EXPECT(should_empty(&e, &needs, NOW));
	needs.gain = 1 << 20;
	needs.needed /= 2;
	EXPECT(should_empty(&e, &needs, NOW));
	/* what a few objects hold is not to be had, however often it is tried */
	needs.needed *= 2;
	needs.idle = needs.gain = PEAK / 2;
	has_emptied(&e, &needs, 0);
	EXPECT(!should_empty(&e, &needs, NOW));
	/* unless it was a thread's that ends */
	needs.at_exit = true;
	EXPECT(should_empty(&e, &needs, NOW));
}

/*
 * A program that builds its heap again and again: until what it refilled is paid for, it keeps it.
 */
static void test_debt(void **state)
{
	struct emptying e = { .paid_ms = NOW };
	struct needs needs = empty_heap(0);
	unsigned long turn, answers = 0;
	uint64_t now = NOW, paid;

	(void)state;
	for (turn = 0; turn < 1000; turn++, now += 10) {
		if (!should_empty(&e, &needs, now))
			continue;
		answers++;
		answer(&e, &needs);
		needs.refilled += PEAK;
	}
	EXPECT(answers > 1);
	EXPECT(answers <= 2 + 1000 * 10 / (64 * (MS_A_MIB - 1)));
	EXPECT(is_in_debt(&e, needs.refilled, now));
	/* until it says, if nothing is refilled meanwhile */
	paid = debt_paid_ms(&e);
	EXPECT(is_in_debt(&e, needs.refilled, paid - 1));
	EXPECT(!is_in_debt(&e, needs.refilled, paid));
	EXPECT(debt_paid_ms(&e) <= paid);
	/* a while later */
	EXPECT(!is_in_debt(&e, needs.refilled, now + 64 * MS_A_MIB));
	EXPECT(should_empty(&e, &needs, now + 64 * MS_A_MIB));
}

/* A heap that swings has to get emptier than when it was refilled; which is forgotten by and by. */
static void test_learns(void **state)
{
	struct emptying e = { .paid_ms = NOW };
	struct needs needs = empty_heap(PEAK / 64);
	uint64_t now = NOW;

	(void)state;
	EXPECT(should_empty(&e, &needs, now));
	answer(&e, &needs);
	needs.refilled += PEAK;
	EXPECT(!should_empty(&e, &needs, now));
	now += 1900;
	EXPECT(!should_empty(&e, &needs, now));
	EXPECT_EQ(e.debt, 0);
	EXPECT(empty_limit(&e, &needs) <= PEAK / 128);
	needs = empty_heap(PEAK / 128);
	needs.refilled = PEAK;
	EXPECT(should_empty(&e, &needs, now));
	needs.needed = PEAK / 64;
	EXPECT(!should_empty(&e, &needs, now));
	EXPECT(should_empty(&e, &needs, now + 20000));
	EXPECT(should_empty(&e, &needs, now + 10000000));
	EXPECT_EQ(e.low, 0);
}

/* Where large blocks come and go, only as much is given back as can be risked. */
static void test_risk(void **state)
{
	struct emptying e = { .paid_ms = NOW };
	struct needs needs = empty_heap(0);

	(void)state;
	needs.refaults = PEAK;
	EXPECT(!should_empty(&e, &needs, NOW));
	needs.gain = PEAK / 8;
	EXPECT(should_empty(&e, &needs, NOW));
}

/* ---- The whole of it ---- */

#define MANY 20000u
static void *objects[2][MANY];

static void build(unsigned int id)
{
	uint64_t rng = unit_seed(7) + id;
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		size_t size = unit_below(&rng, i % 50 ? 600 : 40000) + 1;

		objects[id][i] = unit_kmalloc(size);
		EXPECT(objects[id][i] != NULL);
		memset(objects[id][i], 0x5a, size);
	}
}

static void drop(unsigned int id)
{
	unsigned int i;

	for (i = 0; i < MANY; i++)
		unit_kfree(objects[id][(i * 7919) % MANY]);
}

/* Pages that cost memory or may. */
static unsigned long pages_held(void)
{
	struct zone_totals sum;

	zones_total(&sum);
	return sum.nr_online - sum.nr_free + sum.nr_dirty;
}

/* A slab of each class is held by an object that stays, but its pages cost nothing. */
static unsigned long pages_of_slabs(void)
{
	unsigned long pages = 0;
	unsigned int class;

	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		pages += 1UL << kmalloc_caches[class].order;
	return pages;
}

static void expect_returned(unsigned long before, unsigned long most)
{
	EXPECT(most > before + 3000);
	EXPECT(pages_held() < before + pages_of_slabs() + 200);
}

/* What is held with a heap, and without: returned. */
static unsigned long build_first(unsigned long *most)
{
	unsigned long before;

	kmem_trim();
	before = pages_held();
	build(0);
	*most = pages_held();
	return before;
}

static void thread_empties(void *arg)
{
	unsigned long most, before = build_first(&most);

	(void)arg;
	drop(0);
	expect_returned(before, most);
	expect_caches_sound();
}

static void visit(struct kmem_cpu *(*enter)(void))
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		cpu_leave(enter());
}

/* Who may not enter the OS leaves it to who may. */
static void atomic_visits(void *arg)
{
	unsigned long calls, most, before = build_first(&most);

	(void)arg;
	emptied_wanted = false;
	drop(0);
	emptied_wanted = true;
	calls = unit_os_calls;
	visit(cpu_enter_atomic);
	EXPECT_EQ(unit_os_calls, calls);
	visit(cpu_enter);
	EXPECT(unit_os_calls > calls);
	expect_returned(before, most);
}

static void pass_time(void)
{
	struct kmem_cpu *cpu = cpu_enter();

	emptied_by_time(cpu);
	cpu_leave(cpu);
}

/* Who looks because time has passed has not counted visits, and looks only if there is cause. */
static void time_passes(void *arg)
{
	unsigned long most, before = build_first(&most);

	(void)arg;
	pass_time();
	EXPECT(pages_held() >= most);
	emptied_wanted = false;
	drop(0);
	pass_time();
	EXPECT(pages_held() > before + pages_of_slabs() + 200);
	emptied_wanted = true;
	pass_time();
	expect_returned(before, most);
	expect_caches_sound();
}

static pthread_barrier_t built;

/* Neither is done when the other begins, which would be a heap that empties and is filled again. */
static void build_and_drop(void *arg, unsigned int id)
{
	(void)arg;
	build(id);
	pthread_barrier_wait(&built);
	drop(id);
}

/* The last thread that ends leaves nothing behind. */
static void threads_empty(void *arg)
{
	unsigned long before;

	(void)arg;
	kmem_trim();
	before = pages_held();
	pthread_barrier_init(&built, NULL, 2);
	unit_threads(2, build_and_drop, NULL);
	pthread_barrier_destroy(&built);
	EXPECT(pages_held() < before + 200);
	expect_caches_sound();
}

/* Not if nothing is to be given back by itself. */
static void never(void *arg)
{
	unsigned long most;

	(void)arg;
	options_parse("decay_ms=-1", &purge_params, 1);
	build(0);
	/* what lies there and was never used is held by nobody */
	unit_return_lists();
	most = pages_held();
	drop(0);
	EXPECT(pages_held() >= most);
	expect_nothing_left();
}

/* In a child each: what was refilled in one would matter in the next. */
static void test_thread_empties(void **state)
{
	(void)state;
	unit_passes(thread_empties, NULL);
}

static void test_atomic_visits(void **state)
{
	(void)state;
	unit_passes(atomic_visits, NULL);
}

static void test_time_passes(void **state)
{
	(void)state;
	unit_passes(time_passes, NULL);
}

static void test_threads_empty(void **state)
{
	(void)state;
	unit_passes(threads_empty, NULL);
}

/* Many objects of 96 bytes lie in the thread's main sheaf. */
static void fill_sheaf(void)
{
	void *kept[40];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kept); i++)
		kept[i] = unit_kmalloc(96);
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		unit_kfree(kept[i]);
}

/*
 * A signal handler may look, and give back, between any two instructions of a hit path: what that
 * has read of its slot has to hold still.
 */
static void test_within_a_pop(void **state)
{
	void *kept[40], *object, **top;
	struct cpu_slot *slot;
	unsigned int i;

	(void)state;
	fill_sheaf();
	slot = kmalloc_cpu_slot(this_cpu, 96);
	top = slot->top;
	object = top[-1];
	EXPECT(object != NULL);
	cpu_hollow(this_cpu);
	EXPECT(slot->top == top && top[-1] == object);
	EXPECT_EQ(slot_objects(slot), 1);
	slot->top = top - 1;
	slab_check_object(&kmalloc_caches[kmalloc_class(96)], object);
	/* the next finds nothing, and what is below is used again */
	EXPECT(slot_pop(slot) == NULL);
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		EXPECT((kept[i] = unit_kmalloc(96)) != object);
	expect_caches_sound();
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		unit_kfree(kept[i]);
	unit_kfree(object);
	expect_nothing_left();
}

static void test_within_a_push(void **state)
{
	void *object = unit_kmalloc(96), *other = unit_kmalloc(96), *third = unit_kmalloc(96);
	struct cpu_slot *slot;
	void **top;

	(void)state;
	unit_kfree(third);
	unit_kfree(other);
	slot = kmalloc_cpu_slot(this_cpu, 96);
	top = slot->top;
	EXPECT(top[-1] == other && top < slot->end);
	*top = object;
	cpu_hollow(this_cpu);
	/* again, as where an allocation fails */
	kmem_trim_unasked();
	slot->top = top + 1;
	EXPECT_EQ(slot_objects(slot), 2);
	EXPECT(unit_kmalloc(96) == object);
	EXPECT(unit_kmalloc(96) == other);
	unit_kfree(object);
	unit_kfree(other);
	expect_nothing_left();
}

/* Hollow, a sheaf serves whoever comes next as any other does. */
static void test_hollow_in_bulk(void **state)
{
	struct kmem_cache *s = &kmalloc_caches[kmalloc_class(96)];
	struct cpu_slot *slot;
	void *some[10];

	(void)state;
	fill_sheaf();
	slot = kmalloc_cpu_slot(this_cpu, 96);
	cpu_hollow(this_cpu);
	EXPECT_EQ(sheaf_alloc_bulk(this_cpu, s, some, ARRAY_SIZE(some)), 1);
	EXPECT_EQ(slot_objects(slot), 0);
	fill_sheaf();
	cpu_hollow(this_cpu);
	EXPECT_EQ(sheaf_free_bulk(this_cpu, s, some, 1), 1);
	EXPECT_EQ(slot_objects(slot), 2);
	expect_caches_sound();
	expect_nothing_left();
}

/*
 * Its limit begins anew, so that the next few frees come to the slow paths, and is soon what it
 * was.
 */
static void test_hollow_begins_anew(void **state)
{
	struct cpu_slot *slot;
	unsigned int i, limit;

	(void)state;
	for (i = 0; i < 10; i++)
		fill_sheaf();
	slot = kmalloc_cpu_slot(this_cpu, 96);
	limit = slot->main->limit;
	EXPECT(limit >= 32);
	for (i = 0; i < 2; i++) {
		cpu_hollow(this_cpu);
		EXPECT_EQ(slot->main->limit, 1);
		fill_sheaf();
		EXPECT_EQ(slot->main->limit, limit);
	}
	expect_nothing_left();
}

/* A push that was interrupted by that exceeds the limit, and must not fill more than there is. */
static void test_hollow_within_a_push(void **state)
{
	static struct kmem_cache cache;
	struct cpu_slot *slot = &this_cpu->slot[200];
	void *object[3], **top;
	unsigned int i;

	(void)state;
	cache.sheaf_capacity = 2;
	cache_init(&cache, "test-96", 96, 32, 200);
	cache_init_sheaves(&cache);
	slot_init(slot);
	EXPECT_EQ(slab_alloc_bulk(&cache, NULL, object, 3, GFP_KERNEL), 3);
	sheaf_free(this_cpu, &cache, object[0]);
	while (slot->main->limit < 2) {
		sheaf_free(this_cpu, &cache, object[1]);
		object[1] = slot_pop(slot);
	}
	top = slot->top;
	EXPECT(top == slot->main->objects + 1 && top < slot->end);
	*top = object[1];
	slot_hollow(slot, &cache, NULL);
	slot->top = top + 1;
	sheaf_free(this_cpu, &cache, object[2]);
	EXPECT(slot->top <= slot->main->objects + 2);
	for (i = 0; i < 3 && (object[0] = slot_pop(slot)); i++)
		slab_free_bulk(&cache, NULL, object, 1);
	EXPECT(i && i < 3);
	slot_flush(slot, &cache, NULL);
	cache_shrink(&cache);
	kmem_caches[200] = NULL;
}

static void hollow_and_end(void *arg, unsigned int id)
{
	(void)arg;
	(void)id;
	fill_sheaf();
	cpu_hollow(this_cpu);
}

static void test_hollow_at_the_end(void **state)
{
	(void)state;
	kmem_trim();
	unit_threads(1, hollow_and_end, NULL);
	EXPECT(cpus_objects(&kmalloc_caches[kmalloc_class(96)]) <= 1);
	unit_threads(1, hollow_and_end, NULL);
	expect_caches_sound();
	expect_nothing_left();
}

static void free_twice(void *object)
{
	unit_kfree(object);
	unit_kfree(object);
	cpu_hollow(this_cpu);
}

/* The memory behind the one object that stays goes if nobody else's is there. */
static void test_kept_slab(void **state)
{
	unsigned char *object = unit_kmalloc(96), *other = unit_kmalloc(96);

	(void)state;
	EXPECT(slab_at(object) == slab_at(other));
	unit_fill(object, 96, 1);
	unit_fill(other, 96, 2);
	unit_dies_saying(free_twice, object, "kmem: BUG kmalloc-96: double free of 0x%lx",
			 (unsigned long)object);
	unit_kfree(object);
	cpu_hollow(this_cpu);
	EXPECT(unit_holds(other, 96, 2));
	EXPECT(unit_holds(object, 96, 1));
	unit_kfree(other);
	cpu_hollow(this_cpu);
	EXPECT_EQ(slot_objects(kmalloc_cpu_slot(this_cpu, 96)), 1);
	EXPECT(unit_is_zero(other, 96));
	expect_nothing_left();
}

/* Not of a cache whose objects stay constructed. */
static void test_kept_constructed(void **state)
{
	static struct kmem_cache cache = { .tracks = true };
	void *object;

	(void)state;
	cache_init(&cache, "tracks-96", 96, 32, 200);
	cache_init_sheaves(&cache);
	EXPECT_EQ(slab_alloc_bulk(&cache, NULL, &object, 1, GFP_KERNEL), 1);
	object = (char *)object - FRESH_OBJECT;
	unit_fill(object, 96, 3);
	EXPECT(!slab_forget_contents(&cache, object));
	EXPECT(unit_holds(object, 96, 3));
	slab_free_bulk(&cache, NULL, &object, 1);
	cache_shrink(&cache);
	kmem_caches[200] = NULL;
}

/* Of each slab something is left, so that no page is freed: it is seen nonetheless. */
static void hollow(void *arg)
{
	struct kmem_cache *s = &kmalloc_caches[kmalloc_class(512)];
	unsigned int n, i, got;
	void **taken = objects[0];

	(void)arg;
	kmem_trim();
	n = 64 * s->objects;
	EXPECT(n && n <= MANY);
	for (got = 0; got < n;)
		got += slab_alloc_bulk(s, NULL, taken + got, n - got, GFP_KERNEL);
	WRITE_ONCE(heap_state, HEAP_STEADY);
	for (i = 0; i < n; i++)
		if (i % s->objects >= s->objects / 2)
			slab_free_bulk(s, NULL, &taken[i], 1);
	EXPECT_EQ(heap_state, HEAP_STEADY);
	for (i = 0; i < n; i++)
		if (i % s->objects && i % s->objects < s->objects / 2)
			slab_free_bulk(s, NULL, &taken[i], 1);
	EXPECT_EQ(heap_state, HEAP_SANK);
	for (i = 0; i < n; i += s->objects)
		slab_free_bulk(s, NULL, &taken[i], 1);
}

static void test_hollow(void **state)
{
	(void)state;
	unit_passes(hollow, NULL);
}

static void unwanted(void *arg)
{
	(void)arg;
	options_parse("give_back_empty=0", &emptied_params, 1);
	build(0);
	drop(0);
	EXPECT_EQ(zone_normal.nr_emptied + zone_normal.nr_refilled, 0);
	options_parse("give_back_empty=1", &emptied_params, 1);
	build(0);
	drop(0);
	EXPECT(zone_normal.nr_emptied + zone_normal.nr_refilled > 0);
	expect_nothing_left();
}

static void test_unwanted(void **state)
{
	(void)state;
	unit_passes(unwanted, NULL);
}

static void test_never(void **state)
{
	(void)state;
	unit_passes(never, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_debt),
		cmocka_unit_test(test_learns),
		cmocka_unit_test(test_risk),
		cmocka_unit_test(test_threads_empty),
		cmocka_unit_test(test_thread_empties),
		cmocka_unit_test(test_atomic_visits),
		cmocka_unit_test(test_time_passes),
		cmocka_unit_test(test_hollow),
		cmocka_unit_test(test_within_a_pop),
		cmocka_unit_test(test_within_a_push),
		cmocka_unit_test(test_hollow_begins_anew),
		cmocka_unit_test(test_hollow_within_a_push),
		cmocka_unit_test(test_hollow_in_bulk),
		cmocka_unit_test(test_hollow_at_the_end),
		cmocka_unit_test(test_kept_slab),
		cmocka_unit_test(test_kept_constructed),
		cmocka_unit_test(test_unwanted),

		cmocka_unit_test(test_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
