/* SPDX-License-Identifier: MIT */
/* See report.h. */
#include "report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "format.h"

#define LINE_MAX_BYTES 400
#define LIMIT_LINES    10u
#define LIMIT_MS       5000

static void report_line(const char *prefix, const char *fmt, va_list ap)
{
	char buf[LINE_MAX_BYTES];
	struct out out;

	out_init(&out, -1, buf, sizeof(buf) - 1);
	out_printf(&out, "kmem: %s", prefix);
	out_vprintf(&out, fmt, ap);
	buf[out.len++] = '\n';
	out.fd = STDERR_FILENO;
	out_flush(&out);
}

void kmem_report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_line("", fmt, ap);
	va_end(ap);
}

/* Two threads that come here at once may say one line more, or less. */
bool report_allowed(struct report_limit *limit, uint64_t now_ms)
{
	if (now_ms - READ_ONCE(limit->since_ms) > LIMIT_MS) {
		WRITE_ONCE(limit->since_ms, now_ms);
		WRITE_ONCE(limit->nr, 0);
	}
	return __atomic_fetch_add(&limit->nr, 1, __ATOMIC_RELAXED) < LIMIT_LINES;
}

void kmem_bug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_line("BUG ", fmt, ap);
	va_end(ap);
	abort();
}

void kmem_assert_failed(const char *what, const char *file, int line)
{
	kmem_bug("-: assertion failed: %s (%s:%d)", what, file, line);
}
