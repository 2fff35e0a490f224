/* SPDX-License-Identifier: MIT */
/*
 * The grammar of options, and reports: what a process says on stderr is read from a pipe that a
 * child has there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "report.h"
#include "unit.h"

/* Each setter writes down what it was given: "name=<value>;". */
static char given[1000];

static int note(const char *name, const char *value, size_t len)
{
	size_t have = strlen(given);

	snprintf(given + have, sizeof(given) - have, "%s=<%.*s>;", name, (int)len, value);
	return len == 3 && memcmp(value, "bad", 3) == 0 ? -EINVAL : 0;
}

static int set_plain(const char *value, size_t len)
{
	return note("plain", value, len);
}

static int set_two_words(const char *value, size_t len)
{
	return note("two_words", value, len);
}

static int set_other(const char *value, size_t len)
{
	return note("other.option", value, len);
}

static const struct boot_param params[] = {
	{ "plain", set_plain },
	{ "two_words", set_two_words },
};
static const struct boot_param more_params[] = { { "other.option", set_other } };
static const struct boot_params tables[] = {
	{ params, ARRAY_SIZE(params) },
	{ more_params, ARRAY_SIZE(more_params) },
};

struct row {
	const char *text, *given, *said;
};

static const struct row rows[] = {
	{ "", "", "" },
	{ "  \t\n ", "", "" },
	{ "plain", "plain=<>;", "" },
	{ "plain=", "plain=<>;", "" },
	{ "plain=1", "plain=<1>;", "" },
	{ " plain=1 ", "plain=<1>;", "" },
	{ "plain=1 plain=2", "plain=<1>;plain=<2>;", "" },
	{ "plain=a\ttwo_words=b\nother.option=c", "plain=<a>;two_words=<b>;other.option=<c>;", "" },
	/* dash and underscore are one */
	{ "two-words=1 two_words=2", "two_words=<1>;two_words=<2>;", "" },
	/* but not in a value */
	{ "plain=a-b_c", "plain=<a-b_c>;", "" },
	{ "plain=a=b", "plain=<a=b>;", "" },
	{ "plain=\"a b\" two_words=c", "plain=<a b>;two_words=<c>;", "" },
	{ "plain=\"\"", "plain=<>;", "" },
	{ "plain=\"a=b c\"", "plain=<a=b c>;", "" },
	{ "plain=\"open", "plain=<open>;", "" },
	{ "plain=\"open and on", "plain=<open and on>;", "" },
	{ "plain=\"", "plain=<>;", "" },
	{ "plain=,;:/%p", "plain=<,;:/%p>;", "" },
	/* names are whole words, and no other case */
	{ "plai=1", "", "kmem: unknown option 'plai'\n" },
	{ "plainer=1", "", "kmem: unknown option 'plainer'\n" },
	{ "Plain=1", "", "kmem: unknown option 'Plain'\n" },
	{ "other_option", "", "kmem: unknown option 'other_option'\n" },
	{ "=1", "", "kmem: unknown option ''\n" },
	{ "a b=2 plain=3", "plain=<3>;", "kmem: unknown option 'a'\nkmem: unknown option 'b'\n" },
	/* one is told of once */
	{ "a=1 a=2 plain a", "plain=<>;", "kmem: unknown option 'a'\n" },
	{ "plain=bad", "plain=<bad>;", "kmem: bad value for option 'plain'\n" },
	{ "plain=bad two_words=1", "plain=<bad>;two_words=<1>;",
	  "kmem: bad value for option 'plain'\n" },
	{ "two-words=bad", "two_words=<bad>;", "kmem: bad value for option 'two-words'\n" },
};

static void parse(void *arg)
{
	const struct row *row = arg;

	given[0] = '\0';
	errno = EXDEV;
	options_parse(row->text, tables, ARRAY_SIZE(tables));
	EXPECT_EQ(errno, EXDEV);
	EXPECT(strcmp(given, row->given) == 0);
}

static void test_grammar(void **state)
{
	char text[1000];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct row row = rows[i];
		int status = unit_child(parse, &row, text, sizeof(text));

		if (status || strcmp(text, row.said))
			print_error("options '%s': %s\n", row.text, text);
		EXPECT_EQ(status, 0);
		EXPECT(strcmp(text, row.said) == 0);
	}
}

/* A long name is told of by its beginning. */
static void test_long_name(void **state)
{
	char option[3000], text[1000], wanted[200];
	struct row row = { option, "", "" };

	(void)state;
	memset(option, 'x', sizeof(option) - 1);
	option[sizeof(option) - 1] = '\0';
	snprintf(wanted, sizeof(wanted), "kmem: unknown option '%.64s'\n", option);
	EXPECT_EQ(unit_child(parse, &row, text, sizeof(text)), 0);
	EXPECT(strcmp(text, wanted) == 0);
}

