/* SPDX-License-Identifier: MIT */
/*
 * The lock: exclusion, sleep and wakening, the owner who comes again, and the order of ranks.
 *
 * What exclusion protects is a plain number: lost updates show in the sum, and to the thread
 * sanitizer as a race.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"
#include "unit.h"

static struct lock lock, other;
static unsigned long number;
static pthread_barrier_t barrier_of_two;

static int setup(void **state)
{
	(void)state;
	lock_init(&lock, RANK_LANE);
	lock_init(&other, RANK_ZONE);
	number = 0;
	return 0;
}

static void test_owner(void **state)
{
	struct lock constant = LOCK_INIT(RANK_META);

	(void)state;
	EXPECT(!lock_is_mine(&lock));
	lock_acquire(&lock);
	EXPECT(lock_is_mine(&lock));
	EXPECT(!lock_is_mine(&constant));
	lock_acquire(&constant);
	EXPECT(lock_is_mine(&constant));
	lock_release(&constant);
	EXPECT(!lock_is_mine(&constant));
	EXPECT(lock_is_mine(&lock));
	lock_release(&lock);
	EXPECT(!lock_is_mine(&lock));
	EXPECT_EQ(lock.word, 0);
}

/* The owner may come again, and goes as often as it came. */
static void test_depth(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		lock_acquire(&lock);
		EXPECT_EQ(lock.depth, i);
		EXPECT(lock_is_mine(&lock));
	}
	EXPECT(lock_try(&lock));
	EXPECT_EQ(lock.depth, 5);
	for (i = 0; i < 6; i++) {
		EXPECT(lock_is_mine(&lock));
		lock_release(&lock);
	}
	EXPECT(!lock_is_mine(&lock));
	EXPECT_EQ(lock.word, 0);
	EXPECT_EQ(lock.depth, 0);
}

static void count(void *arg, unsigned int id)
{
	unsigned int i, steps = unit_steps(100000);
	uint64_t rng = *(uint64_t *)arg + id;

	for (i = 0; i < steps; i++) {
		errno = (int)id;
		lock_acquire(&lock);
		if (unit_below(&rng, 16) == 0) {
			lock_acquire(&lock);
			number++;
			lock_release(&lock);
		} else {
			number++;
		}
		EXPECT(lock_is_mine(&lock));
		lock_release(&lock);
		EXPECT(!lock_is_mine(&lock));
		EXPECT_EQ(errno, id);
	}
}

static void test_exclusion(void **state)
{
	uint64_t seed = unit_seed(5);

	(void)state;
	unit_threads(4, count, &seed);
	EXPECT_EQ(number, 4ul * unit_steps(100000));
	EXPECT_EQ(lock.word, 0);
}

static struct lock twin;

/* Both locks, or neither for as long as it takes. */
static void acquire_both(struct lock *one, struct lock *next)
{
	for (;;) {
		lock_acquire(one);
		if (lock_try_next(next))
			return;
		lock_release(one);
		sched_yield();
	}
}

/* One takes them in this order, one in that; a third uses each alone. */
static void count_with_both(void *arg, unsigned int id)
{
	unsigned int i, steps = unit_steps(30000);

	(void)arg;
	for (i = 0; i < steps; i++) {
		struct lock *first = i % 2 ? &twin : &lock, *second = i % 2 ? &lock : &twin;

		if (id == 2) {
			lock_acquire(first);
			number += first == &lock;
			lock_release(first);
			continue;
		}
		acquire_both(id ? &twin : &lock, id ? &lock : &twin);
		EXPECT(lock_is_mine(&lock) && lock_is_mine(&twin));
		number++;
		lock_release(first);
		lock_release(second);
	}
}

static void test_two_of_a_rank(void **state)
{
	(void)state;
	lock_init(&twin, RANK_LANE);
	unit_threads(3, count_with_both, NULL);
	EXPECT_EQ(number, 2ul * unit_steps(30000) + (unit_steps(30000) + 1) / 2);
	EXPECT_EQ(lock.word | twin.word, 0);
}

static void try_and_count(void *arg, unsigned int id)
{
	unsigned int i, steps = unit_steps(20000);

	(void)arg;
	(void)id;
	for (i = 0; i < steps; i++) {
		while (!lock_try(&lock))
			;
		number++;
		lock_release(&lock);
	}
}

