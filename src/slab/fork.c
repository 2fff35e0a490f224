/* SPDX-License-Identifier: MIT */
/* See fork.h. */
#include "fork.h"

#include <pthread.h>
#include <signal.h>

#include "cache.h"
#include "cpu.h"
#include "emptied.h"
#include "mm.h"
#include "numa.h"
#include "os.h"
#include "purger.h"
#include "rcu.h"
#include "release.h"
#include "shrinker.h"
#include "vma.h"

#define NAP_NS 100000 /* in which who waits for what was given back can wake up and take it */

/*
 * glibc's lock of the list of all FILEs, which is recursive. fork() takes it after our handler, and
 * whoever holds it may wait for a thread that allocates; so it is taken here before any lock of
 * ours.
 */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

/*
 * Calls @fn for all locks until it returns false; returns the lock where it did, or NULL. First
 * comes the one that guards the list of caches, which is walked here; the others outermost first.
 */
static struct lock *for_each_lock(bool (*fn)(struct lock *lock, const void *arg), const void *arg)
{
	struct lock *const outer[] = { &slab_mutex, &shrinker_lock, &cpus_lock };
	struct lock *const inner[] = { &section_lock, &meta_lock, &mmap_lock };
	struct kmem_cache_node *node;
	struct slab_lane *lane;
	struct kmem_cache *s;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(outer); n++)
		if (!fn(outer[n], arg))
			return outer[n];
	for_each_cache(s)
		for_each_lane(lane, node, s)
			if (!fn(&lane->barn.lock, arg))
				return &lane->barn.lock;
	for_each_cache(s)
		for_each_lane(lane, node, s)
			if (!fn(&lane->lock, arg))
				return &lane->lock;
	if (!fn(&release_lock, arg))
		return &release_lock;
	if (!fn(&rcu_lock, arg))
		return &rcu_lock;
	for (n = 0; n < nr_zones(); n++)
		if (!fn(zone_lock(n), arg))
			return zone_lock(n);
	for (n = 0; n < nr_zones() * NR_LANES; n++)
		if (!fn(pcp_lock(n), arg))
			return pcp_lock(n);
	for (n = 0; n < ARRAY_SIZE(inner); n++)
		if (!fn(inner[n], arg))
			return inner[n];
	return NULL;
}

static bool take(struct lock *lock, const void *arg __unused)
{
	return lock_try(lock);
}

/* All up to the lock @end, but the one that the list of caches hangs on. */
static bool give_back(struct lock *lock, const void *end)
{
	if (lock == end)
		return false;
	if (lock != &slab_mutex)
		lock_release(lock);
	return true;
}

static void release_until(const struct lock *end)
{
	for_each_lock(give_back, end);
	if (end != &slab_mutex)
		lock_release(&slab_mutex);
}

/* How often the program holds the lock of the record of mappings, and for what it was in there. */
struct hold {
	uint16_t times;
	void *holder;
};

/*
 * That lock (kmem/vma.h) is the innermost, and another thread may wait for it with any other in
 * hand: so it is let go of first. A change of the record that a handler interrupted cannot be let
 * go of.
 */
static struct hold let_go_of_mappings(void)
{
	struct hold hold = { 0, NULL };

	if (!lock_is_mine(&mmap_lock) || mm_is_changing())
		return hold;
	hold.holder = mmap_holder;
	mmap_holder = NULL;
	for (; lock_is_mine(&mmap_lock); hold.times++)
		lock_release(&mmap_lock);
	return hold;
}

/* The lock is held, once more than the program does. */
static void restore_hold(struct hold hold)
{
	if (!hold.times)
		return;
	mmap_lock.depth = (uint16_t)(mmap_lock.depth + hold.times);
	mmap_holder = hold.holder;
}

/* At the fork that is under way. Not written to where it stays as it is. */
static bool alone = true;

/* The forking thread's, while it holds all locks. */
static unsigned int under_way; /* forks; more than one where a handler for forks forks itself */
static sigset_t signals;       /* blocked before the first of them */

/* True once all are held; else one was not to be had soon, and none is. */
static bool take_all(void)
{
	struct lock *kept_by_another = for_each_lock(take, NULL);

	if (kept_by_another)
		release_until(kept_by_another);
	return !kept_by_another;
}

void block_signals(sigset_t *before)
{
	static const int its_own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	sigset_t set;
	size_t i;

	sigfillset(&set);
	for (i = 0; i < ARRAY_SIZE(its_own); i++)
		sigdelset(&set, its_own[i]);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

/*
 * A thread may fork from a signal handler that interrupted it with an inner lock held, and a
 * program may flush its files with that of the mappings held. Waiting for those with the outer
 * locks held, while they wait for the outer ones, would be for ever: so who does not get a lock
 * soon gives back what it has and begins again.
 *
 * From the first lock on no handler comes before the fork is over: with some of them held it would
 * wait for one whose holder waits for another. While nothing is held they come: one that stops all
 * threads, as collectors do, may have stopped a lock's holder.
 */
static void prepare(void)
{
	sigset_t before;
	struct hold hold;

	if (alone != lock_alone())
		alone = !alone;
	if (alone)
		return;
	hold = let_go_of_mappings();
	for (;;) {
		if (_IO_list_lock)
			_IO_list_lock();
		block_signals(&before);
		/* Not before: a handler may fork, and set it back. */
		lock_order_relax(true);
		if (take_all())
			break;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (_IO_list_unlock)
			_IO_list_unlock();
		os_nap(NAP_NS);
	}
	restore_hold(hold);
	if (!under_way++)
		signals = before;
}

static void release(void)
{
	release_until(NULL);
	lock_order_relax(false);
}

static void parent(void)
{
	sigset_t before = signals;

	if (alone)
		return;
	under_way--;
	release();
	if (_IO_list_unlock)
		_IO_list_unlock();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void child(void)
{
	sigset_t before = signals;

	emptied_fork_child();
	if (alone)
		return;
	shrinkers_fork_child();
	cpus_fork_child();
	release_fork_child();
	rcu_fork_child();
	zones_fork_child();
	under_way--;
	release();
	if (_IO_list_resetlock)
		_IO_list_resetlock();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	purger_start();
}

void fork_init(void)
{
	pthread_atfork(prepare, parent, child);
}
