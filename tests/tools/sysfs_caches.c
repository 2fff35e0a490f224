/*
 * A program whose caches have known attributes and a known history, for `kmem sysfs`.
 *
 * Says on standard output what each attribute must be, a line "CACHE/ATTRIBUTE: VALUE" each, then
 * "ready", and stays until its standard input ends. A value "A..B" is a range, an attribute "A+B" a
 * sum.
 */
#include <kmem/slab.h>
#include <kmem/slabinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY	  10000
#define NR_CACHES 300

static void *object[MANY];

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void say(const char *name, const char *attribute, unsigned long value)
{
	printf("%s/%s: %lu\n", name, attribute, value);
}

/* One node's machine, so node 0 has all of it. */
static void say_by_node(const char *name, const char *attribute, unsigned long value)
{
	if (value)
		printf("%s/%s: %lu N0=%lu\n", name, attribute, value, value);
	else
		say(name, attribute, 0);
}

static void say_range(const char *name, const char *attribute, unsigned long from, unsigned long to)
{
	printf("%s/%s: %lu..%lu\n", name, attribute, from, to);
}

/* What the library itself says of a cache. */
static void say_figures(struct kmem_cache *s, const char *name)
{
	struct slabinfo info;

	get_slabinfo(s, &info);
	say(name, "aliases", info.aliases);
	say(name, "align", info.align);
	say(name, "object_size", info.object_size);
	say(name, "objs_per_slab", info.objects_per_slab);
	say(name, "order", info.cache_order);
	say(name, "sheaf_capacity", info.limit);
	say(name, "slab_size", info.size);
	say_by_node(name, "objects", info.active_objs);
	say_by_node(name, "objects_partial",
		    info.active_objs - info.full_slabs * info.objects_per_slab);
	say_by_node(name, "partial", info.partial_slabs);
	say_by_node(name, "slabs", info.num_slabs);
	say_by_node(name, "total_objects", info.num_objs);
	say(name, "destroy_by_rcu", (info.flags & SLAB_TYPESAFE_BY_RCU) != 0);
	say(name, "hwcache_align", (info.flags & SLAB_HWCACHE_ALIGN) != 0);
	say(name, "reclaim_account", (info.flags & SLAB_RECLAIM_ACCOUNT) != 0);
}

static void construct(void *p)
{
	memset(p, 7, 100);
}

/* One thread, so what left the slabs is what it has, or lies in its two sheaves. */
static void history(struct kmem_cache *s)
{
	unsigned long sheaves, slabs;
	struct slabinfo info;
	size_t i;

	for (i = 0; i < MANY; i++)
		need((object[i] = kmem_cache_alloc(s, GFP_KERNEL)) != NULL, "no memory");
	get_slabinfo(s, &info);
	sheaves = 2ul * info.limit;
	slabs = info.num_slabs;
	say("history", "alloc_slab", slabs);
	say_range("history", "sheaf_refill", MANY, MANY + sheaves);
	say_range("history", "alloc_slowpath", MANY / info.limit, MANY / 10);
	for (i = 0; i < MANY; i++)
		kmem_cache_free(s, object[i]);
	get_slabinfo(s, &info);
	say_range("history", "alloc_fastpath", MANY - MANY / 10, MANY);
	say_range("history", "free_fastpath", MANY - MANY / 10 - 12 * sheaves, MANY);
	say_range("history", "free_slowpath", MANY / info.limit / 2, MANY / 10);
	say("history", "free_slab", slabs - info.num_slabs);
	say_range("history", "sheaf_flush", MANY - 12 * sheaves, MANY);
	say("history", "barn_get", 0);
	say_range("history", "barn_put", 2, 10);
	say_range("history", "barn_put_fail", 10, MANY / info.limit);
	say_range("history", "objects_in_sheaves", 1, sheaves);
	say("history", "objects_in_sheaves+objects_in_barns", info.cached_objs);
	say_figures(s, "history");
}

/* More than have a slot in every thread's state; names of all lengths; a few objects each. */
static void many(void)
{
	struct kmem_cache *s;
	char name[129];
	unsigned int i, k;

	for (i = 0; i < NR_CACHES; i++) {
		snprintf(name, sizeof(name), "many-%u-%.*s", i, (int)(i % 100),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
		s = kmem_cache_create(name, 16 + 8 * i, 0, SLAB_NO_MERGE, NULL);
		need(s != NULL, "no cache");
		for (k = 0; k < i % 7; k++)
			need(kmem_cache_alloc(s, GFP_KERNEL) != NULL, "no memory");
		if (i % 50 == 6)
			kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL));
		say_figures(s, name);
	}
}

int main(void)
{
	struct kmem_cache *shared, *alias, *plain, *one, *slash;
	char c;

	shared = kmem_cache_create("shared-first", 200, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	alias = kmem_cache_create("shared-second", 200, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	need(shared && shared == alias, "caches of one kind are not shared");
	plain = kmem_cache_create("aligned", 100, 0, SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE, construct);
	one = kmem_cache_create("history", 72, 0, SLAB_TYPESAFE_BY_RCU | SLAB_NO_MERGE, NULL);
	slash = kmem_cache_create("with/slash", 300, 0, SLAB_NO_MERGE, NULL);
	need(plain && one && slash, "no cache");
	need(kmem_cache_alloc(plain, GFP_KERNEL) != NULL, "no memory");
	need(kmem_cache_alloc(shared, GFP_KERNEL) != NULL, "no memory");
	history(one);
	say_figures(shared, "shared-first");
	say_figures(plain, "aligned");
	say_figures(slash, "with!slash");
	many();
	puts("shared-second -> shared-first");
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) == 1)
		continue;
	return 0;
}