static void test_try(void **state)
{
	(void)state;
	unit_threads(3, try_and_count, NULL);
	EXPECT_EQ(number, 3ul * unit_steps(20000));
}

static void hold_or_want(void *arg, unsigned int id)
{
	(void)arg;
	if (id == 0) {
		lock_acquire(&lock);
		pthread_barrier_wait(&barrier_of_two);
		/* long enough for the others to fall asleep */
		usleep(50000);
		number = 1;
		lock_release(&lock);
	} else {
		if (id == 1)
			pthread_barrier_wait(&barrier_of_two);
		else
			usleep(10000);
		lock_acquire(&lock);
		EXPECT(id > 1 || number > 0);
		number++;
		lock_release(&lock);
	}
}

/* All who sleep are wakened, one after the other. */
static void test_sleep(void **state)
{
	(void)state;
	pthread_barrier_init(&barrier_of_two, NULL, 2);
	unit_threads(6, hold_or_want, NULL);
	pthread_barrier_destroy(&barrier_of_two);
	EXPECT_EQ(lock.word, 0);
	EXPECT(number >= 2);
}

/* As late as can be: a handler came first, which waits for what the sleeper holds. */
static void wake_nobody(unsigned long args[6])
{
	if ((struct lock *)args[0] == &lock && (args[1] & 1) == FUTEX_WAKE)
		args[0] = (unsigned long)&other;
}

static void sleep_or_release(void *arg, unsigned int id)
{
	(void)arg;
	if (id == 0)
		lock_acquire(&lock);
	pthread_barrier_wait(&barrier_of_two);
	if (id == 1)
		lock_acquire(&lock);
	while (id == 0 && !(READ_ONCE(lock.word) & LOCK_WAITERS))
		sched_yield();
	lock_release(&lock);
}

/* Whoever sleeps at a lock that is free finds that out without a wake-up. */
static void test_late_wake_up(void **state)
{
	(void)state;
	pthread_barrier_init(&barrier_of_two, NULL, 2);
	__atomic_store_n(&unit_futex_hook, wake_nobody, __ATOMIC_RELEASE);
	unit_threads(2, sleep_or_release, NULL);
	__atomic_store_n(&unit_futex_hook, NULL, __ATOMIC_RELEASE);
	pthread_barrier_destroy(&barrier_of_two);
	EXPECT_EQ(lock.word, 0);
}

static void hold_or_try(void *arg, unsigned int id)
{
	(void)arg;
	if (id == 0) {
		lock_acquire(&lock);
		pthread_barrier_wait(&barrier_of_two);
		pthread_barrier_wait(&barrier_of_two);
		lock_release(&lock);
		return;
	}
	pthread_barrier_wait(&barrier_of_two);
	EXPECT(!lock_is_mine(&lock));
	EXPECT(!lock_try(&lock));
	EXPECT(!lock_is_mine(&lock));
	pthread_barrier_wait(&barrier_of_two);
}

static void test_try_in_vain(void **state)
{
	(void)state;
	pthread_barrier_init(&barrier_of_two, NULL, 2);
	unit_threads(2, hold_or_try, NULL);
	pthread_barrier_destroy(&barrier_of_two);
}

static void hold_or_spin(void *arg, unsigned int id)
{
	unsigned long calls;

	if (id == 0) {
		hold_or_try(arg, id);
		return;
	}
	pthread_barrier_wait(&barrier_of_two);
	calls = __atomic_load_n(&unit_all_calls, __ATOMIC_RELAXED);
	EXPECT(!lock_spin(&lock));
	EXPECT_EQ(__atomic_load_n(&unit_all_calls, __ATOMIC_RELAXED), calls);
	EXPECT(!lock_is_mine(&lock));
	pthread_barrier_wait(&barrier_of_two);
}

/* Whoever may not wait gives up, without a system call; also on a lock of its own. */
static void test_spin(void **state)
{
	(void)state;
	EXPECT(lock_spin(&lock));
	EXPECT(lock_is_mine(&lock));
	EXPECT(!lock_spin(&lock));
	EXPECT_EQ(lock.depth, 0);
	lock_release(&lock);
	EXPECT_EQ(lock.word, 0);
	pthread_barrier_init(&barrier_of_two, NULL, 2);
	unit_threads(2, hold_or_spin, NULL);
	pthread_barrier_destroy(&barrier_of_two);
}

