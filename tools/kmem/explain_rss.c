/* SPDX-License-Identifier: MIT */
/*
 * kmem explain-rss: the Rss of a running program, split into what it holds; see explain.h.
 *
 * The program runs on meanwhile. Where the sum is more than a percent from smaps, all is looked at
 * again, a few times; the best attempt is shown, with what is missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "look.h"

#define ATTEMPTS    5
#define GOOD_ENOUGH 100 /* part of Rss that may be missing without another attempt */
#define BAR	    40

static const struct {
	const char *name, *words;
} categories[] = {
#define EXPLAIN_NAMES(constant, name, words) { name, words },
	EXPLAIN_CATEGORIES(EXPLAIN_NAMES)
};

/* ---- Adding up ---- */

/*
 * Shared memory is files of a file system that nobody mounted; a file that is mapped shared is one.
 */
static bool is_shared_memory(const struct proc_vma *vma)
{
	static const char *const prefix[] = { "/dev/zero", "/dev/shm/", "/memfd:", "/SYSV" };
	size_t i;

	if (!vma->shared || vma->name[0] != '/')
		return vma->shared;
	for (i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++)
		if (!strncmp(vma->name, prefix[i], strlen(prefix[i])))
			return true;
	return false;
}

/* Of memory without a name right behind a file's mapping: what is in the file's .bss. */
static bool is_bss_of(const char *file, const struct proc_smaps *smaps, const struct proc_vma *vma)
{
	return vma > smaps->vma && !vma->name[0] && vma[-1].end == vma->start &&
	       !strcmp(vma[-1].name, file);
}

static enum explain_category vma_category(const struct target *t, const struct proc_smaps *smaps,
					  const struct proc_vma *vma)
{
	if (!strcmp(vma->name, "[stack]"))
		return EXPLAIN_STACK;
	if (!strcmp(vma->name, "[heap]"))
		return EXPLAIN_BRK;
	if (is_shared_memory(vma))
		return EXPLAIN_SHARED;
	if (vma->file)
		return strcmp(vma->name, t->library) ? EXPLAIN_FILES : EXPLAIN_LIBRARY;
	return is_bss_of(t->library, smaps, vma) ? EXPLAIN_LIBRARY : EXPLAIN_ANONYMOUS;
}

/* A mapping that holds claims, from @claim on: those and what lies between them. */
static int explain_mixed(struct target *t, struct explanation *e, struct pagemap *map,
			 const struct proc_smaps *smaps, const struct proc_vma *vma,
			 const struct claim *claim)
{
	const struct claim *last = e->claims + e->nr_claims;
	struct residency r = { vma->start, vma->end, map->page_size, pagemap_read(map, vma) };
	enum explain_category rest = vma_category(t, smaps, vma);
	uintptr_t at = vma->start;

	if (!r.page)
		return errno ? errno : EIO;
	for (; claim < last && claim->start < vma->end; claim++) {
		uintptr_t start = claim->start > at ? claim->start : at;
		uintptr_t end = claim->end < vma->end ? claim->end : vma->end;

		if (end <= start)
			continue;
		e->bytes[rest] += resident_bytes(&r, at, start);
		explain_claim(e, claim, &r, start, end);
		at = end;
	}
	e->bytes[rest] += resident_bytes(&r, at, vma->end);
	free((void *)r.page);
	return 0;
}

static int explain_all(struct target *t, struct explanation *e, struct pagemap *map,
		       const struct proc_smaps *smaps)
{
	size_t i, claim = 0;
	int err = 0;

	for (i = 0; i < smaps->nr && !err; i++) {
		const struct proc_vma *vma = &smaps->vma[i];

		while (claim < e->nr_claims && e->claims[claim].end <= vma->start)
			claim++;
		if (vma->hugetlb)
			continue;
		if (claim < e->nr_claims && e->claims[claim].start < vma->end)
			err = explain_mixed(t, e, map, smaps, vma, &e->claims[claim]);
		else
			e->bytes[vma_category(t, smaps, vma)] += vma->rss;
	}
	e->rss = smaps->rss;
	for (i = 0; i < NR_EXPLAIN; i++)
		e->explained += e->bytes[i];
	return err;
}

