/* SPDX-License-Identifier: MIT */
/* What the tests of the page allocator share. */
#ifndef API_PAGES_H
#define API_PAGES_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <kmem/mm.h>

#define MIB (1UL << 20)

/* Refuses more address space and more memory to the process, or allows it again. */
static inline void refuse_memory(int refuse)
{
	static const int limits[] = { RLIMIT_AS, RLIMIT_DATA };
	struct rlimit rlim;
	size_t i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(getrlimit(limits[i], &rlim), 0);
		rlim.rlim_cur = refuse ? 0 : rlim.rlim_max;
		assert_int_equal(setrlimit(limits[i], &rlim), 0);
	}
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