/* Nothing behind the text is looked at, whatever it ends with. */
static void test_ends(void **state)
{
	static const char *const texts[] = { "plain=1", "plain=\"1", "plain", "plain=", "x", " " };
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		/* of its own size: a sanitizer sees the byte behind it */
		char *copy = strdup(texts[i]), text[200];
		struct row row = { copy, "", "" };

		row.given = strchr(copy, '1') ? "plain=<1>;" : copy[0] == 'p' ? "plain=<>;" : "";
		EXPECT_EQ(unit_child(parse, &row, text, sizeof(text)), 0);
		free(copy);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		long number;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "-1", -1 },
		{ "007", 7 },
		{ "-0", 0 },
		{ "1234567890", 1234567890 },
		{ "9223372036854775807", LONG_MAX },
		{ "-9223372036854775807", -LONG_MAX },
	};
	static const char *const bad[] = {
		"",
		"-",
		"x",
		"1x",
		"x1",
		"--1",
		"+1",
		" 1",
		"1 ",
		"0x10",
		"1.0",
		"1-",
		"9223372036854775808",
		"92233720368547758070",
		"99999999999999999999999",
	};
	unsigned int i;
	long number;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		number = 17;
		EXPECT_EQ(option_number(good[i].text, strlen(good[i].text), &number), 0);
		EXPECT_EQ(number, good[i].number);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		number = 17;
		EXPECT_EQ(option_number(bad[i], strlen(bad[i]), &number), -EINVAL);
		EXPECT_EQ(number, 17);
	}
	/* only as far as it is said to go */
	EXPECT_EQ(option_number("123456", 3, &number), 0);
	EXPECT_EQ(number, 123);
	EXPECT_EQ(option_number("12,56", 2, &number), 0);
	EXPECT_EQ(number, 12);
}

static void test_flags(void **state)
{
	bool flag = false;

	(void)state;
	EXPECT_EQ(option_flag("2", 1, &flag), 0);
	EXPECT(flag);
	flag = false;
	EXPECT_EQ(option_flag("", 0, &flag), 0);
	EXPECT(flag);
	EXPECT_EQ(option_flag("x", 1, &flag), -EINVAL);
	EXPECT(flag);
	EXPECT_EQ(option_flag("0", 1, &flag), 0);
	EXPECT(!flag);
	EXPECT_EQ(option_flag("no", 2, &flag), -EINVAL);
	EXPECT(!flag);
}

/* ---- Reports ---- */

static void report(void *arg)
{
	errno = EXDEV;
	kmem_report("%s: %d of 0x%lx", (const char *)arg, 5, 0xabcUL);
	EXPECT_EQ(errno, EXDEV);
}

static void test_report(void **state)
{
	char text[1000], longer[1000];

	(void)state;
	EXPECT_EQ(unit_child(report, (void *)(uintptr_t) "words", text, sizeof(text)), 0);
	EXPECT(strcmp(text, "kmem: words: 5 of 0xabc\n") == 0);
	/* too long: cut, but a line */
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	EXPECT_EQ(unit_child(report, longer, text, sizeof(text)), 0);
	EXPECT(strncmp(text, "kmem: yyyy", 10) == 0);
	EXPECT(strlen(text) > 300 && strlen(text) < 500);
	EXPECT(strchr(text, '\n') == text + strlen(text) - 1);
}

static void bug(void *arg)
{
	kmem_bug("%s: double free of 0x%lx", (const char *)arg, 0x7f00UL);
}

static void failed_assertion(void *arg)
{
	(void)arg;
	kmem_assert_failed("a < b", "file.c", 12);
}

static void assert_nothing(void *arg)
{
	KMEM_ASSERT(arg != NULL);
}

static void test_bug(void **state)
{
	char text[400];
	int status;

	(void)state;
	unit_dies_saying(bug, (void *)(uintptr_t) "kmalloc-64",
			 "kmem: BUG kmalloc-64: double free of 0x7f00");
	unit_dies_saying(failed_assertion, NULL,
			 "kmem: BUG -: assertion failed: a < b (file.c:12)");
	unit_passes(assert_nothing, text);
	status = unit_child(assert_nothing, NULL, text, sizeof(text));
	if (CONFIG_CHECK) {
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		EXPECT(strncmp(text, "kmem: BUG -: assertion failed: arg != ", 38) == 0);
	} else {
		EXPECT_EQ(status, 0);
		EXPECT_EQ(text[0], '\0');
	}
}

/* A process without stderr can say nothing, and dies all the same. */
static void bug_without_stderr(void *arg)
{
	close(STDERR_FILENO);
	bug(arg);
}

static void test_bug_without_stderr(void **state)
{
	(void)state;
	unit_dies_by(bug_without_stderr, (void *)(uintptr_t) "x", SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar), cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_ends),	cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_flags),	cmocka_unit_test(test_report),
		cmocka_unit_test(test_bug),	cmocka_unit_test(test_bug_without_stderr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
