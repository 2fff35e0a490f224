/* SPDX-License-Identifier: MIT */
/* Constructors and destructors: once per object and slab life, with allocation, and after RCU. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <kmem/slabinfo.h>

#include "api.h"

#define MAGIC 0x5eedUL
#define MANY  500

struct object {
	unsigned long magic;
	unsigned long constructed; /* how often, while the memory is the cache's */
	void *buffer;
	char rest[100];
};

static unsigned long nr_ctor, nr_dtor, nr_wrong;
static struct kmem_cache *inner;

static void reset(void)
{
	nr_ctor = 0;
	nr_dtor = 0;
	nr_wrong = 0;
}

static void ctor(void *p)
{
	struct object *o = p;

	__atomic_fetch_add(&nr_ctor, 1, __ATOMIC_RELAXED);
	memset(o, 0, sizeof(*o));
	o->magic = MAGIC;
	o->constructed = 1;
}

static void dtor(void *p)
{
	struct object *o = p;

	if (o->magic != MAGIC)
		__atomic_fetch_add(&nr_wrong, 1, __ATOMIC_RELAXED);
	o->magic = 0;
	__atomic_fetch_add(&nr_dtor, 1, __ATOMIC_RELAXED);
}

static void take_all(struct kmem_cache *s, struct object **objects, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		assert_non_null(objects[i]);
		assert_int_equal(objects[i]->magic, MAGIC);
	}
}

static void give_all(struct kmem_cache *s, struct object **objects, size_t n)
{
	while (n-- > 0)
		kmem_cache_free(s, objects[n]);
}

/* What is constructed and freed comes back as it was left; nothing is constructed a second time. */
static void constructed_once_and_stays_so(void **state)
{
	struct kmem_cache_args args = { .ctor = ctor, .dtor = dtor };
	struct kmem_cache *s = kmem_cache_create("ctor", sizeof(struct object), &args, 0);
	struct object *objects[MANY];
	unsigned long before, fresh = 0, kept = 0;
	struct slabinfo info;
	size_t i;

	(void)state;
	reset();
	take_all(s, objects, 1);
	/* not a whole slab of them for one that is wanted */
	get_slabinfo(s, &info);
	assert_true(nr_ctor < info.objects_per_slab);
	take_all(s, objects + 1, MANY - 1);
	/* one in eight is kept, so that no slab is released */
	for (i = 0; i < MANY; i++) {
		objects[i]->constructed = 77;
		if (i % 8)
			kmem_cache_free(s, objects[i]);
	}
	assert_int_equal(nr_dtor, 0);
	before = nr_ctor;
	for (i = 0; i < MANY; i++) {
		if (i % 8 == 0)
			continue;
		take_all(s, &objects[i], 1);
		kept += objects[i]->constructed == 77;
		fresh += objects[i]->constructed == 1;
		objects[i]->constructed = 2;
	}
	assert_int_equal(kept + fresh, MANY - (MANY + 7) / 8);
	assert_true(fresh <= nr_ctor - before + 61);
	assert_true(kept > MANY / 2);
	give_all(s, objects, MANY);
	assert_int_equal(kmem_cache_destroy(s), 0);
	assert_int_equal(nr_dtor, nr_ctor);
	assert_int_equal(nr_wrong, 0);
}

static void destructed_with_their_slabs(void **state)
{
	struct kmem_cache_args args = { .ctor = ctor, .dtor = dtor };
	struct kmem_cache *s = kmem_cache_create("dtor", sizeof(struct object), &args, 0);
	struct object *objects[MANY];

	(void)state;
	reset();
	take_all(s, objects, MANY);
	give_all(s, objects, MANY);
	/* what lies in sheaves and a few empty slabs stays constructed */
	assert_true(nr_dtor < nr_ctor);
	assert_int_equal(kmem_cache_shrink(s), 0);
	assert_int_equal(nr_dtor, nr_ctor);
	take_all(s, objects, 10);
	assert_int_equal(kmem_cache_shrink(s), 1);
	give_all(s, objects, 10);
	assert_int_equal(kmem_cache_destroy(s), 0);
	assert_int_equal(nr_dtor, nr_ctor);
	assert_int_equal(nr_wrong, 0);
}

static void expect_left(void *p)
{
	if (*(int *)p != 0 && *(int *)p != MAGIC)
		nr_wrong++;
	nr_dtor++;
}

