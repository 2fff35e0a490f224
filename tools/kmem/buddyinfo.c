/* SPDX-License-Identifier: MIT */
/* kmem buddyinfo and kmem zoneinfo: the zones as the kernel's files of these names have them. */
#include "look.h"
#include "output.h"
#include "view.h"

/* A zone without memory has no row in the kernel's files, nor here. */
static void print_text(const struct zones *zones,
		       void (*print)(struct out *out, const struct zone_info *info))
{
	struct output output;
	size_t i;

	output_begin(&output);
	for (i = 0; i < zones->nr; i++)
		if (zones->zone[i].info.nr_sections)
			print(&output.out, &zones->zone[i].info);
	output_end(&output);
}

static void add_blocks(struct json_object *row, const struct zone_info *info)
{
	struct json_object *orders = json_add_array(row, "nr_free");
	unsigned int order;

	for (order = 0; order < NR_ORDERS; order++)
		json_append_number(orders, info->blocks[order]);
}

static void add_figures(struct json_object *row, const struct zone_info *info)
{
	json_add_number(row, "free", info->nr_free);
	json_add_number(row, "dirty", info->nr_dirty);
	json_add_number(row, "spanned", info->nr_spanned);
	json_add_number(row, "present", info->nr_online);
	json_add_number(row, "peak_used", info->peak_used);
	json_add_number(row, "sections", info->nr_sections);
	json_add_number(row, "start_pfn", info->start_pfn);
}

static void print_json(const struct target *t, const struct zones *zones,
		       void (*add)(struct json_object *row, const struct zone_info *info))
{
	struct json_object *object = json_begin(t), *rows = json_add_array(object, "zones");
	size_t i;

	for (i = 0; i < zones->nr; i++) {
		struct json_object *row = json_append_object(rows);

		json_add_number(row, "node", zones->zone[i].info.nid);
		json_add_string(row, "zone", zones->zone[i].info.name);
		add(row, &zones->zone[i].info);
	}
	json_end(t, object);
}

static int show(const struct command *self, int argc, char **argv,
		void (*print)(struct out *out, const struct zone_info *info),
		void (*add)(struct json_object *row, const struct zone_info *info))
{
	struct zones zones;
	struct target *t;
	bool json;

	t = look(self, argc, argv, &json, NULL);
	zones_read(t, &zones);
	if (json)
		print_json(t, &zones, add);
	else
		print_text(&zones, print);
	zones_free(&zones);
	target_close(t);
	return KMEM_OK;
}

static int run_buddyinfo(const struct command *self, int argc, char **argv)
{
	return show(self, argc, argv, zone_print_buddyinfo, add_blocks);
}

static int run_zoneinfo(const struct command *self, int argc, char **argv)
{
	return show(self, argc, argv, zone_print_zoneinfo, add_figures);
}

const struct command command_buddyinfo = {
	.name = "buddyinfo",
	.synopsis = "[--json] PID|CORE",
	.summary = "free blocks of pages by order, as /proc/buddyinfo",
	.help = "Prints a row for each zone that has memory: how many free blocks of 1, 2, 4, ... pages\n"
		"it has, up to a whole section of 16384. Pages on lanes' lists, or kept by threads, are in none.\n"
		"\n"
		"  --json  the same as JSON, empty zones included\n",
	.run = run_buddyinfo,
};

const struct command command_zoneinfo = {
	.name = "zoneinfo",
	.synopsis = "[--json] PID|CORE",
	.summary = "the figures of each zone, as /proc/zoneinfo",
	.help = "Prints the figures of each zone that has memory, in pages of 4096 bytes: spanned are\n"
		"addresses that are reserved, present and managed what can be used of them. nr_dirty are\n"
		"the free pages that still cost memory, peak_used the most that was used lately.\n"
		"\n"
		"  --json  the same as JSON, empty zones included\n",
	.run = run_zoneinfo,
};
