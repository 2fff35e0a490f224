/* SPDX-License-Identifier: MIT */
/* See fork.h. */
#include "fork.h"

#include <pthread.h>

#include "kmalloc.h"
#include "purge.h"

#define FIRST_CLASS 1

/*
 * glibc's lock of the list of all FILEs, which is recursive. fork() takes it after our handler, and
 * whoever holds it may wait for a thread that allocates; so it is taken here before any lock of ours.
 */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

static void prepare(void)
{
	unsigned int class;

	if (_IO_list_lock)
		_IO_list_lock();
	lock_order_relax(true);
	lock_acquire(&cpus_lock);
	for (class = FIRST_CLASS; class < NR_KMALLOC_CLASSES; class ++)
		lock_acquire(&kmalloc_caches[class].barn.lock);
	for (class = FIRST_CLASS; class < NR_KMALLOC_CLASSES; class ++)
		lock_acquire(&kmalloc_caches[class].node.lock);
	lock_acquire(&zone_normal.lock);
	lock_acquire(&section_lock);
	lock_acquire(&meta_lock);
}

static void release(void)
{
	unsigned int class;

	lock_release(&meta_lock);
	lock_release(&section_lock);
	lock_release(&zone_normal.lock);
	for (class = FIRST_CLASS; class < NR_KMALLOC_CLASSES; class ++)
		lock_release(&kmalloc_caches[class].node.lock);
	for (class = FIRST_CLASS; class < NR_KMALLOC_CLASSES; class ++)
		lock_release(&kmalloc_caches[class].barn.lock);
	lock_release(&cpus_lock);
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
	cpus_fork_child();
	purge_fork_child(&zone_normal);
	release();
	if (_IO_list_resetlock)
		_IO_list_resetlock();
}

void fork_init(void)
{
	pthread_atfork(prepare, parent, child);
}
