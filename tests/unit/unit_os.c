/* SPDX-License-Identifier: MIT */
/*
 * Between the library and the kernel, and libc.
 *
 * The tests are linked with --wrap=syscall, and os.c makes all of its calls by syscall(2): so a
 * test can count them, look at them, and refuse the one that it means, which fail_os, by number,
 * cannot. pthread_setspecific() is wrapped, too: it may be refused memory by libc's malloc.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "unit.h"

long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);

int (*unit_os_hook)(long nr, unsigned long args[6]);
int (*unit_prctl_hook)(unsigned long args[6]);
void (*unit_futex_hook)(unsigned long args[6]);
long unit_os_result;
unsigned long unit_os_calls, unit_all_calls;

int unit_refuse(long nr, unsigned long args[6])
{
	(void)nr;
	(void)args;
	return ENOMEM;
}

int unit_os_purge_many(const unsigned long args[6], unsigned int most)
{
	const struct iovec *range = (const struct iovec *)args[1];
	unsigned int i;

	EXPECT_EQ(args[3], MADV_DONTNEED);
	unit_os_result = 0;
	for (i = 0; i < args[2] && i < most; i++) {
		EXPECT_EQ(madvise(range[i].iov_base, range[i].iov_len, MADV_DONTNEED), 0);
		unit_os_result += (long)range[i].iov_len;
	}
	return UNIT_OS_DONE;
}

static bool is_hooked(long nr)
{
	return nr == SYS_mmap || nr == SYS_munmap || nr == SYS_mprotect || nr == SYS_madvise ||
	       nr == SYS_mremap || nr == SYS_mbind || nr == SYS_get_mempolicy ||
	       nr == SYS_process_madvise || nr == SYS_clock_gettime || nr == SYS_mincore;
}

long __wrap_syscall(long nr, ...)
{
	unsigned long args[6];
	unsigned int i;
	va_list ap;

	va_start(ap, nr);
	for (i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = va_arg(ap, unsigned long);
	va_end(ap);
	__atomic_fetch_add(&unit_all_calls, 1, __ATOMIC_RELAXED);
	if (is_hooked(nr)) {
		int err = unit_os_hook ? unit_os_hook(nr, args) : 0;

		__atomic_fetch_add(&unit_os_calls, 1, __ATOMIC_RELAXED);
		if (err == UNIT_OS_DONE)
			return unit_os_result;
		if (err) {
			errno = err;
			return -1;
		}
	}
	if (nr == SYS_futex) {
		void (*hook)(unsigned long *) = __atomic_load_n(&unit_futex_hook, __ATOMIC_ACQUIRE);

		if (hook)
			hook(args);
	}
	if (nr == SYS_prctl && unit_prctl_hook) {
		int err = unit_prctl_hook(args);

		if (err)
			errno = err;
		return err ? -1 : 0;
	}
	return __real_syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

bool unit_refuse_setspecific;

int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
	return unit_refuse_setspecific ? ENOMEM : __real_pthread_setspecific(key, value);
}
