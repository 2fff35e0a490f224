/*
 * The figures that malloc gives about itself: mallinfo, mallinfo2, malloc_info, malloc_stats, and
 * the two that act, mallopt and malloc_trim.
 *
 * The figures are for people and monitoring programs, so what is checked is that they follow what
 * the program does, in the right order of size, and come down again; and that malloc_info's XML can
 * be read by a program written for glibc's.
 */
#include "outside.h"
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/time.h>
/* keep after the headers that it needs */
#include <cmocka.h>

/* glibc counts blocks with a mapping of their own apart from the rest. */
static size_t in_use(void)
{
	struct mallinfo2 mi = mallinfo2();

	return mi.uordblks + mi.hblkhd;
}

static void taken_and_given_back(size_t size, size_t n)
{
	void **list = NULL;
	size_t before, during, after;

	malloc_trim(0);
	before = in_use();
	for (size_t i = 0; i < n; i++) {
		void **p = malloc(size);

		assert_non_null(p);
		*p = list;
		list = p;
	}
	during = in_use();
	while (list) {
		void **next = *list;

		free(list);
		list = next;
	}
	malloc_trim(0);
	after = in_use();
	print_message("%zu blocks of %zu: in use %zu, %zu, %zu\n", n, size, before, during, after);
	assert_true(during >= before + n * size);
	assert_true(during <= before + 2 * n * size + MIB);
	assert_true(after <= before);
}

static void mallinfo2_follows(void **state)
{
	(void)state;
	taken_and_given_back(16, 100000);
	taken_and_given_back(100, 20000);
	taken_and_given_back(3000, 2000);
	taken_and_given_back(30000, 300);
	taken_and_given_back(100000, 100);
	taken_and_given_back(10 * MIB, 3);
	taken_and_given_back(150 * MIB, 1);
}

static void mallinfo2_adds_up(void **state)
{
	void *p = malloc(3000000), *q = malloc(70 * MIB);
	struct mallinfo2 mi;

	(void)state;
	assert_non_null(p);
	assert_non_null(q);
	mi = mallinfo2();
	assert_true(mi.uordblks >= 3000000 && mi.fordblks == mi.arena - mi.uordblks);
	assert_true(mi.hblks >= 1 && mi.hblkhd >= 70 * MIB);
	free(p);
	free(q);
}

/* What malloc_trim(0) would give back; and what lies in sheaves, of objects that differ in size. */
static void mallinfo2_says_what_is_free(void **state)
{
	struct mallinfo2 before, mi;
	void *p = malloc(2 * MIB);

	(void)state;
	malloc_trim(0);
	before = mallinfo2();
	assert_non_null(p);
	memset(p, 1, 2 * MIB);
	free(p);
	mi = mallinfo2();
	assert_true(mi.keepcost >= before.keepcost + 2 * MIB);
	assert_true(mi.keepcost < before.keepcost + 3 * MIB);
	malloc_trim(0);
	mi = mallinfo2();
	assert_true(mi.keepcost < MIB);
	assert_true(mi.smblks >= mi.fsmblks / 32768);
	p = malloc(3000);
	free(p);
	before = mallinfo2();
	p = malloc(3000);
	mi = mallinfo2();
	assert_int_equal(before.smblks - mi.smblks, 1);
	assert_int_equal(before.fsmblks - mi.fsmblks, malloc_usable_size(p));
	free(p);
}

/* The old form has ints, and says the same as long as the figures fit. */
static void mallinfo_agrees(void **state)
{
	struct mallinfo2 wide;
	void *p = malloc(3000000);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	struct mallinfo narrow = mallinfo();
#pragma GCC diagnostic pop

	(void)state;
	wide = mallinfo2();
	assert_true((size_t)narrow.uordblks == wide.uordblks);
	assert_true((size_t)narrow.hblkhd == wide.hblkhd);
	assert_true((size_t)narrow.arena == wide.arena);
	assert_true((size_t)narrow.uordblks + (size_t)narrow.hblkhd >= 3000000);
	free(p);
}

#define MAX_DEPTH 16

struct element {
	char name[32];
	char attributes[200];
};

/*
 * A reader for the part of XML that malloc_info may use: elements, attributes in double quotes,
 * white space. Calls seen() for each element with the names of those around it; fails on the rest.
 */
