/* SPDX-License-Identifier: MIT */
/*
 * kmem top: the caches of a running program as a table on the terminal, drawn anew every few
 * seconds.
 *
 * What is drawn is in slabtable.c, where it comes from in view_caches.c; here are the terminal, the
 * keys and the clock. The terminal is given back before anything is said on standard error.
 */
#include <ctype.h>
#include <curses.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "slabtable.h"
#include "tool.h"
#include "view.h"

#define DEFAULT_DELAY 3.0
#define LONGEST_DELAY 86400.0
#define MANY_FAILURES 100 /* to read a key before it is due */

struct top {
	struct target *target;
	struct slabtable table;
	double delay;
	int key;
	bool once;
};

static const struct option options[] = {
	{ "delay", required_argument, NULL, 'd' },
	{ "sort", required_argument, NULL, 's' },
	{ "once", no_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static double parse_delay(const struct command *self, const char *text)
{
	char *end;
	double delay = strtod(text, &end);

	if (end == text || *end || !(delay > 0 && delay <= LONGEST_DELAY))
		usage_error(self, "not a number of seconds: %s", text);
	return delay;
}

static int parse_key(const struct command *self, const char *text)
{
	if (!text[0] || text[1] || !slabtable_is_key(text[0]))
		usage_error(self, "not a sort key (a b c l n o p s u v): %s", text);
	return tolower(text[0]);
}

/* The process, or NULL to print the help. */
static const char *parse(const struct command *self, struct top *top, int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "d:s:oh", options, NULL)) != -1) {
		if (c == 'd')
			top->delay = parse_delay(self, optarg);
		else if (c == 's')
			top->key = parse_key(self, optarg);
		else if (c == 'o')
			top->once = true;
		else if (c == 'h')
			return NULL;
		else
			usage_error(self, "wrong option '%s'", argv[optind - 1]);
	}
	if (optind + 1 != argc)
		usage_error(self, "one process is wanted");
	return argv[optind];
}

static void read_table(struct top *top)
{
	struct caches caches;
	size_t i;

	caches_read(top->target, &caches);
	slabtable_clear(&top->table);
	for (i = 0; i < caches.nr; i++) {
		const struct cache_info *info = &caches.cache[i].info;
		struct slabtable_row *row = slabtable_add(&top->table);

		snprintf(row->name, sizeof(row->name), "%s", info->name);
		row->active_objs = info->active_objs;
		row->num_objs = info->num_objs;
		row->active_slabs = info->active_slabs;
		row->num_slabs = info->num_slabs;
		row->objsize = info->objsize;
		row->objperslab = info->objperslab;
		row->pagesperslab = info->pagesperslab;
	}
	slabtable_sort(&top->table, top->key);
	caches_free(&caches);
}

/* ---- The screen ---- */

/* Lines that would not fit are cut at the right edge and left out at the lower one. */
static void put(int y, const char *line)
{
	if (y < LINES)
		mvaddnstr(y, 0, line, COLS);
}

static void draw(const struct top *top)
{
	char sums[SLABTABLE_SUMS][SLABTABLE_WIDTH], line[SLABTABLE_WIDTH];
	int y;
	size_t i;

	erase();
	slabtable_sums(&top->table, sums);
	for (y = 0; y < SLABTABLE_SUMS; y++)
		put(y, sums[y]);
	snprintf(line, sizeof(line), " Process %.60s, by %s, every %g s", top->target->name,
		 slabtable_key_name(top->key), top->delay);
	put(y++, line);
	attron(A_REVERSE);
	slabtable_titles(line);
	put(y++, line);
	attroff(A_REVERSE);
	for (i = 0; i < top->table.nr && y < LINES; i++) {
		slabtable_line(&top->table.rows[i], line);
		put(y++, line);
	}
	refresh();
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Does what keys say until the figures are due: false to quit. */
static bool serve_keys(struct top *top)
{
	double due = now() + top->delay, left;
	int failures = 0;

	while ((left = due - now()) > 0) {
		int c;

		timeout((int)ceil(left * 1000));
		c = getch();
		if (c == 'q' || c == 'Q')
			return false;
		if (c == ' ')
			return true;
		if (c == ERR && now() < due && ++failures == MANY_FAILURES)
			return false; /* the terminal is gone */
		if (slabtable_is_key(c)) {
			top->key = tolower(c);
			slabtable_sort(&top->table, top->key);
		}
		if (c != ERR)
			draw(top);
	}
	return true;
}

/* A process that ends is told of by target_need(), for which the terminal is given back. */
static void give_terminal_back(void)
{
	if (!isendwin())
		endwin();
}

static int show(struct top *top)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		die(KMEM_USAGE, "top needs a terminal; with --once it does not");
	if (!newterm(NULL, stdout, stdin))
		die(KMEM_FAILED, "the terminal cannot be used");
	message_hook = give_terminal_back;
	top->target->quiet = true;
	cbreak();
	noecho();
	keypad(stdscr, true);
	curs_set(0);
	do {
		read_table(top);
		draw(top);
	} while (serve_keys(top));
	endwin();
	return KMEM_OK;
}

static void print(const struct slabtable *table)
{
	char sums[SLABTABLE_SUMS][SLABTABLE_WIDTH], line[SLABTABLE_WIDTH];
	size_t i;

	slabtable_sums(table, sums);
	for (i = 0; i < SLABTABLE_SUMS; i++)
		puts(sums[i]);
	slabtable_titles(line);
	printf("\n%s\n", line);
	for (i = 0; i < table->nr; i++) {
		slabtable_line(&table->rows[i], line);
		puts(line);
	}
}

static int run(const struct command *self, int argc, char **argv)
{
	struct top top = { .delay = DEFAULT_DELAY, .key = 'o' };
	const char *what = parse(self, &top, argc, argv);
	int code = KMEM_OK;

	if (!what) {
		print_help(self);
		return KMEM_OK;
	}
	top.target = target_open(what);
	if (!top.once && !top.target->pid)
		usage_error(self, "a core file does not change, and wants --once");
	if (top.once) {
		read_table(&top);
		print(&top.table);
	} else {
		code = show(&top);
	}
	slabtable_free(&top.table);
	target_close(top.target);
	return code;
}

const struct command command_top = {
	.name = "top",
	.synopsis = "[-d SECONDS] [-s KEY] [-o] PID|CORE",
	.summary = "the caches on the terminal, as slabtop shows the kernel's",
	.help = "Shows sums and a row for each cache, drawn anew every few seconds.\n"
		"\n"
		"  -d, --delay SECONDS  between two refreshes (3)\n"
		"  -s, --sort KEY       how to sort, see below (o)\n"
		"  -o, --once           prints the table once, without a terminal\n"
		"\n"
		"Keys: q ends, space refreshes, and these sort:\n"
		"\n"
		"  a  active objects     l  slabs             s  object size\n"
		"  b  objects per slab   n  name              u  use\n"
		"  c  cache size         o  objects           v  active slabs\n"
		"                        p  pages per slab\n"
		"\n"
		"Objects that lie in sheaves count as active, as they do in slabinfo.\n",
	.run = run,
};