static void acquire_in_handler(int sig)
{
	(void)sig;
	lock_acquire(&lock);
	number++;
	lock_release(&lock);
}

/* A handler that interrupts the owner is the owner. */
static void test_signal_handler(void **state)
{
	(void)state;
	signal(SIGUSR1, acquire_in_handler);
	lock_acquire(&lock);
	raise(SIGUSR1);
	EXPECT_EQ(number, 1);
	EXPECT(lock_is_mine(&lock));
	lock_release(&lock);
	raise(SIGUSR1);
	EXPECT_EQ(number, 2);
	EXPECT_EQ(lock.word, 0);
	signal(SIGUSR1, SIG_DFL);
}

/* ---- Ranks, in checked builds ---- */

static void test_order_kept(void **state)
{
	struct lock locks[NR_RANKS];
	unsigned int i;

	(void)state;
	for (i = 0; i < NR_RANKS; i++) {
		lock_init(&locks[i], i);
		lock_acquire(&locks[i]);
	}
	/* in any order on the way back */
	for (i = 0; i < NR_RANKS; i += 2)
		lock_release(&locks[i]);
	for (i = 1; i < NR_RANKS; i += 2)
		lock_release(&locks[i]);
	for (i = 0; i < NR_RANKS; i++) {
		lock_acquire(&locks[i]);
		lock_release(&locks[i]);
	}
}

static void against_the_order(void *arg)
{
	(void)arg;
	lock_acquire(&other);
	lock_acquire(&lock);
}

static void equal_rank(void *arg)
{
	struct lock same;

	(void)arg;
	lock_init(&same, RANK_LANE);
	lock_acquire(&lock);
	lock_acquire(&same);
}

static void third_of_a_rank(void *arg)
{
	struct lock second, third;

	(void)arg;
	lock_init(&second, RANK_LANE);
	lock_init(&third, RANK_LANE);
	lock_acquire(&lock);
	if (!lock_try_next(&second))
		_exit(1);
	lock_acquire(&third);
}

static void try_against_the_order(void *arg)
{
	(void)arg;
	lock_acquire(&other);
	if (!lock_try(&lock))
		_exit(1);
}

static void any_order_relaxed(void *arg)
{
	struct lock same;

	lock_init(&same, RANK_LANE);
	lock_order_relax(true);
	lock_acquire(&other);
	lock_acquire(&lock);
	lock_acquire(&same);
	lock_release(&other);
	lock_release(&same);
	lock_release(&lock);
	lock_order_relax(false);
	if (arg)
		against_the_order(NULL);
}

static void release_of_another(void *arg)
{
	(void)arg;
	lock_release(&lock);
}

static void test_order_broken(void **state)
{
	static void (*const wrongs[])(void *) = { against_the_order, equal_rank, third_of_a_rank,
						  try_against_the_order, any_order_relaxed };
	char text[400];
	unsigned int i;
	int status;

	(void)state;
	unit_passes(any_order_relaxed, NULL);
	for (i = 0; i < ARRAY_SIZE(wrongs); i++) {
		if (!CONFIG_CHECK) {
			unit_passes(wrongs[i], &lock);
			continue;
		}
		status = unit_child(wrongs[i], &lock, text, sizeof(text));
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		EXPECT(strncmp(text, "kmem: BUG -: assertion failed: ", 31) == 0);
	}
	if (CONFIG_CHECK) {
		status = unit_child(release_of_another, NULL, text, sizeof(text));
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_owner, setup),
		cmocka_unit_test_setup(test_depth, setup),
		cmocka_unit_test_setup(test_exclusion, setup),
		cmocka_unit_test_setup(test_two_of_a_rank, setup),
		cmocka_unit_test_setup(test_try, setup),
		cmocka_unit_test_setup(test_sleep, setup),
		cmocka_unit_test_setup(test_late_wake_up, setup),
		cmocka_unit_test_setup(test_try_in_vain, setup),
		cmocka_unit_test_setup(test_spin, setup),
		cmocka_unit_test_setup(test_signal_handler, setup),
		cmocka_unit_test_setup(test_order_kept, setup),
		cmocka_unit_test_setup(test_order_broken, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
