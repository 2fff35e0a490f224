/* SPDX-License-Identifier: MIT */
/* kmem slabinfo: the caches of a program in the kernel's format, or as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "livefile.h"
#include "look.h"
#include "output.h"
#include "slabinfo_text.h"
#include "view.h"

#define SHORTEST 0.01 /* seconds between two refreshes */
#define LONGEST	 86400.0

static void print_text(const struct caches *caches)
{
	struct output output;
	size_t i;

	output_begin(&output);
	slabinfo_print_header(&output.out);
	for (i = 0; i < caches->nr; i++)
		slabinfo_print_row(&output.out, &caches->cache[i].info);
	output_end(&output);
}

static void print_json(const struct target *t, const struct caches *caches)
{
	struct json_object *object = json_begin(t), *rows = json_add_array(object, "caches");
	size_t i;

	for (i = 0; i < caches->nr; i++) {
		const struct cache_view *view = &caches->cache[i];
		struct json_object *row = json_append_object(rows);

		json_add_string(row, "name", view->name);
		json_add_number(row, "active_objs", view->info.active_objs);
		json_add_number(row, "num_objs", view->info.num_objs);
		json_add_number(row, "objsize", view->info.objsize);
		json_add_number(row, "objperslab", view->info.objperslab);
		json_add_number(row, "pagesperslab", view->info.pagesperslab);
		json_add_number(row, "limit", view->info.sheaf_capacity);
		json_add_number(row, "active_slabs", view->info.active_slabs);
		json_add_number(row, "num_slabs", view->info.num_slabs);
		json_add_number(row, "partial_slabs", view->partial_slabs);
		json_add_number(row, "cached_objs", view->info.cached_objs);
		json_add_number(row, "slot_objs", view->objects_in_slots);
		json_add_number(row, "barn_objs", view->objects_in_barns);
	}
	json_end(t, object);
}

/* ---- A file that follows ---- */

static _Noreturn void follow(struct target *t, const char *path, double seconds)
{
	struct timespec pause = { (time_t)seconds, (long)(fmod(seconds, 1) * 1e9) };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), err;
	struct livefile *file = livefile_open(fd);

	if (fd < 0)
		die(KMEM_FAILED, "cannot open %s: %s", path, strerror(errno));
	t->quiet = true;
	for (;;) {
		char *text = slabinfo_text(t);

		err = livefile_update(file, text);
		free(text);
		if (err)
			die(KMEM_FAILED, "cannot write %s: %s", path, strerror(err));
		nanosleep(&pause, NULL);
	}
}

static double parse_seconds(const struct command *self, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= SHORTEST && seconds <= LONGEST))
		usage_error(self, "not a number of seconds: %s", text);
	return seconds;
}

/* ---- Command ---- */

static int run(const struct command *self, int argc, char **argv)
{
	const char *refresh = NULL, *output = NULL;
	const struct look_flag flags[] = {
		{ "refresh", NULL, &refresh },
		{ "output", NULL, &output },
		{ NULL, NULL, NULL },
	};
	struct caches caches;
	struct target *t;
	bool json;

	t = look(self, argc, argv, &json, flags);
	if (!refresh != !output || (refresh && json))
		usage_error(self, "--refresh and --output are for each other, and not for JSON");
	if (refresh && !t->pid)
		usage_error(self, "a core file does not change");
	if (refresh)
		follow(t, output, parse_seconds(self, refresh));
	caches_read(t, &caches);
	if (json)
		print_json(t, &caches);
	else
		print_text(&caches);
	caches_free(&caches);
	target_close(t);
	return KMEM_OK;
}

const struct command command_slabinfo = {
	.name = "slabinfo",
	.synopsis = "[--json | --refresh SECONDS --output FILE] PID|CORE",
	.summary = "the caches, in the format of /proc/slabinfo",
	.help = "Prints a row for each cache in the kernel's slabinfo format, version 2.1. As there,\n"
		"objects that lie in sheaves count as active; <limit> is the capacity of a sheaf.\n"
		"\n"
		"  --json  the same as JSON; cached_objs are the active objects that lie in sheaves:\n"
		"          in those of threads (slot_objs) and in barns (barn_objs)\n"
		"  --refresh SECONDS --output FILE\n"
		"          writes FILE, and keeps it up to date until the process ends. It is changed\n"
		"          in place, digit by digit: whoever has it open reads whole rows at any time.\n"
		"          A cache that is gone keeps a row of zeros until a new one takes its place.\n",
	.run = run,
};
