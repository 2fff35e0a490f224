/* SPDX-License-Identifier: MIT */
/*
 * The library's lock: a futex word that knows its owner and its place in the lock order.
 *
 * The word holds the owner's thread identity, 0 when free; its lowest bit says that somebody
 * sleeps. An uncontended acquire is one compare-and-swap, a release one exchange; a contended
 * acquire spins a little, since every critical section here is short, and then sleeps in the
 * kernel.
 *
 * The owner is kept for fork. With other threads about it takes every lock beforehand, and may
 * itself run in a signal handler that interrupted one of our critical sections: the thread then
 * meets a lock that it already holds, and only counts (`depth`). For the same reason an atfork
 * handler of somebody else that allocates while we hold everything does not hang. Owner and state
 * are one word so that no signal can fall between the taking and the signing.
 *
 * Nobody sleeps for ever. A release opens the lock and then wakes one who sleeps there; in between
 * a signal handler may come that allocates, and waits for a lock that this sleeper holds. So may
 * one come to a thread that was woken, before it takes the lock. The wake-up then waits for the
 * thread that it is for; so a sleeper looks again by itself in a while.
 *
 * Lock order: ranks only grow. A checked build keeps the ranks a thread holds and dies at the first
 * acquire against the order.
 */
#ifndef KMEM_LOCK_H
#define KMEM_LOCK_H

#include "compiler.h"

enum lock_rank {
	RANK_INIT,     /* one-time start-up */
	RANK_SHRINKER, /* the program's shrinkers, and who runs them */
	RANK_CACHES,   /* the list of all caches */
	RANK_CPUS,     /* the list of all kmem_cpu */
	RANK_BARN,     /* full and empty sheaves of a cache's lane */
	RANK_LANE,     /* its slab lists; those of several lanes by lock_try_next() */
	RANK_RELEASE,  /* slabs on their way out */
	RANK_RCU,      /* what waits for readers */
	RANK_PURGE,    /* whoever gives memory back */
	RANK_ZONE,     /* a zone's free areas */
	RANK_PCP,      /* a lane's page lists */
	RANK_SECTION,  /* the section table and the address space behind it */
	RANK_META,     /* the memory of the library's own structures */
	RANK_MM,       /* the record of what is mapped */
	NR_RANKS
};

struct lock {
	uintptr_t word; /* owner | LOCK_WAITERS */
	uint16_t rank;	/* enum lock_rank, constant */
	uint16_t depth; /* owner's: nested acquires beyond the first */
};

#define LOCK_WAITERS 1UL

#define LOCK_INIT(r)        \
	{                   \
		.rank = (r) \
	}

/* The calling thread's identity: the address of something of its own. */
uintptr_t thread_self(void);

void lock_init(struct lock *lock, enum lock_rank rank);
void lock_acquire(struct lock *lock);
void lock_release(struct lock *lock);

/* As lock_acquire(), for a short while only; false when somebody else kept it. */
bool lock_try(struct lock *lock) __must_check;

/*
 * The same for one more lock of a rank that the thread holds already. Refused, it gives these back
 * before it tries again: a fork waits for no one who waits for another, see fork.h.
 */
bool lock_try_next(struct lock *lock) __must_check;

/*
 * As lock_acquire(), without ever asking the kernel to wait: false when somebody kept it for longer
 * than a critical section lasts, or when the calling thread holds it.
 */
bool lock_spin(struct lock *lock) __must_check;

/* Whether there has never been another thread: a lock is then a note to signal handlers only. */
bool lock_alone(void);

/* Whether anybody holds @lock: a look, of which nothing follows. */
static inline bool lock_is_taken(const struct lock *lock)
{
	return READ_ONCE(lock->word);
}

/* Whether the calling thread holds @lock. */
bool lock_is_mine(const struct lock *lock);

/* Before all locks are taken for a fork, and after they were given back: any may nest. */
void lock_order_relax(bool relax);

#endif