static void read_xml(const char *s, void (*seen)(const struct element *stack, int depth))
{
	struct element stack[MAX_DEPTH];
	int depth = 0, roots = 0;

	for (;;) {
		int name_length = 0, attr_length = 0, used = 0, close, empty = 0;

		s += strspn(s, " \t\r\n");
		if (!*s)
			break;
		if (*s != '<')
			fail_msg("text outside of tags: %.40s", s);
		s++;
		close = *s == '/';
		s += close;
		if (sscanf(s, "%31[a-zA-Z0-9_]%n", stack[depth].name, &name_length) != 1)
			fail_msg("no element name: %.40s", s);
		s += name_length;
		if (close) {
			if (!depth || strcmp(stack[depth].name, stack[depth - 1].name))
				fail_msg("</%s> closes nothing", stack[depth].name);
			depth--;
			s += strspn(s, " ");
			assert_int_equal(*s, '>');
			s++;
			continue;
		}
		stack[depth].attributes[0] = 0;
		for (;;) {
			s += strspn(s, " \t\r\n");
			if (*s == '/' || *s == '>')
				break;
			used = 0;
			(void)sscanf(s, "%*[a-zA-Z0-9_]=\"%*[^\"<&]\"%n", &used);
			if (!used)
				fail_msg("no attribute: %.40s", s);
			if (attr_length + used + 2 > (int)sizeof(stack[depth].attributes))
				fail_msg("long attributes: %.40s", s);
			memcpy(stack[depth].attributes + attr_length, s, (size_t)used);
			attr_length += used;
			stack[depth].attributes[attr_length++] = ' ';
			stack[depth].attributes[attr_length] = 0;
			s += used;
		}
		empty = *s == '/';
		s += empty;
		assert_int_equal(*s, '>');
		s++;
		roots += depth == 0;
		depth++;
		seen(stack, depth);
		depth -= empty;
		assert_true(depth < MAX_DEPTH);
	}
	assert_int_equal(depth, 0);
	assert_int_equal(roots, 1);
}

static struct {
	int heaps, sizes, total_fast, total_rest, total_mmap, system_current, system_max, aspace;
	size_t current;
} xml;

static void note(const struct element *stack, int depth)
{
	const struct element *e = &stack[depth - 1];
	const char *size = strstr(e->attributes, "size=\"");
	int top = depth == 2;

	if (depth == 1) {
		assert_string_equal(e->name, "malloc");
		assert_string_equal(e->attributes, "version=\"1\" ");
		return;
	}
	if (!strcmp(e->name, "heap")) {
		assert_true(top);
		assert_ptr_equal(strstr(e->attributes, "nr=\""), e->attributes);
		xml.heaps++;
	} else if (!strcmp(e->name, "sizes")) {
		assert_string_equal(stack[depth - 2].name, "heap");
		xml.sizes++;
	} else if (!strcmp(e->name, "total")) {
		assert_non_null(strstr(e->attributes, "count=\""));
		assert_non_null(size);
		xml.total_fast += top && strstr(e->attributes, "type=\"fast\"");
		xml.total_rest += top && strstr(e->attributes, "type=\"rest\"");
		xml.total_mmap += top && strstr(e->attributes, "type=\"mmap\"");
	} else if (!strcmp(e->name, "system")) {
		assert_non_null(size);
		if (top && strstr(e->attributes, "type=\"current\"")) {
			xml.system_current++;
			xml.current = strtoul(size + 6, NULL, 10);
		}
		xml.system_max += top && strstr(e->attributes, "type=\"max\"");
	} else if (!strcmp(e->name, "aspace")) {
		assert_non_null(size);
		xml.aspace += top;
	}
}

static void malloc_info_is_glibc_s_xml(void **state)
{
	void *p = malloc(7000000);
	char *text = NULL;
	size_t length = 0;
	FILE *f = open_memstream(&text, &length);

	(void)state;
	assert_non_null(p);
	memset(p, 1, 7000000);
	assert_non_null(f);
	assert_int_equal(malloc_info(0, f), 0);
	assert_int_equal(fclose(f), 0);
	read_xml(text, note);
	assert_true(xml.heaps >= 1);
	assert_int_equal(xml.sizes, xml.heaps);
	assert_int_equal(xml.total_fast, 1);
	assert_int_equal(xml.total_rest, 1);
	assert_int_equal(xml.total_mmap, 1);
	assert_int_equal(xml.system_current, 1);
	assert_int_equal(xml.system_max, 1);
	assert_true(xml.aspace >= 1);
	assert_true(xml.current > 0);
	free(text);
	free(p);
}

