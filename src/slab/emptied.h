/* SPDX-License-Identifier: MIT */
/*
 * A heap that empties is given back at once.
 *
 * Memory goes back as time passes, and time passes when pages are freed (purge.h). A program that
 * drops what it built and then waits would keep all of it: what is free, and whatever slabs are
 * held by objects that lie in sheaves. So once a zone has much less in use than lately, or the
 * slabs of some cache are hollow (slab_free.c), the threads look, on their way out of slow paths,
 * how much is needed still: the pages in use, less what the caches' slabs have beyond their
 * objects, not counting those in barns, in the thread's own sheaves and in those that wait for a
 * thread. Is that a small share of the recent peak, then all of these sheaves (but one object of
 * each class of the thread's own, see cpu_hollow()), all empty slabs and all dirty pages go; and
 * again when it is half as much, or when much has become free since. The last thread but one looks
 * when it ends, if the pages in use have changed: it may be the one that used what it leaves in
 * the barns.
 *
 * Nothing is known of the future. A program that builds its heap anew faults in each page again,
 * and that is what it is judged by (struct emptying, should_empty()):
 *
 *	- what was refilled is a debt, which time pays off at a rate that bounds what all of this
 *	  may cost; with too much of it nothing more is given back;
 *	- a heap that refilled after it had emptied down to some size has to empty down to half of
 *	  it the next time. Whoever swings so comes to a stop soon, and the end, which often is
 *	  emptier than everything before, is still seen. As time goes by, that is forgotten;
 *	- a large heap whose large blocks come and go (purge.h counts what they refault) stays.
 *
 * To look costs a visit to each cache in use. The more is needed still, the longer until the next
 * look, in visits to slow paths and in pages. In debt one look in a while is enough, until it can
 * be paid.
 */
#ifndef KMEM_EMPTIED_H
#define KMEM_EMPTIED_H

#include "cpu.h"
#include "purge.h"

/* The heap at a look at it, in bytes. */
struct needs {
	unsigned long used, peak; /* without what lanes' lists have */
	unsigned long needed;	  /* of what is used, */
	unsigned long idle;	  /* and the rest of it */
	unsigned long gain;	  /* what giving back might bring: that, what is dirty, the lists */
	unsigned long refilled;	  /* of all that was ever given back */
	unsigned long refaults;	  /* what large blocks refilled lately of other purges */
	bool at_exit;		  /* of the last thread but one, whose sheaves keep nothing now */
};

/* What earlier looks have left, in bytes. */
struct emptying {
	bool answered;		/* and not refilled since, as far as is known: */
	unsigned long needed;	/* then, */
	unsigned long given;	/* and how much went; */
	unsigned long left;	/* idle, and not to be had */
	unsigned long refilled; /* before that, */
	unsigned long seen;	/* and all in all */
	unsigned long low; /* what may be needed at most, since more was refilled; 0: no limit */
	unsigned long debt;
	uint64_t paid_ms;   /* when some of the debt was paid last, */
	uint64_t forgot_ms; /* and some of `low` forgotten */
};

/* What may be needed at most in a heap that counts as empty. */
unsigned long empty_limit(const struct emptying *e, const struct needs *needs);

/* Whether more was refilled than has been paid off; and from when on it may be no more. */
bool is_in_debt(struct emptying *e, unsigned long refilled, uint64_t now_ms);
uint64_t debt_paid_ms(const struct emptying *e);

/* Whether to give back now. */
bool should_empty(struct emptying *e, const struct needs *needs, uint64_t now_ms);

/* That @given pages went, and what @needs are afterwards. */
void has_emptied(struct emptying *e, const struct needs *needs, unsigned long given);

/* Looks, and gives back what there is: from a slow path, with no lock held; errno is kept. */
void emptied_look(struct kmem_cpu *cpu);

/* `give_back_empty=0` keeps it. */
extern const struct boot_params emptied_params;
extern bool emptied_wanted;

/* At the end of each slow path. */
static inline void emptied_tick(struct kmem_cpu *cpu)
{
	if (unlikely(READ_ONCE(heap_state)) && emptied_wanted)
		emptied_look(cpu);
}

/* The same from a thread that does nothing else, so that no visits need to be counted. */
void emptied_by_time(struct kmem_cpu *cpu);

/* At a thread's end, when it has nothing left. */
void emptied_by_exit(void);

void emptied_fork_child(void);

#endif
