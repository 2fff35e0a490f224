/* SPDX-License-Identifier: MIT */
/* See futex.h. */
#include "futex.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	int saved = errno;

	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
	errno = saved;
}