static void malloc_info_of_unknown_options(void **state)
{
	char *text = NULL;
	size_t length = 0;
	FILE *f = open_memstream(&text, &length);

	(void)state;
	assert_non_null(f);
	assert_int_equal(malloc_info(1, f), EINVAL);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(length, 0);
	free(text);
}

static void malloc_stats_writes_to_stderr(void **state)
{
	char name[] = "/tmp/malloc-stats-XXXXXX";
	char text[20000];
	int fd = mkstemp(name);
	int saved = dup(2);
	ssize_t n;

	(void)state;
	assert_true(fd >= 0 && saved >= 0);
	unlink(name);
	fflush(stderr);
	assert_true(dup2(fd, 2) == 2);
	malloc_stats();
	fflush(stderr);
	assert_true(dup2(saved, 2) == 2);
	close(saved);
	n = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	assert_true(n > 0);
	text[n] = 0;
	/* the words that scripts look for in glibc's */
	assert_non_null(strstr(text, "system bytes"));
	assert_non_null(strstr(text, "in use bytes"));
}

static void mallopt_returns(void **state)
{
	(void)state;
	assert_int_equal(mallopt(M_MMAP_THRESHOLD, 1 << 20), 1);
	assert_int_equal(mallopt(M_TRIM_THRESHOLD, 1 << 20), 1);
	assert_int_equal(mallopt(M_TOP_PAD, 1 << 16), 1);
	assert_int_equal(mallopt(M_MMAP_MAX, 1000), 1);
	assert_int_equal(mallopt(M_ARENA_MAX, 2), 1);
	free(malloc(100));
}

static void malloc_trim_gives_back(void **state)
{
	size_t before, during, after;
	void **list = NULL;
	int released;

	(void)state;
	malloc_trim(0);
	before = rss_kib();
	for (int i = 0; i < 100000; i++) {
		void **p = malloc(1000);

		assert_non_null(p);
		memset(p, 1, 1000);
		*p = list;
		list = p;
	}
	during = rss_kib();
	while (list) {
		void **next = *list;

		free(list);
		list = next;
	}
	released = malloc_trim(0);
	after = rss_kib();
	print_message("RSS %zu, %zu, %zu KiB; malloc_trim returned %d\n", before, during, after,
		      released);
	assert_true(during >= before + 90000);
	assert_true(after <= before + 8 * KIB);
	/* it may all have gone back before; then there was nothing to do */
	assert_true(released == 0 || released == 1);

	/* one large block, freed a moment ago: this time there is something */
	void *p = malloc(20 * MIB);

	assert_non_null(p);
	memset(p, 1, 20 * MIB);
	free(p);
	malloc_trim(0);
	assert_true(rss_kib() <= before + 8 * KIB);
}

static void *held[1000];
static volatile sig_atomic_t nr_signals;

static void allocate(int sig)
{
	(void)sig;
	for (int i = 0; i < 60; i++) {
		size_t k = ((size_t)nr_signals * 60 + (size_t)i) % ARRAY_SIZE(held);

		free(held[k]);
		held[k] = malloc(16 + k * 53 % 2500);
	}
	nr_signals++;
}

/* Who asks holds locks meanwhile: in a checked build an order of locks is looked at as well. */
static void a_handler_allocates_meanwhile(void **state)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
	static char text[64 * KIB];
	FILE *nowhere = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(nowhere);
	signal(SIGALRM, allocate);
	setitimer(ITIMER_REAL, &often, NULL);
	while (nr_signals < 200) {
		assert_true(mallinfo2().arena > 0);
		assert_int_equal(malloc_info(0, nowhere), 0);
		rewind(nowhere);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	fclose(nowhere);
	for (size_t k = 0; k < ARRAY_SIZE(held); k++)
		free(held[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mallinfo2_follows),
		cmocka_unit_test(mallinfo2_adds_up),
		cmocka_unit_test(mallinfo2_says_what_is_free),
		cmocka_unit_test(mallinfo_agrees),
		cmocka_unit_test(malloc_info_is_glibc_s_xml),
		cmocka_unit_test(malloc_info_of_unknown_options),
		cmocka_unit_test(malloc_stats_writes_to_stderr),
		cmocka_unit_test(mallopt_returns),
		cmocka_unit_test(malloc_trim_gives_back),
		cmocka_unit_test(a_handler_allocates_meanwhile),
	};

	require_provider();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
