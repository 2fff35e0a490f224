/* SPDX-License-Identifier: MIT */
/*
 * mallinfo, malloc_stats, malloc_info, mallopt, malloc_trim: glibc's questions, answered with what
 * comes closest here.
 *
 *	arena     memory of the page sections     hblks, hblkhd  areas: blocks with an own mapping
 *	uordblks  objects, large blocks in use    fordblks       free pages and objects, slab waste
 *	ordblks   sections                        smblks, fsmblks objects in sheaves, as fastbins
 *	keepcost  free pages that cost memory: malloc_trim returns them, and more that it empties
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "compiler.h"
#include "exports.h"
#include "format.h"
#include "kmalloc.h"
#include "shrinker.h"
#include "slabinfo.h"

__export struct mallinfo2 mallinfo2(void)
{
	struct kmem_totals t;
	unsigned long used;

	kmem_get_totals(&t);
	used = t.slab_used + t.pages + t.large - t.areas;
	return (struct mallinfo2){
		.arena = t.online,
		.ordblks = t.nr_sections,
		.smblks = t.nr_cached,
		.hblks = t.nr_areas,
		.hblkhd = t.areas,
		.fsmblks = t.slab_cached,
		.uordblks = used,
		.fordblks = t.online > used ? t.online - used : 0,
		.keepcost = t.dirty,
	};
}

/* The old form has ints; glibc lets them wrap, and so do we. */
__export struct mallinfo mallinfo(void)
{
	struct mallinfo2 m = mallinfo2();

	return (struct mallinfo){
		.arena = (int)m.arena,
		.ordblks = (int)m.ordblks,
		.smblks = (int)m.smblks,
		.hblks = (int)m.hblks,
		.hblkhd = (int)m.hblkhd,
		.fsmblks = (int)m.fsmblks,
		.uordblks = (int)m.uordblks,
		.fordblks = (int)m.fordblks,
		.keepcost = (int)m.keepcost,
	};
}

__export void malloc_stats(void)
{
	struct kmem_totals t;
	char buf[512];
	struct out out;

	kmem_get_totals(&t);
	out_init(&out, STDERR_FILENO, buf, sizeof(buf));
	out_printf(&out, "Arena 0:\n");
	out_printf(&out, "system bytes     = %10lu\n", t.online);
	out_printf(&out, "in use bytes     = %10lu\n", t.slab_used + t.pages + t.large - t.areas);
	out_printf(&out, "Total (incl. mmap):\n");
	out_printf(&out, "system bytes     = %10lu\n", t.online + t.areas);
	out_printf(&out, "in use bytes     = %10lu\n", t.slab_used + t.pages + t.large);
	out_printf(&out, "max mmap regions = %10lu\n", t.nr_areas);
	out_printf(&out, "max mmap bytes   = %10lu\n", t.areas);
	out_flush(&out);
}

static void print_sizes(FILE *fp)
{
	unsigned int class, from = 1;

	fputs("<sizes>\n", fp);
	for (class = 1; class < NR_KMALLOC_CLASSES; class ++) {
		struct cache_info info;
		unsigned long nr;

		cache_get_info(&kmalloc_caches[class], &info);
		nr = info.num_objs - info.active_objs + info.cached_objs;
		if (nr)
			fprintf(fp, "  <size from=\"%u\" to=\"%u\" total=\"%lu\" count=\"%lu\"/>\n",
				from, info.objsize, nr * info.objsize, nr);
		from = info.objsize + 1;
	}
	fputs("</sizes>\n", fp);
}

static void print_heap_totals(FILE *fp, const struct kmem_totals *t)
{
	fprintf(fp, "<total type=\"fast\" count=\"%lu\" size=\"%lu\"/>\n", t->nr_cached,
		t->slab_cached);
	fprintf(fp, "<total type=\"rest\" count=\"%lu\" size=\"%lu\"/>\n", t->nr_sections,
		t->free_pages + t->slab_free);
}

static void print_system_totals(FILE *fp, const struct kmem_totals *t)
{
	fprintf(fp, "<system type=\"current\" size=\"%lu\"/>\n", t->online);
	fprintf(fp, "<system type=\"max\" size=\"%lu\"/>\n", t->online);
	fprintf(fp, "<aspace type=\"total\" size=\"%lu\"/>\n", t->online);
	fprintf(fp, "<aspace type=\"mprotect\" size=\"%lu\"/>\n", t->online);
}

/* There is one heap. */
__export int malloc_info(int options, FILE *fp)
{
	struct kmem_totals t;

	if (options != 0)
		return EINVAL;
	kmem_get_totals(&t);
	fputs("<malloc version=\"1\">\n<heap nr=\"0\">\n", fp);
	print_sizes(fp);
	print_heap_totals(fp, &t);
	print_system_totals(fp, &t);
	fputs("</heap>\n", fp);
	print_heap_totals(fp, &t);
	fprintf(fp, "<total type=\"mmap\" count=\"%lu\" size=\"%lu\"/>\n", t.nr_areas, t.areas);
	print_system_totals(fp, &t);
	fputs("</malloc>\n", fp);
	return 0;
}

/*
 * glibc's knobs turn parts that do not exist here. All are accepted, as advice that needs no
 * following; glibc refuses nothing either but a size of fast chunks that it cannot have.
 */
__export int mallopt(int param, int value)
{
	return param != M_MXFAST || (value >= 0 && (size_t)value <= 80 * sizeof(size_t) / 4);
}

/* What @pad asks to keep is not worth keeping: sections grow by steps again. */
__export int malloc_trim(size_t pad)
{
	unsigned long freed = READ_ONCE(nr_shrinkers) ? shrinkers_run_all() : 0;

	(void)pad;
	return kmem_trim() || freed;
}
