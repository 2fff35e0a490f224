/* SPDX-License-Identifier: MIT */
/* kmem slabinfo: the caches of a program in the kernel's format, or as JSON. */
#include <unistd.h>

#include "look.h"
#include "view.h"

static void print_text(const struct caches *caches)
{
	char buf[4096];
	struct out out;
	size_t i;

	out_init(&out, STDOUT_FILENO, buf, sizeof(buf));
	slabinfo_print_header(&out);
	for (i = 0; i < caches->nr; i++)
		slabinfo_print_row(&out, &caches->cache[i].info);
	if (out_flush(&out))
		die(KMEM_FAILED, "cannot write the figures");
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

static int run(const struct command *self, int argc, char **argv)
{
	struct caches caches;
	struct target *t;
	bool json;

	t = look(self, argc, argv, &json, NULL);
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
	.synopsis = "[--json] PID|CORE",
	.summary = "the caches, in the format of /proc/slabinfo",
	.help = "Prints a row for each cache in the kernel's slabinfo format, version 2.1. As there,\n"
		"objects that lie in sheaves count as active; <limit> is the capacity of a sheaf.\n"
		"\n"
		"  --json  the same as JSON; cached_objs are the active objects that lie in sheaves:\n"
		"          in those of threads (slot_objs) and in barns (barn_objs)\n",
	.run = run,
};