/* What a destructor is to find is not overwritten, with or without a constructor. */
static void poison_leaves_what_is_destructed(void **state)
{
	struct kmem_cache_args args = { .dtor = expect_left };
	struct kmem_cache *s = kmem_cache_create("poisoned", 64, &args, SLAB_POISON);
	int *object = kmem_cache_alloc(s, GFP_KERNEL);

	(void)state;
	reset();
	assert_non_null(object);
	*object = MAGIC;
	kmem_cache_free(s, object);
	assert_int_equal(kmem_cache_destroy(s), 0);
	assert_true(nr_dtor > 0);
	assert_int_equal(nr_wrong, 0);
}

/* ---- The form of Linux 2.6 ---- */

static kmem_cache_t *old_cache;

static void old_ctor(void *p, kmem_cache_t *s, unsigned long flags)
{
	if (s != old_cache || !(flags & SLAB_CTOR_CONSTRUCTOR) ||
	    (flags & (SLAB_CTOR_ATOMIC | SLAB_CTOR_VERIFY)))
		nr_wrong++;
	ctor(p);
}

static void old_dtor(void *p, kmem_cache_t *s, unsigned long flags)
{
	if (s != old_cache || (flags & SLAB_CTOR_CONSTRUCTOR))
		nr_wrong++;
	dtor(p);
}

static void six_arguments(void **state)
{
	struct object *objects[100];

	(void)state;
	reset();
	old_cache = kmem_cache_create("old", sizeof(struct object), 0, SLAB_HWCACHE_ALIGN, old_ctor,
				      old_dtor);
	assert_non_null(old_cache);
	take_all(old_cache, objects, 100);
	give_all(old_cache, objects, 100);
	assert_int_equal(kmem_cache_destroy(old_cache), 0);
	assert_true(nr_ctor >= 100);
	assert_int_equal(nr_dtor, nr_ctor);
	assert_int_equal(nr_wrong, 0);
}

/* ---- Constructors that allocate ---- */

static void greedy_ctor(void *p)
{
	struct object *o = p;
	void *passing = malloc(sizeof(struct object));

	ctor(p);
	o->buffer = kmem_cache_alloc(inner, GFP_KERNEL);
	if (!passing || !o->buffer || ((struct object *)o->buffer)->magic != MAGIC)
		nr_wrong++;
	free(passing);
}

static void greedy_dtor(void *p)
{
	struct object *o = p;

	kmem_cache_free(inner, o->buffer);
	dtor(p);
}

static void constructors_may_allocate(void **state)
{
	struct kmem_cache_args args = { .ctor = greedy_ctor, .dtor = greedy_dtor };
	struct object *objects[MANY];
	struct kmem_cache *s;

	(void)state;
	reset();
	inner = kmem_cache_create("inner", sizeof(struct object), 0, 0, ctor);
	s = kmem_cache_create("greedy", sizeof(struct object), &args, 0);
	take_all(s, objects, MANY);
	give_all(s, objects, MANY);
	assert_int_equal(kmem_cache_destroy(s), 0);
	assert_int_equal(nr_wrong, 0);
	assert_int_equal(kmem_cache_destroy(inner), 0);
}

/* One object asks for another of its own kind, some levels deep. */
static struct kmem_cache *self_cache;
static int depth;

static void recursive_ctor(void *p)
{
	struct object *other;

	ctor(p);
	if (depth < 5) {
		depth++;
		other = kmem_cache_alloc(self_cache, GFP_KERNEL);
		if (!other || other == p || other->magic != MAGIC)
			nr_wrong++;
		kmem_cache_free(self_cache, other);
		depth--;
	}
}

static void constructors_may_allocate_from_their_own_cache(void **state)
{
	struct object *objects[MANY];

	(void)state;
	reset();
	self_cache = kmem_cache_create("self", sizeof(struct object), 0, 0, recursive_ctor);
	take_all(self_cache, objects, MANY);
	give_all(self_cache, objects, MANY);
	assert_int_equal(nr_wrong, 0);
	assert_int_equal(kmem_cache_destroy(self_cache), 0);
}

