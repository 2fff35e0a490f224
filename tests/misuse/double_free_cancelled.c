/* SPDX-License-Identifier: MIT */
/*
 * A large block is freed twice by a thread that is to be cancelled: it must not be before the
 * report is out.
 */
#include "misuse.h"

static void *thread(void *p)
{
	p = aim(p);
	pthread_cancel(pthread_self());
	free(p);
	free(opaque(p));
	return NULL;
}

int main(void)
{
	in_thread(thread, must(malloc(100000)));
	return 0;
}