static size_t difference(const struct explanation *e)
{
	return e->explained > e->rss ? e->explained - e->rss : e->rss - e->explained;
}

static _Noreturn void refused(struct target *t, int err)
{
	if (err == EACCES || err == EPERM)
		die(KMEM_REFUSED, "%s: its smaps and pagemap may not be read", t->name);
	if (err == ESRCH || !target_is_alive(t))
		die(KMEM_GONE, "%s: the process ended", t->name);
	die(KMEM_FAILED, "%s: cannot read its smaps and pagemap: %s", t->name, strerror(err));
}

/* Structures first, since they take longest; what is resident changes with every page fault. */
static struct explanation attempt(struct target *t, struct pagemap *map)
{
	struct explanation e = { 0 };
	struct proc_smaps smaps;
	int err;

	explain_collect(t, &e);
	err = proc_smaps_read(t->pid, &smaps);
	if (!err)
		err = explain_all(t, &e, map, &smaps);
	if (err)
		refused(t, err);
	proc_smaps_free(&smaps);
	return e;
}

static struct explanation explain(struct target *t)
{
	struct explanation best = { 0 };
	struct pagemap map;
	int i, err = pagemap_open(&map, t->pid);

	if (err)
		refused(t, err);
	for (i = 0; i < ATTEMPTS; i++) {
		struct explanation e = attempt(t, &map);

		if (i && difference(&e) >= difference(&best)) {
			explain_free(&e);
			continue;
		}
		explain_free(&best);
		best = e;
		if (difference(&e) <= e.rss / GOOD_ENOUGH)
			break;
	}
	pagemap_close(&map);
	return best;
}

/* ---- Output ---- */

static double percent(size_t part, size_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_line(const char *words, size_t bytes, size_t whole)
{
	int length = whole ? (int)((bytes * BAR + whole / 2) / whole) : 0;
	char bar[BAR + 1];

	length = length < BAR ? length : BAR;
	memset(bar, '#', sizeof(bar));
	bar[length] = '\0';
	printf("%-33s %10zu KiB %5.1f%%%s%s\n", words, (bytes + 512) >> 10, percent(bytes, whole),
	       length ? " " : "", bar);
}

static void print_text(const struct explanation *e)
{
	size_t i;

	for (i = 0; i < NR_EXPLAIN; i++)
		if (e->bytes[i] || i == EXPLAIN_LIVE)
			print_line(categories[i].words, e->bytes[i], e->explained);
	printf("%-33s %10zu KiB\n", "sum", e->explained >> 10);
	printf("%-33s %10zu KiB, %zu KiB (%.1f%%) %s\n", "Rss in smaps", e->rss >> 10,
	       difference(e) >> 10, percent(difference(e), e->rss),
	       e->explained > e->rss ? "less" : "more");
}

static void print_json(const struct target *t, const struct explanation *e)
{
	struct json_object *top = json_begin(t), *bytes;
	size_t i;

	json_add_number(top, "rss", e->rss);
	json_add_number(top, "explained", e->explained);
	json_add_number(top, "live_objects", e->live_objects);
	bytes = json_add_object(top, "bytes");
	for (i = 0; i < NR_EXPLAIN; i++)
		json_add_number(bytes, categories[i].name, e->bytes[i]);
	json_end(t, top);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct explanation e;
	struct target *t;
	bool json;

	t = look(self, argc, argv, &json, NULL);
	if (!t->pid)
		usage_error(self, "a core file does not tell what was in memory");
	e = explain(t);
	if (json)
		print_json(t, &e);
	else
		print_text(&e);
	explain_free(&e);
	target_close(t);
	return KMEM_OK;
}

const struct command command_explain_rss = {
	.name = "explain-rss",
	.synopsis = "[--json] PID",
	.summary = "what the resident memory of a process holds",
	.help = "The process's Rss, as smaps has it, by what it holds: objects in use, what lies free in\n"
		"sheaves, barns, partial and empty slabs, large blocks, free pages, metadata, and what is\n"
		"not libkmem's. Only pages that are in memory count. The library does not know what size\n"
		"a program asked for: an object in use counts with the size of its class.\n"
		"\n"
		"  --json   bytes by category, as JSON\n",
	.run = run,
};
