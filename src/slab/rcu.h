/* SPDX-License-Identifier: MIT */
/*
 * Grace periods: when every reader of a moment ago has left.
 *
 * Who needs to know calls grace_call(), which asks the scheme that the program registered, or the
 * built-in one: there is an epoch, counted up by every caller that waits. A thread that enters a
 * critical section notes the epoch in its kmem_cpu; a call made in epoch n is done when no thread
 * has noted an epoch below n. The two full barriers, one between a reader's note and its reading,
 * one between the caller's unlinking and its look at the notes, see to it that either the look
 * finds the note or the reader finds nothing to read.
 *
 * There is no thread of its own: calls are looked after when readers leave, when slabs are
 * released, and by whoever waits. A thread without a state (after its exit handler) reads under one
 * common count, which holds up all grace periods while it is not zero. Who is in a call looks after
 * no others, but to wait for them: a destructor that reads would be within another, and another.
 */
#ifndef KMEM_RCU_H
#define KMEM_RCU_H

#include <kmem/slab.h>

#include "cpu.h"

/* Runs func(head) when the readers of now have left: perhaps at once, perhaps in another thread. */
void grace_call(struct kmem_rcu_head *head, void (*func)(struct kmem_rcu_head *head));

/* Returns when everything called for has run. */
void grace_barrier(void);

/* The built-in scheme's calls that are due. With no lock held and outside of the slow paths. */
void rcu_poll(void);

void rcu_read_lock(void);
void rcu_read_unlock(void);
void synchronize_rcu(void);

/* Chooses the scheme: 0, -EBUSY when one is in use, -EINVAL when a function is missing. */
int rcu_register(const struct kmem_rcu_ops *ops);

/* A cache will use it: the scheme stays. */
void rcu_commit(void);

/* Whether the built-in scheme is the one, and what waits with it: for a child of fork. */
bool rcu_is_builtin(void);
void rcu_for_each_call(void (*fn)(struct kmem_rcu_head *head));

/* In a child of fork: other threads' readers are gone. */
void rcu_fork_child(void);

extern struct lock rcu_lock; /* RANK_RCU */

#endif
