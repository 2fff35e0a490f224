/* SPDX-License-Identifier: MIT */
/*
 * What the library says on stderr, and how it dies.
 *
 * A report is one line, `kmem: ...`, in one write(2), so that lines of several processes do not
 * mix. A BUG is a report followed by abort(): the program has broken a rule, going on would corrupt
 * it.
 */
#ifndef KMEM_REPORT_H
#define KMEM_REPORT_H

#include "compiler.h"

void kmem_report(const char *fmt, ...) __printf(1, 2);

/* For what may come again and again: ten lines in five seconds. */
struct report_limit {
	uint64_t since_ms;
	unsigned int nr;
};
bool report_allowed(struct report_limit *limit, uint64_t now_ms);

_Noreturn void kmem_bug(const char *fmt, ...) __printf(1, 2);
_Noreturn void kmem_assert_failed(const char *what, const char *file, int line);

/* Holds in every build that has CONFIG_CHECK; costs nothing in the others. */
#define KMEM_ASSERT(cond)                                              \
	do {                                                           \
		if (CONFIG_CHECK && unlikely(!(cond)))                 \
			kmem_assert_failed(#cond, __FILE__, __LINE__); \
	} while (0)

#endif
