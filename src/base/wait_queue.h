/* SPDX-License-Identifier: MIT */
/*
 * Waiting for what another thread will do: the kernel's wait queues, in one futex word.
 *
 * A sleeper first takes a ticket, which is the count of events so far, then looks whether what it
 * waits for is there, and sleeps only while no event has followed the ticket. Whoever brings it
 * about counts an event and wakes all. An event between the look and the sleep is thus never slept
 * over. A queue that is all zero is ready. There is no lock, so that a fork leaves nothing held.
 */
#ifndef KMEM_WAIT_QUEUE_H
#define KMEM_WAIT_QUEUE_H

#include "compiler.h"

struct wait_queue {
	uint32_t events;
	uint32_t sleepers; /* with a ticket; in a child of fork perhaps too many */
};

/* A ticket. It is given back by wait_for_event() or finish_wait(). */
uint32_t prepare_to_wait(struct wait_queue *queue);

/* Sleeps until there is an event after @ticket, @ms milliseconds went by, or a signal came. */
void wait_for_event(struct wait_queue *queue, uint32_t ticket, unsigned int ms);

/* There is nothing to wait for any more. */
void finish_wait(struct wait_queue *queue);

/* Counts an event; no system call when nobody sleeps. */
void wake_up_all(struct wait_queue *queue);

#endif
