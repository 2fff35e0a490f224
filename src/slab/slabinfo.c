/* SPDX-License-Identifier: MIT */
/* See slabinfo.h. */
#include "slabinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cache.h"
#include "kmalloc.h"
#include "large.h"
#include "numa.h"
#include "page_block.h"
#include "report.h"

static char path_pattern[PATH_MAX];
static bool want_stats;

static int set_slabinfo(const char *value, size_t len)
{
	if (len == 0 || len >= sizeof(path_pattern))
		return -EINVAL;
	memcpy(path_pattern, value, len);
	path_pattern[len] = '\0';
	return 0;
}

static int set_stats(const char *value, size_t len)
{
	return option_flag(value, len, &want_stats);
}

static const struct boot_param params[] = {
	{ "slabinfo", set_slabinfo },
	{ "stats", set_stats },
};

const struct boot_params slabinfo_params = { params, ARRAY_SIZE(params) };

/*
 * Without locks it is what can be seen from outside, and nothing of what lies in sheaves: so it is
 * in a signal handler that interrupted the library, or for who holds the lock of the record of
 * mappings, which is inside all of these.
 */
static void get_info(struct kmem_cache *s, bool locks, struct cache_info *info)
{
	unsigned long cached = locks ? cpus_objects(s) + barn_objects(s) : 0;
	struct kmem_cache_node *node;

	*info = (struct cache_info){
		.name = s->name,
		.objsize = s->size,
		.objperslab = s->objects,
		.pagesperslab = 1u << s->order,
		.sheaf_capacity = s->sheaf_capacity,
	};
	for_each_node(node, s) {
		struct node_sum sum = locks ? node_sum_locked(node) : node_sum(node);

		info->active_objs += sum.nr_inuse;
		info->full_slabs += sum.nr_full;
		info->active_slabs += sum.nr_partial + sum.nr_full;
		info->num_slabs += sum.nr_slabs;
		info->num_objs += node_capacity(s, &sum);
	}
	/* The threads went on meanwhile: the parts may not exceed the whole. */
	info->cached_objs = min_ul(cached, info->active_objs);
}

void cache_get_info(struct kmem_cache *s, struct cache_info *info)
{
	/* Busy, as it holds locks: a handler that allocates meanwhile is told so. */
	struct kmem_cpu *cpu = cpu_enter_atomic();

	get_info(s, cpu, info);
	if (cpu)
		cpu_leave(cpu);
}

/* ---- Totals ---- */

struct adding {
	struct kmem_totals *totals;
	bool locks;
};

static void add_cache(struct kmem_cache *s, void *arg)
{
	const struct adding *adding = arg;
	struct kmem_totals *t = adding->totals;
	unsigned long bytes, used;
	struct cache_info info;

	get_info(s, adding->locks, &info);
	bytes = s->units ? info.num_objs * info.objsize :
			   info.num_slabs * info.pagesperslab * PAGE_SIZE;
	t->slab_free += bytes - min_ul(bytes, info.active_objs * info.objsize);
	if (s->shared)
		return;
	used = info.active_objs - info.cached_objs;
	t->nr_objects += used;
	t->slab_used += used * info.objsize;
	t->nr_cached += info.cached_objs;
	t->slab_cached += info.cached_objs * info.objsize;
}

/*
 * What threads keep is no block in use. Of different moments: none is less than nothing, nor a part
 * more than the whole.
 */
static void count_large(struct kmem_totals *t, bool locks)
{
	const struct kept_sum kept = locks ? cpus_kept() : (struct kept_sum){ 0, 0 };
	unsigned long kept_bytes = kept.pages << PAGE_SHIFT;
	size_t bytes = large_bytes(), count = large_count();

	t->large = max_ul(bytes - min_ul(bytes, kept_bytes), t->areas);
	t->nr_large = max_ul(count - min_ul(count, kept.blocks), t->nr_areas);
	t->free_pages += kept_bytes;
	t->dirty += kept_bytes;
}