static void no_zero_with_a_constructor(void **state)
{
	struct kmem_cache *s = kmem_cache_create("nozero", 100, 0, 0, ctor);
	char text[500];

	(void)state;
	kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
	api_listen();
	assert_null(kmem_cache_zalloc(s, GFP_KERNEL));
	assert_null(kmem_cache_alloc(s, GFP_KERNEL | __GFP_ZERO));
	api_heard(text, sizeof(text));
	assert_non_null(strstr(text, "nozero"));
	assert_int_equal(kmem_cache_destroy(s), 0);
}

static void bulk_objects_are_constructed(void **state)
{
	struct kmem_cache_args args = { .ctor = ctor, .dtor = dtor };
	struct kmem_cache *s = kmem_cache_create("bulk", sizeof(struct object), &args, 0);
	struct object *objects[MANY];
	size_t i, round;

	(void)state;
	reset();
	for (round = 0; round < 3; round++) {
		assert_int_equal(kmem_cache_alloc_bulk(s, GFP_KERNEL, MANY, (void **)objects),
				 MANY);
		for (i = 0; i < MANY; i++)
			assert_int_equal(objects[i]->magic, MAGIC);
		kmem_cache_free_bulk(s, MANY, (void **)objects);
	}
	assert_int_equal(kmem_cache_destroy(s), 0);
	assert_int_equal(nr_dtor, nr_ctor);
	assert_int_equal(nr_wrong, 0);
}

/* ---- Threads ---- */

static struct kmem_cache *shared;

static void *churn(void *arg)
{
	struct object *objects[100];
	int round, i;

	(void)arg;
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 100; i++) {
			objects[i] = kmem_cache_alloc(shared, GFP_KERNEL);
			if (!objects[i] || objects[i]->magic != MAGIC)
				__atomic_fetch_add(&nr_wrong, 1, __ATOMIC_RELAXED);
		}
		for (i = 0; i < 100; i++)
			kmem_cache_free(shared, objects[i]);
		if (round % 10 == 9)
			kmem_cache_shrink(shared);
	}
	return NULL;
}

static void threads_construct_and_destruct(void **state)
{
	struct kmem_cache_args args = { .ctor = ctor, .dtor = dtor };
	pthread_t threads[4];
	size_t i;

	(void)state;
	reset();
	shared = kmem_cache_create("shared", sizeof(struct object), &args, 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(kmem_cache_destroy(shared), 0);
	assert_int_equal(nr_wrong, 0);
	assert_int_equal(nr_dtor, nr_ctor);
}

/*
 * A destructor is running in another thread: a child has that slab no more, and does not wait for
 * it.
 */
static int in_dtor, may_go;

static void slow_dtor(void *p)
{
	(void)p;
	__atomic_store_n(&in_dtor, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&may_go, __ATOMIC_ACQUIRE))
		usleep(1000);
}

static void *use_and_shrink(void *arg)
{
	kmem_cache_free(arg, kmem_cache_alloc(arg, GFP_KERNEL));
	kmem_cache_shrink(arg);
	return NULL;
}

static void destroy_in_child(void)
{
	__atomic_store_n(&may_go, 1, __ATOMIC_RELEASE);
	CHILD_EXPECT(kmem_cache_destroy(shared) == 0);
}

