/* SPDX-License-Identifier: MIT */
/* Copies and formatted strings in kmalloc's memory. See kmem/slab.h. */
#include <kmem/slab.h>
#include <stdio.h>
#include <string.h>

#include "compiler.h"

char *kmemdup_nul(const char *from, size_t len, gfp_t flags)
{
	char *copy;

	if (!from)
		return NULL;
	copy = kmalloc(len + 1, flags);
	if (copy) {
		memcpy(copy, from, len);
		copy[len] = '\0';
	}
	return copy;
}

char *kstrdup(const char *s, gfp_t flags)
{
	return s ? kmemdup_nul(s, strlen(s), flags) : NULL;
}

char *kstrndup(const char *s, size_t max, gfp_t flags)
{
	return s ? kmemdup_nul(s, strnlen(s, max), flags) : NULL;
}

void *kmemdup(const void *from, size_t len, gfp_t flags)
{
	void *copy = kmalloc(len, flags);

	return ZERO_OR_NULL_PTR(copy) ? copy : memcpy(copy, from, len);
}

char *kvasprintf(gfp_t flags, const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return NULL;
	text = kmalloc((size_t)len + 1, flags);
	if (text)
		vsnprintf(text, (size_t)len + 1, fmt, ap);
	return text;
}

char *kasprintf(gfp_t flags, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = kvasprintf(flags, fmt, ap);
	va_end(ap);
	return text;
}
