/* SPDX-License-Identifier: MIT */
/*
 * fork() of a process whose threads allocate.
 *
 * Before the fork every lock is taken but those of start-up and of the purge, in order, so that
 * nothing is half done when the child's copy is made; parent and child give them back. The child
 * has one thread: what the others held is set apart (cpus_fork_child()), and what one of them was
 * purging is put back.
 *
 * Where there is no other thread nothing is taken, and nothing set apart: what was begun goes on in
 * both processes. To take all locks writes to some thirty pages, each of which both would have to
 * copy.
 *
 * A fork from a signal handler that interrupted a slow path of ours finds locks that it holds
 * already; see lock.h. The interrupted call goes on in both processes when the handler returns.
 */
#ifndef KMEM_FORK_H
#define KMEM_FORK_H

#include <signal.h>

/* Registers with pthread_atfork(). */
void fork_init(void);

/*
 * All that come at any time: what a thread does itself must not kill it. @before is what was
 * blocked till now.
 */
void block_signals(sigset_t *before);

#endif
