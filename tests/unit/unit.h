/* SPDX-License-Identifier: MIT */
/*
 * What all unit tests share: expectations that hold in any thread and in any child, children that
 * may die, a random number generator, and patterns that tell one block's bytes from another's.
 *
 * cmocka's own assertions jump back to its runner, which only the thread that it called may do, and
 * no forked child. EXPECT() does what is right wherever it stands: it fails the test, or ends the
 * child or the process with the reason on stderr.
 *
 * Every run is the same run: seeds are constants, printed with the test, and UNIT_SEED=n in the
 * environment gives another. UNIT_TEST=pattern runs some of a program's tests.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler.h"

#define EXPECT(cond)                                                     \
	do {                                                             \
		if (unlikely(!(cond)))                                   \
			unit_failed(#cond, NULL, 0, __FILE__, __LINE__); \
	} while (0)

#define EXPECT_EQ(a, b) \
	unit_equal((unsigned long)(a), (unsigned long)(b), #a " == " #b, __FILE__, __LINE__)

void unit_failed(const char *what, const unsigned long *values, int nr, const char *file, int line);

static inline void unit_equal(unsigned long a, unsigned long b, const char *what, const char *file,
			      int line)
{
	const unsigned long values[] = { a, b };

	if (unlikely(a != b))
		unit_failed(what, values, 2, file, line);
}

/* ---- Random numbers ---- */

/* The seed for a test, which says so on stdout: @seed, or UNIT_SEED. */
uint64_t unit_seed(uint64_t seed);
uint64_t unit_random(uint64_t *state);

/* A number below @n, which is not 0. */
static inline unsigned int unit_below(uint64_t *state, unsigned int n)
{
	return (unsigned int)((unit_random(state) >> 32) * n >> 32);
}

/* Fewer steps under valgrind and under sanitizers, which take many times as long. */
unsigned int unit_steps(unsigned int n);
bool unit_on_valgrind(void);

/* ---- Children and threads ---- */

/* Runs @fn in a forked child; its wait status, and what it wrote to stderr as a string. */
int unit_child(void (*fn)(void *), void *arg, char *text, size_t size);

/* The child must come to its end, with every expectation met. */
void unit_passes(void (*fn)(void *), void *arg);

/* The child must die by SIGABRT, with one line on stderr that begins as the format says. */
void unit_dies_saying(void (*fn)(void *), void *arg, const char *fmt, ...) __printf(3, 4);

/* The child must die by @sig. */
void unit_dies_by(void (*fn)(void *), void *arg, int sig);

/* Runs @fn(arg, 0) to @fn(arg, n - 1) in threads of their own, and waits for all. */
void unit_threads(unsigned int n, void (*fn)(void *arg, unsigned int id), void *arg);

/* From here on the thread stays on that CPU. */
void unit_run_on(unsigned int cpu);

/* From here on the process is one that has had threads: see lock_alone(). */
void unit_have_threads(void);

/* ---- Contents ---- */

void unit_fill(void *p, size_t bytes, uint64_t key);
bool unit_holds(const void *p, size_t bytes, uint64_t key);
bool unit_is_zero(const void *p, size_t bytes);

/* Whether anything is mapped there. Not for long, if nothing is: libc maps, too. */
bool unit_is_mapped(const void *addr);

/* ---- The kernel, as the library asks it (unit_os.c) ---- */

/*
 * Told of every call that the library makes on memory, or for a thread's clock, whose arguments it
 * may change. Not 0: the call is not made, and fails with this errno; or returns unit_os_result, 0
 * as a rule, if it is UNIT_OS_DONE.
 */
#define UNIT_OS_DONE (-1)
extern int (*unit_os_hook)(long nr, unsigned long args[6]);

/* Such a hook: a system that has no memory. */
int unit_refuse(long nr, unsigned long args[6]);
extern long unit_os_result;

/*
 * For a hook that plays a kernel with process_madvise(): purges the first @most ranges of such a
 * call, and says in unit_os_result how many bytes these are. Returns UNIT_OS_DONE.
 */
int unit_os_purge_many(const unsigned long args[6], unsigned int most);

/* Told of every prctl() that the library makes. Not 0: it fails with this errno; 0: it succeeds. */
extern int (*unit_prctl_hook)(unsigned long args[6]);

/* Is called before each futex(2) by way of syscall(2). */
extern void (*unit_futex_hook)(unsigned long args[6]);

/* Calls on memory so far, those that fail_os refused not among them. */
extern unsigned long unit_os_calls;

/* Calls of any kind that the library made through syscall(2). */
extern unsigned long unit_all_calls;

/* pthread_setspecific() fails. */
extern bool unit_refuse_setspecific;

#endif
