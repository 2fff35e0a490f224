/* SPDX-License-Identifier: MIT */
/*
 * The figures: slabinfo row by row, read with the format that readers of the kernel's file use, and
 * compared with what the test itself did; totals that add up; the files and lines written at exit.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "large.h"
#include "os.h"
#include "slabinfo.h"
#include "unit_slab.h"

#define FILE_MAX 65536

static char text[FILE_MAX];

static const char *print_to_text(void)
{
	struct out out;

	out_init(&out, -1, text, sizeof(text) - 1);
	slabinfo_print(&out);
	EXPECT_EQ(out.error, 0);
	EXPECT(out.len < sizeof(text) - 1);
	text[out.len] = '\0';
	return text;
}

struct row {
	char name[40];
	unsigned long active_objs, num_objs, objsize, objperslab, pagesperslab;
	unsigned long limit, batchcount, sharedfactor;
	unsigned long active_slabs, num_slabs, sharedavail;
};

/* One line, with the format of procps's slabtop and its like; where the next one starts. */
static const char *scan_row(const char *line, struct row *row)
{
	int n = 0;
	int fields = sscanf(line,
			    "%39s %lu %lu %lu %lu %lu : tunables %lu %lu %lu : slabdata %lu %lu "
			    "%lu%n",
			    row->name, &row->active_objs, &row->num_objs, &row->objsize,
			    &row->objperslab, &row->pagesperslab, &row->limit, &row->batchcount,
			    &row->sharedfactor, &row->active_slabs, &row->num_slabs,
			    &row->sharedavail, &n);

	EXPECT_EQ(fields, 12);
	EXPECT_EQ(line[n], '\n');
	return line + n + 1;
}

static const char *skip_header(const char *line)
{
	static const char first[] = "slabinfo - version: 2.1\n";

	EXPECT(strncmp(line, first, strlen(first)) == 0);
	line += strlen(first);
	EXPECT(strncmp(line, "# name ", 7) == 0);
	EXPECT(strstr(line, " : tunables <limit> <batchcount> <sharedfactor> : slabdata "
			    "<active_slabs> <num_slabs> <sharedavail>\n") < strchr(line, '\n'));
	return strchr(line, '\n') + 1;
}

static void expect_row(const struct row *row, const struct kmem_cache *s)
{
	const struct node_sum sum = node_sum(&s->node);

	EXPECT(strcmp(row->name, s->name) == 0);
	EXPECT_EQ(row->active_objs, sum.nr_inuse);
	EXPECT_EQ(row->num_slabs, sum.nr_slabs);
	EXPECT_EQ(row->active_slabs, sum.nr_partial + sum.nr_full);
	if (s->units && !s->shared)
		EXPECT_EQ(row->num_objs, row->active_objs);
	else
		EXPECT_EQ(row->num_objs, row->num_slabs * row->objperslab);
	EXPECT_EQ(row->objsize, s->size);
	EXPECT_EQ(row->objperslab, s->objects);
	EXPECT_EQ(row->pagesperslab, 1u << s->order);
	EXPECT_EQ(row->limit, s->sheaf_capacity);
	EXPECT_EQ(row->batchcount + row->sharedfactor + row->sharedavail, 0);
	EXPECT(row->active_objs <= row->num_objs && row->active_slabs <= row->num_slabs);
}

static void expect_rows(const char *line)
{
	unsigned int class;
	struct row row;

	line = skip_header(line);
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		line = scan_row(line, &row);
		expect_row(&row, &kmalloc_caches[class]);
	}
	line = scan_row(line, &row);
	expect_row(&row, &unit_cache);
	EXPECT_EQ(*line, '\0');
}

static void test_rows(void **state)
{
	unsigned int class, i;
	void *objects[NR_KMALLOC_CLASSES][100];

	(void)state;
	expect_rows(print_to_text());
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		for (i = 0; i < ARRAY_SIZE(objects[0]); i++)
			objects[class][i] = unit_kmalloc(kmalloc_caches[class].size);
	expect_rows(print_to_text());
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		struct cache_info info;

		for (i = 0; i < class; i++)
			unit_kfree(objects[class][i]);
		cache_get_info(&kmalloc_caches[class], &info);
		EXPECT_EQ(info.active_objs - info.cached_objs, ARRAY_SIZE(objects[0]) - class);
		EXPECT(info.cached_objs >= (class < 5 ? class : 1));
	}
	expect_rows(print_to_text());
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
		for (i = class; i < ARRAY_SIZE(objects[0]); i++)
			unit_kfree(objects[class][i]);
	expect_rows(print_to_text());
	kmem_trim();
	expect_rows(print_to_text());
}

/* Columns stand under each other as long as the numbers are of a common size. */
static void test_columns(void **state)
{
	const char *line, *colon;
	unsigned int class;

	(void)state;
	line = skip_header(print_to_text());
	colon = strchr(line, ':');
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		EXPECT(line[18] == ' ');
		EXPECT_EQ(strchr(line, ':') - line, colon - skip_header(text));
		line = strchr(line, '\n') + 1;
	}
}

/* ---- Totals ---- */

