/* SPDX-License-Identifier: MIT */
/* The system call that locks and wait queues sleep and wake by. */
#ifndef KMEM_FUTEX_H
#define KMEM_FUTEX_H

#include <linux/futex.h>
#include <stdint.h>
#include <time.h>

/*
 * FUTEX_WAIT or FUTEX_WAKE on a word of this process. errno belongs to the program: it must not see
 * that a wait was interrupted, or over.
 */
void futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout);

#endif
