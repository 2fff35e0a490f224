/* SPDX-License-Identifier: MIT */
/* See wait_queue.h. */
#include "wait_queue.h"

#include <limits.h>

#include "futex.h"

uint32_t prepare_to_wait(struct wait_queue *queue)
{
	__atomic_fetch_add(&queue->sleepers, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&queue->events, __ATOMIC_SEQ_CST);
}

void finish_wait(struct wait_queue *queue)
{
	__atomic_fetch_sub(&queue->sleepers, 1, __ATOMIC_SEQ_CST);
}

void wait_for_event(struct wait_queue *queue, uint32_t ticket, unsigned int ms)
{
	const struct timespec timeout = { .tv_sec = ms / 1000,
					  .tv_nsec = (long)(ms % 1000) * 1000000 };

	futex(&queue->events, FUTEX_WAIT, ticket, &timeout);
	finish_wait(queue);
}

void wake_up_all(struct wait_queue *queue)
{
	__atomic_fetch_add(&queue->events, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&queue->sleepers, __ATOMIC_SEQ_CST))
		futex(&queue->events, FUTEX_WAKE, INT_MAX, NULL);
}
