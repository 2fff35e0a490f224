/*
 * A slabinfo file kept up to date, and a reader that reads as slabtop does: it opens the file once,
 * seeks to the start, reads with stdio and takes rows apart by scanf. Whatever the writer does,
 * each row has its fields, and each cache that is there all the time has a row.
 */
#include "livefile.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool.h"

#define NR_STEADY  150
#define NR_COMING  60
#define NR_UPDATES 1500
#define TEXT_SIZE  (64 << 10)
#define HEADERS                                                                               \
	"slabinfo - version: 2.1\n"                                                           \
	"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : " \
	"tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> " \
	"<sharedavail>\n"

/* What livefile.c wants of the tool. */
void *xrealloc(void *p, size_t count, size_t size)
{
	p = realloc(p, count * size);
	if (!p)
		abort();
	return p;
}

static char *path;
static int fd;

static int make_file(void **state)
{
	(void)state;
	path = strdup("/tmp/livefile.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : 0;
}

static int drop_file(void **state)
{
	(void)state;
	close(fd);
	unlink(path);
	free(path);
	return 0;
}

static void add_row(char *text, const char *name, unsigned long active, unsigned long all)
{
	size_t len = strlen(text);

	snprintf(text + len, TEXT_SIZE - len,
		 "%-17s %6lu %6lu %6u %4u %4d : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu\n",
		 name, active, all, 64, 64, 1, 61, 0, 0, active / 64, all / 64, 0ul);
}

static char *read_file(void)
{
	static char text[2 * TEXT_SIZE];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(len >= 0);
	text[len] = '\0';
	return text;
}

/* The figures in @name's row; false when it has none. */
static bool find_row(const char *name, unsigned long *active, unsigned long *all)
{
	char *text = read_file(), *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		char is[129];

		if (sscanf(line, "%128s %lu %lu", is, active, all) == 3 && !strcmp(is, name))
			return true;
	}
	return false;
}

static void follows_the_text(void **state)
{
	struct livefile *file = livefile_open(fd);
	static char text[TEXT_SIZE];
	unsigned long active, all;
	size_t i, len;

	(void)state;
	strcpy(text, HEADERS);
	add_row(text, "first", 1, 2);
	add_row(text, "old", 3, 4);
	add_row(text, "a-name-that-is-much-wider-than-its-column", 3, 4);
	add_row(text, "last", 5, 6);
	assert_int_equal(livefile_update(file, text), 0);
	assert_memory_equal(read_file(), HEADERS, strlen(HEADERS));
	assert_true(find_row("first", &active, &all) && active == 1 && all == 2);
	assert_true(find_row("last", &active, &all) && active == 5 && all == 6);
	assert_true(find_row("a-name-that-is-much-wider-than-its-column", &active, &all));
	len = strlen(read_file());

	/* Figures grow and shrink in their place. */
	strcpy(text, HEADERS);
	add_row(text, "first", 123456789, 9123456789);
	add_row(text, "last", 0, 6);
	assert_int_equal(livefile_update(file, text), 0);
	assert_true(find_row("first", &active, &all) && active == 123456789 && all == 9123456789);
	assert_true(find_row("last", &active, &all) && active == 0 && all == 6);
	assert_int_equal(strlen(read_file()), len);
	/* A cache that is gone has nothing, and makes room for a new one. */
	assert_true(find_row("old", &active, &all));
	assert_true(active == 0 && all == 0);
	add_row(text, "new", 7, 8);
	assert_int_equal(livefile_update(file, text), 0);
	assert_int_equal(livefile_update(file, text), 0);
	assert_true(find_row("new", &active, &all) && active == 7 && all == 8);
	assert_false(find_row("old", &active, &all));
	assert_int_equal(strlen(read_file()), len);

	/* Two of one name are two rows. */
	add_row(text, "new", 9, 10);
	assert_int_equal(livefile_update(file, text), 0);
	for (i = 0, len = 0; i < strlen(read_file()); i++)
		len += !strncmp(read_file() + i, "\nnew ", 5);
	assert_int_equal(len, 2);
	livefile_close(file);
}

