/* SPDX-License-Identifier: MIT */
/*
 * What signal handlers free while the thread that they interrupted is in a slow path.
 *
 * It may hold any lock, and what it does to its sheaves is half done; so the object waits until the
 * thread leaves, in its state, or with a thread that has none just now in a variable of its own.
 * Handlers only add, also such as interrupt one another; who takes is the thread itself, while it
 * is away or busy. So neither needs more than an exchange that fails if the other came in between.
 */
#ifndef KMEM_DEFERRED_H
#define KMEM_DEFERRED_H

#include "compiler.h"

#define NR_DEFERRED 16u

struct deferred {
	uint16_t nr;
	void *object[NR_DEFERRED]; /* the last to come is the first to go */
};

/* Of the calling thread while it has no state. */
extern __thread struct deferred stateless_deferred
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The one that was put there last; NULL when there is none. */
void *deferred_take(struct deferred *d);

/* What is in one goes to the other: the thread got a state just now, or has none any more. */
void deferred_move(struct deferred *from, struct deferred *to);

#endif
