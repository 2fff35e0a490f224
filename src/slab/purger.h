/* SPDX-License-Identifier: MIT */
/*
 * A thread in which time passes: background_purge=1.
 *
 * Memory goes back to the system as time passes, and time passes when pages are freed (purge.h):
 * a process that frees nothing for a while keeps what was free by then. A thread would see to that,
 * and be seen: debuggers show it, unshare() and setns() refuse a process that has it, libc ends one
 * in which setuid() succeeds in one thread and not in another, locks cost their atomic
 * instructions, and each fork makes it anew. So it is the user's choice (as in jemalloc, whose
 * background_thread it resembles).
 *
 * As long as free pages are dirty it looks at the zones as often as freeing threads would, and
 * whether the heap has emptied (emptied.h). Then it sleeps until pages are freed again; the wake-up
 * may be missed where two processors see each other's writes late, which IDLE_MS bounds, as it does
 * for the pages on lanes' lists that come too few at a time to be told of.
 *
 * A process whose main thread left by pthread_exit() ends with the last of its threads, which this
 * one would always be. So it looks, from then on, whether it is alone, and ends the process as libc
 * does. That takes /proc: without it the process stays.
 */
#ifndef KMEM_PURGER_H
#define KMEM_PURGER_H

#include "options.h"

/* Starts the thread if it is wanted: once in a process, with no lock held. */
void purger_start(void);

extern const struct boot_params purger_params;

#endif