void kmem_get_totals(struct kmem_totals *t)
{
	struct kmem_cpu *cpu = cpu_enter_atomic(); /* as above */
	struct adding adding = { t, cpu };
	struct zone_totals zones;

	zones_total(&zones);
	*t = (struct kmem_totals){
		.online = zones.nr_online << PAGE_SHIFT,
		.free_pages = (zones.nr_free + zones.nr_listed) << PAGE_SHIFT,
		.dirty = (zones.nr_dirty + zones.nr_listed) << PAGE_SHIFT,
		.pages = page_block_pages() << PAGE_SHIFT,
		.areas = area_bytes(),
		.nr_areas = area_count(),
		.nr_sections = zones.nr_sections,
	};
	count_large(t, cpu);
	if (cpu) {
		caches_for_each(add_cache, &adding);
		cpu_leave(cpu);
	} else {
		kmalloc_caches_for_each(add_cache, &adding);
	}
}

/* ---- The file ---- */

static void print_cache(struct kmem_cache *s, void *out)
{
	struct cache_info info;

	cache_get_info(s, &info);
	slabinfo_print_row(out, &info);
}

#define MAX_ROWS 8

struct rows {
	unsigned int nr;
	unsigned long last; /* number of the last cache */
	struct cache_info info[MAX_ROWS];
	char name[MAX_ROWS][CACHE_NAME_MAX + 1];
};

static bool add_row(struct kmem_cache *s, void *arg)
{
	struct rows *rows = arg;
	unsigned int i = rows->nr++;

	get_info(s, true, &rows->info[i]);
	strcpy(rows->name[i], s->name);
	rows->info[i].name = rows->name[i];
	rows->last = s->serial;
	return rows->nr < MAX_ROWS;
}

/*
 * Some at a time, and written with no lock held: whoever reads may be slow, and the next cache may
 * end meanwhile.
 */
static int print_programs_caches(struct out *out)
{
	struct rows rows = { .nr = MAX_ROWS, .last = 0 };
	struct kmem_cpu *cpu;
	unsigned int i;

	while (rows.nr == MAX_ROWS) {
		cpu = cpu_enter_atomic();
		if (!cpu)
			return -EBUSY;
		rows.nr = 0;
		caches_after(rows.last, add_row, &rows);
		cpu_leave(cpu);
		for (i = 0; i < rows.nr; i++)
			slabinfo_print_row(out, &rows.info[i]);
	}
	return 0;
}

static bool may_lock(void)
{
	struct kmem_cpu *cpu = cpu_enter_atomic();

	if (cpu)
		cpu_leave(cpu);
	return cpu;
}

int slabinfo_print(struct out *out)
{
	int err;

	if (!may_lock())
		return -EBUSY;
	slabinfo_print_header(out);
	kmalloc_caches_for_each(print_cache, out);
	err = print_programs_caches(out);
	return err ? err : out_flush(out);
}

/* The pattern with the process id for each %p; false when it gets too long. */
static bool expand_path(char *path, size_t size)
{
	const char *p;
	struct out out;

	out_init(&out, -1, path, size - 1);
	for (p = path_pattern; *p; p++) {
		if (p[0] == '%' && p[1] == 'p') {
			out_printf(&out, "%d", (int)getpid());
			p++;
		} else {
			out_printf(&out, "%c", *p);
		}
	}
	path[out.len] = '\0';
	return out.len < size - 1;
}

static void write_slabinfo(void)
{
	char path[PATH_MAX], buf[4096];
	struct out out;
	int fd, err;

	if (!expand_path(path, sizeof(path))) {
		kmem_report("cannot write %s: the name is too long", path_pattern);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		kmem_report("cannot write %s: error %d", path, errno);
		return;
	}
	out_init(&out, fd, buf, sizeof(buf));
	err = slabinfo_print(&out);
	if (err)
		kmem_report("cannot write %s: error %d", path, -err);
	close(fd);
}

static void print_stats(void)
{
	struct kmem_totals t;
	struct rusage usage;

	kmem_get_totals(&t);
	getrusage(RUSAGE_SELF, &usage);
	kmem_report(
		"peak RSS %ld KiB; %lu objects of %lu KiB and %lu large blocks of %lu KiB in use; "
		"%lu KiB in sheaves, %lu KiB free in slabs, %lu KiB free pages",
		usage.ru_maxrss, t.nr_objects, t.slab_used >> 10, t.nr_large, t.large >> 10,
		t.slab_cached >> 10, t.slab_free >> 10, t.free_pages >> 10);
}

void slabinfo_at_exit(void)
{
	if (path_pattern[0])
		write_slabinfo();
	if (want_stats)
		print_stats();
}
