/* SPDX-License-Identifier: MIT */
/*
 * The small printf against libc's, and what becomes of text that does not fit or cannot be written.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "unit.h"

static char ours[400], theirs[400];

/* The same by both; the compiler has seen the format in neither. */
static void same(const char *fmt, ...)
{
	struct out out;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(theirs, sizeof(theirs), fmt, ap);
	va_end(ap);
	out_init(&out, -1, ours, sizeof(ours) - 1);
	va_start(ap, fmt);
	out_vprintf(&out, fmt, ap);
	va_end(ap);
	ours[out.len] = '\0';
	if (strcmp(ours, theirs))
		print_error("format '%s': '%s', not '%s'\n", fmt, ours, theirs);
	EXPECT(strcmp(ours, theirs) == 0);
	EXPECT_EQ(out.error, 0);
}

static const long values[] = {
	0,
	1,
	-1,
	7,
	9,
	10,
	42,
	-42,
	99,
	100,
	255,
	256,
	4095,
	-4096,
	65535,
	123456,
	INT_MAX,
	INT_MIN,
	UINT_MAX,
	LONG_MAX,
	LONG_MIN,
	LONG_MIN + 1,
	0x123456789ab,
	-999999999999,
};

static void test_numbers(void **state)
{
	static const char *const flags[] = { "", "-", "0", "-0", "0-" };
	unsigned int f, width, i;
	char fmt[40];

	(void)state;
	for (f = 0; f < ARRAY_SIZE(flags); f++)
		for (width = 0; width < 25; width++)
			for (i = 0; i < ARRAY_SIZE(values); i++) {
				static const char *const kinds[] = { "d", "u", "x" };
				static const char *const longs[] = { "ld", "lu", "lx", "zu",
								     "zd", "zx", "lld" };
				char digits[8] = "";
				unsigned int k;

				if (width)
					snprintf(digits, sizeof(digits), "%u", width);
				for (k = 0; k < ARRAY_SIZE(kinds); k++) {
					snprintf(fmt, sizeof(fmt), "<%%%s%s%s>", flags[f], digits,
						 kinds[k]);
					same(fmt, (int)values[i]);
				}
				for (k = 0; k < ARRAY_SIZE(longs); k++) {
					snprintf(fmt, sizeof(fmt), "<%%%s%s%s>", flags[f], digits,
						 longs[k]);
					same(fmt, values[i]);
				}
			}
}

static void test_strings(void **state)
{
	static const char *const strings[] = { "", "a", "kmalloc-64", "twenty characters ..." };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(strings); i++) {
		same("%s", strings[i]);
		same("[%1s]", strings[i]);
		same("[%17s]", strings[i]);
		same("[%-17s]", strings[i]);
		same("%s%s", strings[i], strings[i]);
	}
	same("%c%c%c", 'a', ' ', '%');
	same("100%%");
	same("");
	same("no conversions at all");
	same("%d %s %u %lx %c %%", -1, "x", 5u, 0xabcdefUL, 'y');
	same("%-17s %6lu %6lu %6u %4u %4d : tunables %4u\n", "kmalloc-96", 1234567UL, 0UL, 96u, 42u,
	     1, 60u);
}

/* Without a file, what does not fit is cut off. */
static void test_cut(void **state)
{
	char buf[16];
	struct out out;
	size_t size;

	(void)state;
	for (size = 0; size < 12; size++) {
		memset(buf, '#', sizeof(buf));
		out_init(&out, -1, buf, size);
		out_printf(&out, "%s %d", "abcde", 12345);
		EXPECT_EQ(out.len, size < 11 ? size : 11);
		EXPECT(memcmp(buf, "abcde 12345", out.len) == 0);
		EXPECT_EQ(buf[size], '#');
		EXPECT_EQ(out_flush(&out), 0);
		EXPECT_EQ(out.len, size < 11 ? size : 11);
	}
}

/* With one, a full buffer is written, whatever its size. */
static void test_file(void **state)
{
	char buf[64], got[2000], wanted[2000];
	size_t size, len = 0;
	struct out out;
	int fd[2], i;

	(void)state;
	for (i = 0; i < 100; i++)
		len += (size_t)sprintf(wanted + len, "line %d\n", i);
	for (size = 1; size <= sizeof(buf); size += 9) {
		EXPECT_EQ(pipe(fd), 0);
		out_init(&out, fd[1], buf, size);
		errno = EXDEV;
		for (i = 0; i < 100; i++)
			out_printf(&out, "line %d\n", i);
		EXPECT_EQ(out_flush(&out), 0);
		EXPECT_EQ(out_flush(&out), 0);
		EXPECT_EQ(errno, EXDEV);
		EXPECT_EQ(read(fd[0], got, sizeof(got)), len);
		EXPECT(memcmp(got, wanted, len) == 0);
		close(fd[0]);
		close(fd[1]);
	}
}

static void test_write_errors(void **state)
{
	char buf[10];
	struct out out;
	int fd[2], full = open("/dev/full", O_WRONLY);

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	out_init(&out, full, buf, sizeof(buf));
	errno = EXDEV;
	out_printf(&out, "short");
	EXPECT_EQ(out.error, 0);
	EXPECT_EQ(out_flush(&out), -ENOSPC);
	EXPECT_EQ(errno, EXDEV);
	close(full);

	/* the first error stays, and ends the writing */
	EXPECT_EQ(pipe(fd), 0);
	close(fd[0]);
	out_init(&out, fd[1], buf, sizeof(buf));
	out_printf(&out, "longer than the buffer is, by far");
	EXPECT_EQ(out.error, EPIPE);
	close(fd[1]);
	out_printf(&out, "more of it, and then some more");
	EXPECT_EQ(out_flush(&out), -EPIPE);

	out_init(&out, 12345, buf, sizeof(buf));
	out_printf(&out, "x");
	EXPECT_EQ(out_flush(&out), -EBADF);
	signal(SIGPIPE, SIG_DFL);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A pipe that is full for a while: interrupted, the write goes on. */
static void write_much(void *arg)
{
	struct sigaction action = { .sa_handler = on_alarm };
	static char buf[300000];
	struct out out;
	int *fd = arg;
	size_t i;

	sigaction(SIGALRM, &action, NULL);
	ualarm(1000, 1000);
	out_init(&out, fd[1], buf, sizeof(buf));
	for (i = 0; i < sizeof(buf) / 10; i++)
		out_printf(&out, "%9d\n", (int)i);
	EXPECT_EQ(out_flush(&out), 0);
}

static void read_and_write(void *arg, unsigned int id)
{
	int *fd = arg, n = 0;
	FILE *file;

	if (id == 0) {
		unit_passes(write_much, fd);
		close(fd[1]);
		return;
	}
	usleep(20000);
	file = fdopen(dup(fd[0]), "r");
	EXPECT(file != NULL);
	while (n < 30000) {
		int i;

		EXPECT_EQ(fscanf(file, "%d", &i), 1);
		EXPECT_EQ(i, n);
		n++;
	}
	fclose(file);
}

static void test_interrupted_write(void **state)
{
	int fd[2];

	(void)state;
	EXPECT_EQ(pipe(fd), 0);
	unit_threads(2, read_and_write, fd);
	close(fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	     cmocka_unit_test(test_strings),
		cmocka_unit_test(test_cut),	     cmocka_unit_test(test_file),
		cmocka_unit_test(test_write_errors), cmocka_unit_test(test_interrupted_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
