/* SPDX-License-Identifier: MIT */
/*
 * Text without allocation: a buffer on the caller's stack, a small printf, write(2).
 *
 * An allocator that reports trouble through stdio may be called back by it. This speaks the part of
 * printf's language that the reports and the slabinfo format need: %d %u %x %lx %lu %ld %zu %s %c
 * %% with width, `-` and `0`.
 */
#ifndef KMEM_FORMAT_H
#define KMEM_FORMAT_H

#include "compiler.h"

struct out {
	int fd;	     /* where full buffers go; -1: nowhere, what does not fit is cut */
	int error;   /* errno of the first write that failed, 0 if none did */
	size_t len;  /* bytes in buf */
	size_t size; /* room in buf */
	char *buf;
};

void out_init(struct out *out, int fd, char *buf, size_t size);
void out_printf(struct out *out, const char *fmt, ...) __printf(2, 3);
void out_vprintf(struct out *out, const char *fmt, __builtin_va_list ap);

/* Writes what is buffered; keeps errno; returns 0 or the first error as a negative errno. */
int out_flush(struct out *out);

#endif
