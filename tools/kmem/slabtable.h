/* SPDX-License-Identifier: MIT */
/*
 * The table that slabtop draws: five lines of sums, a line of titles, a row for each cache.
 *
 * Figures, columns and sort keys are slabtop's, so that whoever knows one reads the other; a cache
 * is counted as active when it has objects at all. Drawing is left to the caller, who has a
 * terminal or a file.
 */
#ifndef KMEM_SLABTABLE_H
#define KMEM_SLABTABLE_H

#include <stdbool.h>
#include <stddef.h>

#define SLABTABLE_SUMS	5
#define SLABTABLE_WIDTH 256 /* a line with its end */

struct slabtable_row {
	char name[129];
	unsigned long active_objs, num_objs, active_slabs, num_slabs;
	unsigned int objsize, objperslab, pagesperslab;
	size_t position; /* in the order in which rows were added */
};

struct slabtable {
	struct slabtable_row *rows;
	size_t nr, room;
};

/* A new row to be filled in by the caller; dies without memory. */
struct slabtable_row *slabtable_add(struct slabtable *table);
void slabtable_clear(struct slabtable *table); /* keeps the memory for the next round */
void slabtable_free(struct slabtable *table);

/* Whether @key, in either case, is one of a b c l n o p s u v. */
bool slabtable_is_key(int key);

/* What rows are sorted by, in words. */
const char *slabtable_key_name(int key);

/*
 * Sorts by @key: names upwards, everything else downwards; equal ones keep their order, as with
 * slabtop.
 */
void slabtable_sort(struct slabtable *table, int key);

/* Lines without their newline. */
void slabtable_sums(const struct slabtable *table, char lines[SLABTABLE_SUMS][SLABTABLE_WIDTH]);
void slabtable_titles(char line[SLABTABLE_WIDTH]);
void slabtable_line(const struct slabtable_row *row, char line[SLABTABLE_WIDTH]);

#endif