static void keeps_rows_within_pieces(void **state)
{
	struct livefile *file = livefile_open(fd);
	static char text[TEXT_SIZE];
	const char *read, *at;
	char name[32];
	size_t i;

	(void)state;
	strcpy(text, HEADERS);
	for (i = 0; i < NR_STEADY; i++) {
		snprintf(name, sizeof(name), "steady-%zu", i);
		add_row(text, name, i, i);
		assert_int_equal(livefile_update(file, text), 0);
	}
	read = read_file();
	assert_true(strlen(read) > 3 * 4096);
	for (at = read; *at;) {
		const char *end = strchr(at, '\n');

		assert_non_null(end);
		assert_int_equal((at - read) / 4096, (end - read) / 4096);
		at = end + 1;
	}
	livefile_close(file);
}

static void refuses_what_is_none(void **state)
{
	struct livefile *file = livefile_open(fd);
	static char text[TEXT_SIZE];

	(void)state;
	assert_int_not_equal(livefile_update(file, "no slabinfo\nat all\n"), 0);
	strcpy(text, HEADERS);
	strcat(text, "short 1 2 3\n");
	assert_int_not_equal(livefile_update(file, text), 0);
	livefile_close(file);
}

/* ---- Reader and writer at once ---- */

static volatile bool stop;

static unsigned long random_figure(unsigned int *seed)
{
	unsigned int digits = rand_r(seed) % 9 + 1;
	unsigned long figure = 0;

	while (digits--)
		figure = figure * 10 + rand_r(seed) % 10;
	return figure;
}

static void *write_on(void *file)
{
	char *text = xrealloc(NULL, TEXT_SIZE, 1), name[32];
	unsigned int seed = 1, update, i, coming;

	for (update = 0; update < NR_UPDATES && !stop; update++) {
		strcpy(text, HEADERS);
		for (i = 0; i < NR_STEADY; i++) {
			snprintf(name, sizeof(name), "steady-%u", i);
			add_row(text, name, random_figure(&seed), random_figure(&seed));
		}
		coming = (unsigned int)rand_r(&seed) % NR_COMING;
		for (i = 0; i < coming; i++) {
			snprintf(name, sizeof(name), "coming-%u", rand_r(&seed) % 100);
			add_row(text, name, random_figure(&seed), random_figure(&seed));
		}
		if (livefile_update(file, text))
			abort();
	}
	stop = true;
	free(text);
	return NULL;
}

/* One reading of the file; false, and the line, at a row with too few fields. */
static bool read_once(FILE *f, char *line, size_t size, unsigned int *steady)
{
	*steady = 0;
	rewind(f);
	while (fgets(line, (int)size, f)) {
		unsigned long n[8];
		char name[129];

		if (line[0] == '#' || !strncmp(line, "slabinfo", 8))
			continue;
		if (sscanf(line,
			   "%128s %lu %lu %lu %lu %lu : tunables %*d %*d %*d : slabdata %lu %lu %*d",
			   name, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6]) != 8)
			return false;
		*steady += !strncmp(name, "steady-", 7);
	}
	return true;
}

static void never_tears_a_row(void **state)
{
	struct livefile *file = livefile_open(fd);
	unsigned int steady, nr = 0;
	char line[600] = "";
	bool good;
	pthread_t writer;
	FILE *f;

	(void)state;
	f = fopen(path, "r");
	assert_non_null(f);
	pthread_create(&writer, NULL, write_on, file);
	do {
		good = read_once(f, line, sizeof(line), &steady);
		/* Until the file has them all for the first time. */
		good = good && (nr == 0 || steady == NR_STEADY);
		nr += steady == NR_STEADY;
	} while (good && !stop);
	stop = true;
	pthread_join(writer, NULL);
	if (!good)
		print_message("reading %u: %u rows, then: %s\n", nr, steady, line);
	assert_true(good);
	print_message("%u readings during %u updates\n", nr, NR_UPDATES);
	assert_true(nr > 100);
	fclose(f);
	livefile_close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(follows_the_text, make_file, drop_file),
		cmocka_unit_test_setup_teardown(keeps_rows_within_pieces, make_file, drop_file),
		cmocka_unit_test_setup_teardown(refuses_what_is_none, make_file, drop_file),
		cmocka_unit_test_setup_teardown(never_tears_a_row, make_file, drop_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
