/* SPDX-License-Identifier: MIT */
/* See format.h. */
#include "format.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct spec {
	unsigned int width;
	bool left, zero, is_long;
};

void out_init(struct out *out, int fd, char *buf, size_t size)
{
	*out = (struct out){ .fd = fd, .buf = buf, .size = size };
}

int out_flush(struct out *out)
{
	int saved = errno;
	size_t done = 0;

	while (out->fd >= 0 && done < out->len && !out->error) {
		/* Not write(), which may cancel the thread: this may be in the midst of malloc. */
		long n = syscall(SYS_write, out->fd, out->buf + done, out->len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			out->error = errno;
	}
	if (out->fd >= 0)
		out->len = 0;
	errno = saved;
	return -out->error;
}

static void put(struct out *out, char c)
{
	if (out->len == out->size && out->fd >= 0)
		out_flush(out);
	if (out->len < out->size)
		out->buf[out->len++] = c;
}

static void put_padded(struct out *out, const char *s, size_t len, const struct spec *spec)
{
	size_t pad = spec->width > len ? spec->width - len : 0, i;

	for (i = 0; !spec->left && i < pad; i++)
		put(out, spec->zero ? '0' : ' ');
	for (i = 0; i < len; i++)
		put(out, s[i]);
	for (i = 0; spec->left && i < pad; i++)
		put(out, ' ');
}

static void put_number(struct out *out, unsigned long value, unsigned int base, bool minus,
		       const struct spec *spec)
{
	char digits[24], *p = digits + sizeof(digits);

	do {
		*--p = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (minus && spec->zero && !spec->left) {
		struct spec rest = *spec;

		put(out, '-');
		rest.width -= rest.width ? 1 : 0;
		put_padded(out, p, (size_t)(digits + sizeof(digits) - p), &rest);
		return;
	}
	if (minus)
		*--p = '-';
	put_padded(out, p, (size_t)(digits + sizeof(digits) - p), spec);
}

static const char *parse_spec(const char *p, struct spec *spec)
{
	*spec = (struct spec){ 0 };
	for (; *p == '-' || *p == '0'; p++) {
		spec->left |= *p == '-';
		spec->zero |= *p == '0';
	}
	for (; *p >= '0' && *p <= '9'; p++)
		spec->width = spec->width * 10 + (unsigned int)(*p - '0');
	for (; *p == 'l' || *p == 'z'; p++)
		spec->is_long = true;
	return p;
}

static void put_signed(struct out *out, long value, const struct spec *spec)
{
	unsigned long magnitude = value < 0 ? 0UL - (unsigned long)value : (unsigned long)value;

	put_number(out, magnitude, 10, value < 0, spec);
}

void out_vprintf(struct out *out, const char *fmt, va_list ap)
{
	struct spec spec;
	const char *s;
	unsigned long value;

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(out, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &spec);
		switch (*fmt) {
		case 'd':
			put_signed(out, spec.is_long ? va_arg(ap, long) : va_arg(ap, int), &spec);
			break;
		case 'u':
		case 'x':
			value = spec.is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int);
			put_number(out, value, *fmt == 'u' ? 10 : 16, false, &spec);
			break;
		case 's':
			s = va_arg(ap, const char *);
			put_padded(out, s, strlen(s), &spec);
			break;
		case 'c':
			put(out, (char)va_arg(ap, int));
			break;
		default:
			put(out, *fmt);
			break;
		}
	}
}

void out_printf(struct out *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	out_vprintf(out, fmt, ap);
	va_end(ap);
}
