/* SPDX-License-Identifier: MIT */
/*
 * Signals that wait: the kernel's local_irq_save(), for a thread.
 *
 * A handler runs in the midst of whatever its thread was doing. Where it may want what the thread
 * has in hand, or should be passing on, the thread lets no handler come until it is through.
 */
#ifndef KMEM_SIGNALS_H
#define KMEM_SIGNALS_H

#include <signal.h>

/*
 * Blocks all signals that come at any time; what a thread does itself must not kill it. @before is
 * what was blocked till now.
 */
void signals_block(sigset_t *before);

/*
 * Nests; the last one that ends gives back what the first one found, so a program's code is not to
 * run in between. Where there is no other thread to wait for, nothing is done.
 */
void signals_hold(void);
void signals_let(void);

#endif
