/* SPDX-License-Identifier: MIT */
/* See slabtable.h. */
#include "slabtable.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define KIB 1024.0

struct slabtable_row *slabtable_add(struct slabtable *table)
{
	if (table->nr == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->rows = xrealloc(table->rows, table->room, sizeof(*table->rows));
	}
	table->rows[table->nr] = (struct slabtable_row){ .position = table->nr };
	return &table->rows[table->nr++];
}

void slabtable_clear(struct slabtable *table)
{
	table->nr = 0;
}

void slabtable_free(struct slabtable *table)
{
	free(table->rows);
	*table = (struct slabtable){ 0 };
}

/* ---- Order ---- */

static unsigned long cache_bytes(const struct slabtable_row *row)
{
	return row->num_slabs * row->pagesperslab * 4096UL;
}

static unsigned long use_percent(const struct slabtable_row *row)
{
	return row->num_objs ? 100 * row->active_objs / row->num_objs : 0;
}

static unsigned long by_active(const struct slabtable_row *row)
{
	return row->active_objs;
}

static unsigned long by_objperslab(const struct slabtable_row *row)
{
	return row->objperslab;
}

static unsigned long by_slabs(const struct slabtable_row *row)
{
	return row->num_slabs;
}

static unsigned long by_objs(const struct slabtable_row *row)
{
	return row->num_objs;
}

static unsigned long by_pagesperslab(const struct slabtable_row *row)
{
	return row->pagesperslab;
}

static unsigned long by_objsize(const struct slabtable_row *row)
{
	return row->objsize;
}

static unsigned long by_active_slabs(const struct slabtable_row *row)
{
	return row->active_slabs;
}

static const struct {
	char key;
	const char *name;
	unsigned long (*value)(const struct slabtable_row *row); /* NULL: by name */
} keys[] = {
	{ 'a', "active objects", by_active },
	{ 'b', "objects per slab", by_objperslab },
	{ 'c', "cache size", cache_bytes },
	{ 'l', "slabs", by_slabs },
	{ 'n', "name", NULL },
	{ 'o', "objects", by_objs },
	{ 'p', "pages per slab", by_pagesperslab },
	{ 's', "object size", by_objsize },
	{ 'u', "use", use_percent },
	{ 'v', "active slabs", by_active_slabs },
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

/* Its place in keys[], NR_KEYS when it is none. */
static size_t find_key(int key)
{
	size_t i = 0;

	while (i < NR_KEYS && keys[i].key != tolower(key))
		i++;
	return i;
}

bool slabtable_is_key(int key)
{
	return key > 0 && key < 128 && find_key(key) < NR_KEYS;
}

const char *slabtable_key_name(int key)
{
	return keys[find_key(key)].name;
}

static int compare(const void *left, const void *right, void *value)
{
	const struct slabtable_row *a = left, *b = right;
	unsigned long (*const *of)(const struct slabtable_row *row) = value;

	int order = *of ? 0 : strcmp(a->name, b->name);

	if (*of && (*of)(a) != (*of)(b))
		return (*of)(a) < (*of)(b) ? 1 : -1;
	return order ? order : a->position < b->position ? -1 : 1;
}

void slabtable_sort(struct slabtable *table, int key)
{
	unsigned long (*value)(const struct slabtable_row *row) = keys[find_key(key)].value;

	if (table->nr)
		qsort_r(table->rows, table->nr, sizeof(*table->rows), compare, &value);
}

/* ---- Lines ---- */

struct sums {
	unsigned long active_objs, objs, active_slabs, slabs, active_caches, caches;
	unsigned long active_bytes, bytes;
	unsigned int least, most;
};

static struct sums add_up(const struct slabtable *table)
{
	struct sums sums = { .caches = table->nr };
	size_t i;

	for (i = 0; i < table->nr; i++) {
		const struct slabtable_row *row = &table->rows[i];

		sums.active_objs += row->active_objs;
		sums.objs += row->num_objs;
		sums.active_slabs += row->active_slabs;
		sums.slabs += row->num_slabs;
		sums.active_caches += row->num_objs != 0;
		sums.active_bytes += row->active_objs * row->objsize;
		sums.bytes += row->num_objs * row->objsize;
		if (!i || row->objsize < sums.least)
			sums.least = row->objsize;
		if (row->objsize > sums.most)
			sums.most = row->objsize;
	}
	return sums;
}

static double percent(unsigned long part, unsigned long whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void count_line(char *line, const char *what, unsigned long active, unsigned long all)
{
	snprintf(line, SLABTABLE_WIDTH, " %-34s : %lu / %lu (%.1f%%)", what, active, all,
		 percent(active, all));
}

void slabtable_sums(const struct slabtable *table, char lines[SLABTABLE_SUMS][SLABTABLE_WIDTH])
{
	struct sums sums = add_up(table);

	count_line(lines[0], "Active / Total Objects (% used)", sums.active_objs, sums.objs);
	count_line(lines[1], "Active / Total Slabs (% used)", sums.active_slabs, sums.slabs);
	count_line(lines[2], "Active / Total Caches (% used)", sums.active_caches, sums.caches);
	snprintf(lines[3], SLABTABLE_WIDTH, " %-34s : %.2fK / %.2fK (%.1f%%)",
		 "Active / Total Size (% used)", (double)sums.active_bytes / KIB,
		 (double)sums.bytes / KIB, percent(sums.active_bytes, sums.bytes));
	snprintf(lines[4], SLABTABLE_WIDTH, " %-34s : %.2fK / %.2fK / %.2fK",
		 "Minimum / Average / Maximum Object", sums.least / KIB,
		 sums.objs ? (double)sums.bytes / (double)sums.objs / KIB : 0, sums.most / KIB);
}

void slabtable_titles(char line[SLABTABLE_WIDTH])
{
	snprintf(line, SLABTABLE_WIDTH, "%6s %6s %4s %8s %6s %8s %10s %-23s", "OBJS", "ACTIVE",
		 "USE", "OBJ SIZE", "SLABS", "OBJ/SLAB", "CACHE SIZE", "NAME");
}

void slabtable_line(const struct slabtable_row *row, char line[SLABTABLE_WIDTH])
{
	snprintf(line, SLABTABLE_WIDTH, "%6lu %6lu %3lu%% %7.2fK %6lu %8u %9luK %-23s",
		 row->num_objs, row->active_objs, use_percent(row), row->objsize / KIB,
		 row->num_slabs, row->objperslab, cache_bytes(row) / 1024, row->name);
}
