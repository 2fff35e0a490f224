/* SPDX-License-Identifier: MIT */
/* See fork.h. */
#include "fork.h"

#include <pthread.h>
#include <sched.h>

#include "kmalloc.h"
#include "numa.h"
#include "shrinker.h"
#include "vma.h"

#define FIRST_CLASS 1
#define NR_CACHES   (NR_KMALLOC_CLASSES - FIRST_CLASS)

/*
 * glibc's lock of the list of all FILEs, which is recursive. fork() takes it after our handler, and
 * whoever holds it may wait for a thread that allocates; so it is taken here before any lock of ours.
 */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

/* All locks, outermost first: the n-th, or NULL behind the last. */
static struct lock *nth_lock(unsigned int n)
{
	struct lock *const inner[] = { &section_lock, &meta_lock, &mmap_lock, NULL };
	struct lock *const outer[] = { &shrinker_lock, &cpus_lock };

	if (n < ARRAY_SIZE(outer))
		return outer[n];
	n -= ARRAY_SIZE(outer);
	if (n < NR_CACHES)
		return &kmalloc_caches[FIRST_CLASS + n].barn.lock;
	n -= NR_CACHES;
	if (n < NR_CACHES)
		return &kmalloc_caches[FIRST_CLASS + n].node.lock;
	n -= NR_CACHES;
	if (n < nr_zones())
		return zone_lock(n);
	return inner[n - nr_zones()];
}

static void release_first(unsigned int n)
{
	while (n-- > 0)
		lock_release(nth_lock(n));
}

/*
 * A thread may fork from a signal handler that interrupted it with an inner lock held. Waiting for
 * that one with the outer locks held, while it waits for the outer ones, would be for ever: so who
 * does not get a lock soon gives back what it has and begins again.
 */
static bool try_all(void)
{
	struct lock *lock;
	unsigned int n;

	for (n = 0; (lock = nth_lock(n)); n++) {
		if (!lock_try(lock)) {
			release_first(n);
			return false;
		}
	}
	return true;
}

static void prepare(void)
{
	if (_IO_list_lock)
		_IO_list_lock();
	lock_order_relax(true);
	while (!try_all())
		sched_yield();
}

static void release(void)
{
	unsigned int n = 0;

	while (nth_lock(n))
		n++;
	release_first(n);
	lock_order_relax(false);
}

static void parent(void)
{
	release();
	if (_IO_list_unlock)
		_IO_list_unlock();
}

static void child(void)
{
	shrinkers_fork_child();
	cpus_fork_child();
	zones_fork_child();
	release();
	if (_IO_list_resetlock)
		_IO_list_resetlock();
}

void fork_init(void)
{
	pthread_atfork(prepare, parent, child);
}
