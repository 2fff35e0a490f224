/* SPDX-License-Identifier: MIT */
/*
 * Slabs on their way out, and the readers they wait for: forks, destructors and signals meanwhile.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "cache_alloc.h"
#include "fork.h"
#include "rcu.h"
#include "unit_slab.h"

#define NR 100

static const slab_flags_t both[] = { 0, SLAB_TYPESAFE_BY_RCU };

static int teardown(void **state)
{
	(void)state;
	expect_nothing_left();
	return 0;
}

/* A cache with two objects to a slab, all of which were in use. */
static struct kmem_cache *make_used(slab_flags_t flags, void (*dtor)(void *object))
{
	const struct cache_wish wish = {
		.name = "unit", .size = 16000, .flags = flags, .dtor = dtor
	};
	void *objects[NR];
	struct kmem_cache *s;
	int error;

	s = cache_create(&wish, &error);
	EXPECT(s != NULL);
	EXPECT(cache_alloc_bulk(s, GFP_KERNEL, objects, NR, NULL));
	cache_free_bulk(s, objects, NR, NULL);
	return s;
}

static void end(struct kmem_cache *s)
{
	expect_cache_sound(s);
	EXPECT_EQ(cache_destroy(s), 0);
	EXPECT_EQ(s->state, CACHE_DEAD);
	EXPECT_EQ(s->nr_waiting, 0);
}

/* ---- A destructor that forks while its cache ends ---- */

static bool may_fork;
static pid_t forked;

/* The child ends the cache, too, or is killed. */
static void forking_dtor(void *object)
{
	(void)object;
	if (!may_fork)
		return;
	may_fork = false;
	forked = fork();
	if (!forked)
		alarm(20);
}

static void test_fork_while_a_cache_ends(void **state)
{
	struct kmem_cache *s;
	unsigned int i;
	int status;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(both); i++) {
		s = make_used(both[i], forking_dtor);
		may_fork = true;
		end(s);
		EXPECT(!may_fork);
		if (!forked)
			_exit(0);
		EXPECT_EQ(waitpid(forked, &status, 0), forked);
		EXPECT_EQ(status, 0);
	}
}

/* ---- A destructor that reads, or ends a cache whose slabs wait behind its own ---- */

static struct kmem_cache *inner;
static unsigned int depth, deepest;

static void reading_dtor(void *object)
{
	(void)object;
	if (++depth > deepest)
		deepest = depth;
	rcu_read_lock();
	rcu_read_unlock();
	depth--;
}

static void ending_dtor(void *object)
{
	struct kmem_cache *s = inner;

	inner = NULL;
	if (s)
		EXPECT_EQ(cache_destroy(s), 0);
	reading_dtor(object);
}

static void test_readers_in_destructors(void **state)
{
	struct kmem_cache *s;

	(void)state;
	rcu_read_lock();
	s = make_used(SLAB_TYPESAFE_BY_RCU, reading_dtor);
	cache_shrink_all(s);
	EXPECT(s->nr_waiting > 1);
	EXPECT_EQ(deepest, 0);
	rcu_read_unlock();
	EXPECT_EQ(s->nr_waiting, 0);
	EXPECT_EQ(deepest, 1);
	end(s);
}

static void test_end_within_a_destructor(void **state)
{
	struct kmem_cache *s;

	(void)state;
	rcu_read_lock();
	s = make_used(SLAB_TYPESAFE_BY_RCU, ending_dtor);
	cache_shrink_all(s);
	inner = make_used(SLAB_TYPESAFE_BY_RCU, reading_dtor);
	rcu_read_unlock();
	EXPECT(!inner);
	EXPECT_EQ(s->nr_waiting, 0);
	end(s);
}

/* ---- A signal handler that reads, at every instruction of another reader ---- */

static unsigned long nr_steps, nr_unprotected;
static bool reads;

static void read_at_a_step(int sig)
{
	(void)sig;
	nr_steps++;
	nr_unprotected += reads && !this_cpu->rcu_epoch;
	rcu_read_lock();
	nr_unprotected += !this_cpu->rcu_epoch;
	rcu_read_unlock();
	nr_unprotected += reads && !this_cpu->rcu_epoch;
}

/* The processor's trap flag: SIGTRAP after each instruction. */
static inline void single_step(bool on)
{
#if defined(__x86_64__)
	const unsigned long trap = 0x100, flags = __builtin_ia32_readeflags_u64();

	__builtin_ia32_writeeflags_u64(on ? flags | trap : flags & ~trap);
#else
	(void)on;
#endif
}

static void test_readers_in_handlers(void **state)
{
	struct sigaction act = { .sa_handler = read_at_a_step }, old;

	(void)state;
	/* neither lets signals through at every instruction */
	if (unit_on_valgrind() || UNIT_SANITIZE)
		skip();
	rcu_read_lock();
	rcu_read_unlock();
	sigaction(SIGTRAP, &act, &old);
	single_step(true);
	rcu_read_lock();
	WRITE_ONCE(reads, true);
	rcu_read_lock();
	rcu_read_unlock();
	WRITE_ONCE(reads, false);
	rcu_read_unlock();
	single_step(false);
	sigaction(SIGTRAP, &old, NULL);
	EXPECT_EQ(nr_unprotected, 0);
	EXPECT_EQ(this_cpu->rcu_epoch, 0);
	EXPECT_EQ(this_cpu->rcu_nesting, 0);
#if defined(__x86_64__)
	EXPECT(nr_steps > 40);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fork_while_a_cache_ends, setup_library,
						teardown),
		cmocka_unit_test_setup_teardown(test_readers_in_destructors, setup_library,
						teardown),
		cmocka_unit_test_setup_teardown(test_end_within_a_destructor, setup_library,
						teardown),
		cmocka_unit_test_setup_teardown(test_readers_in_handlers, setup_library, teardown),
	};

	fork_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