static void a_child_does_not_wait_for_lost_destructors(void **state)
{
	struct kmem_cache_args args = { .ctor = ctor, .dtor = slow_dtor };
	pthread_t thread;

	(void)state;
	in_dtor = may_go = 0;
	shared = kmem_cache_create("slow", sizeof(struct object), &args, 0);
	assert_int_equal(pthread_create(&thread, NULL, use_and_shrink, shared), 0);
	while (!__atomic_load_n(&in_dtor, __ATOMIC_ACQUIRE))
		usleep(1000);
	passes_in_child(destroy_in_child);
	__atomic_store_n(&may_go, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(kmem_cache_destroy(shared), 0);
}

/* ---- SLAB_TYPESAFE_BY_RCU ---- */

static void slabs_wait_for_their_readers(void **state)
{
	struct kmem_cache_args args = { .ctor = ctor, .dtor = dtor };
	struct object *objects[MANY];
	struct kmem_cache *s;

	(void)state;
	reset();
	s = kmem_cache_create("rcu", sizeof(struct object), &args, SLAB_TYPESAFE_BY_RCU);
	assert_non_null(s);
	take_all(s, objects, MANY);
	kmem_rcu_read_lock();
	kmem_rcu_read_lock();
	give_all(s, objects, MANY);
	kmem_cache_shrink(s);
	assert_int_equal(nr_dtor, 0);
	assert_int_equal(objects[0]->magic, MAGIC);
	kmem_rcu_read_unlock();
	assert_int_equal(nr_dtor, 0);
	kmem_rcu_read_unlock();
	assert_int_equal(nr_dtor, nr_ctor);
	kmem_synchronize_rcu();
	assert_int_equal(kmem_cache_destroy(s), 0);
	assert_int_equal(nr_wrong, 0);
}

static void *read_for_a_while(void *arg)
{
	pthread_barrier_t *barrier = arg;

	kmem_rcu_read_lock();
	pthread_barrier_wait(barrier);
	usleep(20000);
	__atomic_store_n(&nr_wrong, nr_dtor, __ATOMIC_RELAXED);
	kmem_rcu_read_unlock();
	return NULL;
}

static void destroy_waits_for_other_threads(void **state)
{
	struct kmem_cache_args args = { .ctor = ctor, .dtor = dtor };
	struct object *objects[MANY];
	pthread_barrier_t barrier;
	struct kmem_cache *s;
	pthread_t thread;

	(void)state;
	reset();
	s = kmem_cache_create("rcu2", sizeof(struct object), &args, SLAB_DESTROY_BY_RCU);
	take_all(s, objects, MANY);
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, read_for_a_while, &barrier), 0);
	pthread_barrier_wait(&barrier);
	give_all(s, objects, MANY);
	assert_int_equal(kmem_cache_destroy(s), 0);
	pthread_join(thread, NULL);
	assert_int_equal(nr_dtor, nr_ctor);
	/* none had gone while it read */
	assert_int_equal(nr_wrong, 0);
}

static void wait_for_myself(void)
{
	kmem_rcu_read_lock();
	kmem_synchronize_rcu();
}

static void unlock_too_often(void)
{
	kmem_rcu_read_unlock();
}

static void misused_grace_periods_are_told(void **state)
{
	(void)state;
	dies_in_child(wait_for_myself, "kmem_synchronize_rcu()");
	dies_in_child(unlock_too_often, "without kmem_rcu_read_lock()");
}

/* ---- A scheme of the program's own; last, since it stays ---- */

static unsigned long nr_calls, nr_barriers;

static void my_call(struct kmem_rcu_head *head, void (*func)(struct kmem_rcu_head *head))
{
	nr_calls++;
	func(head);
}

static void my_barrier(void)
{
	nr_barriers++;
}

static void my_nothing(void)
{
}

static void register_and_use(void)
{
	static const struct kmem_rcu_ops ops = { my_call, my_barrier, my_nothing, my_nothing,
						 my_nothing };
	static const struct kmem_rcu_ops partial = { .call = my_call };
	struct kmem_cache *s;

	if (kmem_rcu_register(&partial) != -EINVAL || kmem_rcu_register(NULL) != -EINVAL ||
	    kmem_rcu_register(&ops))
		_exit(1);
	s = kmem_cache_create("mine", 100, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
	if (kmem_rcu_register(&ops) != -EBUSY || kmem_cache_destroy(s))
		_exit(2);
	if (nr_calls != 1 || nr_barriers != 1)
		_exit(3);
}

static void schemes_can_be_registered(void **state)
{
	char text[1000];

	(void)state;
	assert_int_equal(child_says(register_and_use, text, sizeof(text)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* before a cache uses the built-in scheme */
		cmocka_unit_test(schemes_can_be_registered),
		cmocka_unit_test(constructed_once_and_stays_so),
		cmocka_unit_test(destructed_with_their_slabs),
		cmocka_unit_test(poison_leaves_what_is_destructed),
		cmocka_unit_test(six_arguments),
		cmocka_unit_test(constructors_may_allocate),
		cmocka_unit_test(constructors_may_allocate_from_their_own_cache),
		cmocka_unit_test(no_zero_with_a_constructor),
		cmocka_unit_test(bulk_objects_are_constructed),
		cmocka_unit_test(threads_construct_and_destruct),
		cmocka_unit_test(a_child_does_not_wait_for_lost_destructors),
		cmocka_unit_test(slabs_wait_for_their_readers),
		cmocka_unit_test(destroy_waits_for_other_threads),
		cmocka_unit_test(misused_grace_periods_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
