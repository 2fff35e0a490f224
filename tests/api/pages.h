/* SPDX-License-Identifier: MIT */
/* What the tests of the page allocator share. */
#ifndef API_PAGES_H
#define API_PAGES_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <kmem/mm.h>

#define MIB (1UL << 20)

/* ---- The kernel, as the library asks it ---- */

static bool refusing;		  /* what would need memory or addresses fails with ENOMEM */
static void (*interrupt)(void);	  /* a signal handler that runs at each call, but within itself */
static unsigned long nr_syscalls; /* calls of the library */

static inline long raw_syscall(long nr, const long args[6])
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = args[3];
	register long r8 __asm__("r8") = args[4];
	register long r9 __asm__("r9") = args[5];
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#else
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = args[0];
	register long x1 __asm__("x1") = args[1];
	register long x2 __asm__("x2") = args[2];
	register long x3 __asm__("x3") = args[3];
	register long x4 __asm__("x4") = args[4];
	register long x5 __asm__("x5") = args[5];

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#endif
}

/*
 * The library makes its calls through syscall(2), and finds this one before libc's: limits would
 * hit whatever else needs memory, valgrind for one.
 */
long syscall(long nr, ...)
{
	bool needs_memory = nr == SYS_mmap || nr == SYS_mprotect || nr == SYS_mremap;
	long ret, args[6];
	unsigned int i;
	va_list ap;

	va_start(ap, nr);
	for (i = 0; i < 6; i++)
		args[i] = va_arg(ap, long);
	va_end(ap);
	__atomic_fetch_add(&nr_syscalls, 1, __ATOMIC_RELAXED);
	if (interrupt) {
		void (*handler)(void) = interrupt;

		interrupt = NULL;
		handler();
		interrupt = handler;
	}
	if (needs_memory && __atomic_load_n(&refusing, __ATOMIC_RELAXED)) {
		errno = ENOMEM;
		return -1;
	}
	ret = raw_syscall(nr, args);
	if (ret < 0 && ret > -4096) {
		errno = (int)-ret;
		return -1;
	}
	return ret;
}

static inline void refuse_memory(bool refuse)
{
	__atomic_store_n(&refusing, refuse, __ATOMIC_RELAXED);
}

static inline int is_zero(const void *addr, size_t bytes)
{
	const char *p = addr;

	return p[0] == 0 && memcmp(p, p + 1, bytes - 1) == 0;
}

/* What @fn writes to stderr. */
static inline const char *stderr_of(void (*fn)(void *), void *arg)
{
	static char text[4096];
	int file = memfd_create("stderr", 0), saved = dup(2);
	ssize_t len;

	assert_true(file >= 0 && saved >= 0);
	dup2(file, 2);
	fn(arg);
	dup2(saved, 2);
	close(saved);
	len = pread(file, text, sizeof(text) - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	close(file);
	return text;
}

/* What @print writes to a file. */
static inline const char *printed(int (*print)(int fd))
{
	static char text[8192];
	int file = memfd_create("printed", 0);
	ssize_t len;

	assert_true(file >= 0);
	assert_int_equal(print(file), 0);
	len = pread(file, text, sizeof(text) - 1, 0);
	assert_true(len > 0);
	text[len] = '\0';
	close(file);
	return text;
}

#endif
