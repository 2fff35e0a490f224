/*
 * What every test of the exported library needs.
 *
 * These programs know nothing of the library but the names that libc's malloc has too. They are
 * compiled with -fno-builtin, since a compiler that knows malloc may drop a malloc/free pair that
 * nobody looks at, and the pair is exactly what is under test here. opaque() hides where a pointer
 * came from, for the same reason and so that deliberate misuse does not stop at a warning.
 *
 * A program that ran on libc's malloc by mistake would pass most of these tests and prove nothing.
 * So each one starts with require_provider(): the object that malloc resolves to must be libkmem.
 */
#ifndef KMEM_TESTS_OUTSIDE_H
#define KMEM_TESTS_OUTSIDE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB	      ((size_t)1 << 10)
#define MIB	      ((size_t)1 << 20)
#define GIB	      ((size_t)1 << 30)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* printf to a file descriptor; unlike dprintf it never allocates a buffer. */
__attribute__((format(printf, 2, 3))) static inline void say(int fd, const char *format, ...)
{
	char text[1000];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > (int)sizeof(text) - 1)
		n = (int)sizeof(text) - 1;
	if (write(fd, text, (size_t)n) != n)
		_exit(98);
}

/*
 * say() and _exit() can be used in a forked child, in a signal handler, and when malloc itself is
 * broken.
 */
#define CHECK(cond, ...)                                                        \
	do {                                                                    \
		if (!(cond)) {                                                  \
			say(2, "%s:%d: FAIL: %s: ", __FILE__, __LINE__, #cond); \
			say(2, __VA_ARGS__);                                    \
			say(2, "\n");                                           \
			_exit(1);                                               \
		}                                                               \
	} while (0)

static inline void *opaque(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static inline size_t opaque_size(size_t n)
{
	__asm__ volatile("" : "+r"(n));
	return n;
}

static inline int is_aligned(const void *p, size_t alignment)
{
	return ((uintptr_t)p & (alignment - 1)) == 0;
}

/*
 * The value of byte i of a block. It changes along the page, from page to page and from MiB to MiB,
 * so that a block put together from the wrong pages, or shifted, does not look right.
 */
static inline unsigned char pattern(uint64_t seed, size_t i)
{
	return (unsigned char)(seed + i * 131 + (i >> 12) * 29 + (i >> 20) * 17);
}

static inline void fill(void *p, size_t n, uint64_t seed)
{
	unsigned char *b = (unsigned char *)p;

	for (size_t i = 0; i < n; i++)
		b[i] = pattern(seed, i);
}

/* The index of the first wrong byte, n when all are right. */
static inline size_t first_wrong(const void *p, size_t n, uint64_t seed)
{
	const unsigned char *b = (const unsigned char *)p;

	for (size_t i = 0; i < n; i++)
		if (b[i] != pattern(seed, i))
			return i;
	return n;
}

static inline size_t first_nonzero(const void *p, size_t n)
{
	const unsigned char *b = (const unsigned char *)p;

	for (size_t i = 0; i < n; i++)
		if (b[i])
			return i;
	return n;
}

/* xorshift64*: a test prints its seed, and the seed brings the same run again. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

/* Column 0 of /proc/self/statm is address space, 1 what is resident. No allocation is made. */
static inline size_t statm_kib(int column)
{
	char buf[128];
	const char *s = buf;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	CHECK(n > 0, "cannot read /proc/self/statm");
	buf[n] = 0;
	while (column--)
		s = strchr(s, ' ') + 1;
	return strtoul(s, NULL, 10) * ((size_t)sysconf(_SC_PAGESIZE) / KIB);
}

static inline size_t vm_kib(void)
{
	return statm_kib(0);
}

static inline size_t rss_kib(void)
{
	return statm_kib(1);
}

/* KMEM_TEST_PROVIDER names another library when the tests themselves are to be tried on one. */
static inline void require_provider(void)
{
	const char *want = getenv("KMEM_TEST_PROVIDER");
	void *sym = dlsym(RTLD_DEFAULT, "malloc");
	const char *base;
	Dl_info info;

	if (!want)
		want = "libkmem.so";
	CHECK(sym && dladdr(sym, &info) && info.dli_fname, "malloc belongs to no object");
	base = strrchr(info.dli_fname, '/');
	base = base ? base + 1 : info.dli_fname;
	CHECK(!strncmp(base, want, strlen(want)), "malloc is %s's, not %s's", base, want);
}

#endif
