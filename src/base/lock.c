/* SPDX-License-Identifier: MIT */
/* See lock.h for the states, the reason for owners, and the lock order. */
#include "lock.h"

#include <errno.h>
#include <sched.h>
#include <sys/single_threaded.h>

#include "futex.h"
#include "report.h"

#define SPINS  200	/* looks at a lock before sleeping */
#define TRIES  100	/* times that lock_try() lets others run, or lock_spin() goes on */
#define NAP_NS 10000000 /* that a sleeper waits at most until it looks again: 10 ms */

/*
 * Which thread this is: the address of its errno, unique while the thread lives and to be had
 * without a system call or a TLS variable of our own.
 */
uintptr_t thread_self(void)
{
	return (uintptr_t)&errno;
}

/* Sleepers wait on the low half of the lock's word, which holds the waiters bit. */
static uint32_t *low_half(struct lock *lock)
{
	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low half comes first");
	return (uint32_t *)&lock->word;
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Checked builds: how many locks of each rank this thread holds. */
static __thread uint16_t held[NR_RANKS];
static __thread bool relaxed;

void lock_order_relax(bool relax)
{
	if (CONFIG_CHECK)
		relaxed = relax;
}

/* Whether locks of this rank are held already is to be as @more says. */
static void check_order(const struct lock *lock, bool more)
{
	unsigned int rank;

	KMEM_ASSERT(relaxed || (held[lock->rank] != 0) == more);
	for (rank = lock->rank + 1u; rank < NR_RANKS; rank++)
		KMEM_ASSERT(relaxed || !held[rank]);
	held[lock->rank]++;
}

void lock_init(struct lock *lock, enum lock_rank rank)
{
	*lock = (struct lock)LOCK_INIT((uint16_t)rank);
}

bool lock_is_mine(const struct lock *lock)
{
	return (READ_ONCE(lock->word) & ~LOCK_WAITERS) == thread_self();
}

/*
 * glibc says when there is one thread only, and takes it back before a second one starts: until
 * then a lock is a note to signal handlers, and needs no atomic instruction.
 */
bool lock_alone(void)
{
	return __libc_single_threaded;
}

static bool replace(struct lock *lock, uintptr_t old, uintptr_t new)
{
	if (lock_alone()) {
		if (READ_ONCE(lock->word) != old)
			return false;
		WRITE_ONCE(lock->word, new);
		barrier();
		return true;
	}
	return __atomic_compare_exchange_n(&lock->word, &old, new, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static bool spin(struct lock *lock)
{
	int i;

	for (i = 0; i < SPINS; i++) {
		if (READ_ONCE(lock->word) == 0 && replace(lock, 0, thread_self()))
			return true;
		cpu_relax();
	}
	return false;
}

static __noinline void acquire_slow(struct lock *lock)
{
	static const struct timespec nap = { .tv_nsec = NAP_NS };

	if (spin(lock))
		return;
	/* Whoever has slept cannot know that nobody else still does: it keeps the bit. */
	while (!replace(lock, 0, thread_self() | LOCK_WAITERS)) {
		uintptr_t word = READ_ONCE(lock->word);

		if (word && ((word & LOCK_WAITERS) || replace(lock, word, word | LOCK_WAITERS)))
			futex(low_half(lock), FUTEX_WAIT, (uint32_t)(word | LOCK_WAITERS), &nap);
	}
}

void lock_acquire(struct lock *lock)
{
	if (!replace(lock, 0, thread_self())) {
		if (lock_is_mine(lock)) {
			lock->depth++;
			return;
		}
		acquire_slow(lock);
	}
	if (CONFIG_CHECK)
		check_order(lock, false);
}

static bool try(struct lock *lock, bool more)
{
	int tries;

	if (lock_is_mine(lock)) {
		lock->depth++;
		return true;
	}
	for (tries = 0; !spin(lock); tries++) {
		if (tries == TRIES)
			return false;
		sched_yield();
	}
	if (CONFIG_CHECK)
		check_order(lock, more);
	return true;
}

bool lock_try(struct lock *lock)
{
	return try(lock, false);
}

bool lock_try_next(struct lock *lock)
{
	return try(lock, true);
}

static __noinline bool spin_for_long(struct lock *lock)
{
	int tries;

	for (tries = 0; tries < TRIES && !lock_is_mine(lock); tries++)
		if (spin(lock))
			return true;
	return false;
}

bool lock_spin(struct lock *lock)
{
	if (!replace(lock, 0, thread_self()) && !spin_for_long(lock))
		return false;
	if (CONFIG_CHECK)
		check_order(lock, false);
	return true;
}

void lock_release(struct lock *lock)
{
	if (lock->depth) {
		lock->depth--;
		return;
	}
	if (CONFIG_CHECK) {
		KMEM_ASSERT(lock_is_mine(lock));
		held[lock->rank]--;
	}
	if (lock_alone()) {
		barrier();
		WRITE_ONCE(lock->word, 0);
		return;
	}
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & LOCK_WAITERS)
		futex(low_half(lock), FUTEX_WAKE, 1, NULL);
}
