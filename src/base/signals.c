/* SPDX-License-Identifier: MIT */
/* See signals.h. */
#include "signals.h"

#include <stddef.h>
#include <sys/single_threaded.h>

#include "compiler.h"

/* The thread's. Nobody interrupts it from before the first hold is counted until all are undone. */
static __thread unsigned int holds;
static __thread sigset_t let; /* what was blocked before the first of them */

void signals_block(sigset_t *before)
{
	static const int its_own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	sigset_t set;
	size_t i;

	sigfillset(&set);
	for (i = 0; i < ARRAY_SIZE(its_own); i++)
		sigdelset(&set, its_own[i]);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

void signals_hold(void)
{
	if (!holds) {
		if (__libc_single_threaded)
			return;
		signals_block(&let);
	}
	holds++;
	barrier();
}

void signals_let(void)
{
	barrier();
	if (holds && !--holds)
		pthread_sigmask(SIG_SETMASK, &let, NULL);
}