static void test_totals(void **state)
{
	struct kmem_totals none, some;
	void *small[10], *large, *area;
	unsigned int i;

	(void)state;
	kmem_trim();
	kmem_get_totals(&none);
	EXPECT_EQ(none.nr_objects + none.slab_used + none.slab_cached + none.slab_free, 0);
	EXPECT_EQ(none.large + none.areas + none.nr_large + none.nr_areas, 0);
	EXPECT_EQ(none.free_pages, none.online);
	EXPECT_EQ(none.dirty, 0);

	for (i = 0; i < ARRAY_SIZE(small); i++)
		small[i] = unit_kmalloc(1000);
	large = unit_kmalloc(100000);
	area = unit_kmalloc(70UL << 20);
	kmem_get_totals(&some);
	EXPECT_EQ(some.nr_objects, ARRAY_SIZE(small));
	EXPECT_EQ(some.slab_used, ARRAY_SIZE(small) * 1024);
	EXPECT_EQ(some.slab_cached % 1024, 0);
	EXPECT_EQ(some.nr_large, 2);
	EXPECT_EQ(some.nr_areas, 1);
	EXPECT_EQ(some.areas, 70UL << 20);
	EXPECT_EQ(some.large, (70UL << 20) + 102400);
	EXPECT(some.nr_sections >= 1);
	/* every byte that is online is one of these */
	EXPECT_EQ(some.online, some.free_pages + some.slab_used + some.slab_cached +
				       some.slab_free + some.large - some.areas);
	EXPECT(some.dirty <= some.free_pages);

	for (i = 0; i < ARRAY_SIZE(small); i++)
		unit_kfree(small[i]);
	unit_kfree(large);
	unit_kfree(area);
	kmem_get_totals(&some);
	EXPECT_EQ(some.nr_objects + some.nr_large, 0);
	EXPECT(some.slab_cached + some.slab_free > 0);
	EXPECT_EQ(some.slab_cached, some.nr_cached * 1024);
	EXPECT(some.dirty >= 102400);
	EXPECT_EQ(some.online, some.free_pages + some.slab_cached + some.slab_free);
	kmem_trim();
}

/* ---- At exit ---- */

static char directory[] = "/tmp/unit_slab_info.XXXXXX";

static void exit_with(void *options)
{
	void *object = unit_kmalloc(100);

	EXPECT_EQ(chdir(directory), 0);
	options_parse(options, &slabinfo_params, 1);
	kmem_exit();
	unit_kfree(object);
}

/* What @options make a child say on stderr. */
static const char *said(const char *options)
{
	int status = unit_child(exit_with, (void *)(uintptr_t)options, text, sizeof(text));

	EXPECT_EQ(status, 0);
	return text;
}

static void read_file(const char *name)
{
	char path[200];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY);
	EXPECT(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	EXPECT(n > 0 && (size_t)n < sizeof(text) - 1);
	text[n] = '\0';
	close(fd);
	EXPECT_EQ(unlink(path), 0);
}

static void test_file(void **state)
{
	const char *line;
	struct row row;
	unsigned int class;

	(void)state;
	EXPECT(*said("slabinfo=plain") == '\0');
	read_file("plain");
	line = skip_header(text);
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		line = scan_row(line, &row);
		EXPECT_EQ(row.active_objs > 0, class == kmalloc_class(100));
	}
	line = scan_row(line, &row);
	EXPECT_EQ(row.active_objs, 0);
	EXPECT_EQ(*line, '\0');
	EXPECT(*said("slabinfo=\"with blanks %\"") == '\0');
	read_file("with blanks %");
}

static void write_pid(void *arg)
{
	char name[100];

	exit_with("slabinfo=a%pb%p%x");
	snprintf(name, sizeof(name), "a%db%d%%x", (int)getpid(), (int)getpid());
	EXPECT_EQ(access(name, R_OK), 0);
	EXPECT_EQ(unlink(name), 0);
	(void)arg;
}

static void test_file_names_process(void **state)
{
	(void)state;
	unit_passes(write_pid, NULL);
}

static void test_file_that_cannot_be(void **state)
{
	char wanted[100], *options = calloc(1, 10000);

	(void)state;
	snprintf(wanted, sizeof(wanted), "kmem: cannot write nowhere/x: error %d\n", ENOENT);
	EXPECT(strcmp(said("slabinfo=nowhere/x"), wanted) == 0);
	snprintf(wanted, sizeof(wanted), "kmem: cannot write /dev/full: error %d\n", ENOSPC);
	EXPECT(strcmp(said("slabinfo=/dev/full"), wanted) == 0);
	EXPECT(strcmp(said("slabinfo"), "kmem: bad value for option 'slabinfo'\n") == 0);
	EXPECT(strcmp(said("slabinfo="), "kmem: bad value for option 'slabinfo'\n") == 0);
	memset(options, 'x', 9000);
	memcpy(options, "slabinfo=", 9);
	EXPECT(strcmp(said(options), "kmem: bad value for option 'slabinfo'\n") == 0);
	free(options);
}

static void test_stats(void **state)
{
	unsigned long rss, objects, small, large, large_kib, sheaves, slabs, pages;
	int n = 0;

	(void)state;
	EXPECT(*said("stats=0") == '\0');
	said("stats=1");
	EXPECT_EQ(sscanf(text,
			 "kmem: peak RSS %lu KiB; %lu objects of %lu KiB and %lu large blocks of "
			 "%lu KiB in use; %lu KiB in sheaves, %lu KiB free in slabs, %lu KiB free "
			 "pages\n%n",
			 &rss, &objects, &small, &large, &large_kib, &sheaves, &slabs, &pages, &n),
		  8);
	EXPECT_EQ(text[n], '\0');
	EXPECT(rss > 0 && pages > 0);
	EXPECT_EQ(objects, 1);
	EXPECT_EQ(large, 0);
	EXPECT(strstr(said("stats"), "kmem: peak RSS ") == text);
	EXPECT(strcmp(said("stats=x"), "kmem: bad value for option 'stats'\n") == 0);
}

static int setup(void **state)
{
	setup_library(state);
	EXPECT(mkdtemp(directory) != NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_names_process),
		cmocka_unit_test(test_file_that_cannot_be),
		cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
