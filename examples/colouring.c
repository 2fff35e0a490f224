/* SPDX-License-Identifier: MIT */
/*
 * colouring - the object offsets of successive slabs.
 *
 * Slabs start at page boundaries, so the first objects of all slabs would share the same few lines
 * of the processor's cache, and push each other out, while others stay idle. What is left over in a
 * slab behind its last object moves: each new slab begins its objects one line further, and after
 * the last place from the front again.
 *
 *      slab 0   |A   |B   |C   |D   |E   |F   |....|....|    colour 0
 *      slab 1   |....|A   |B   |C   |D   |E   |F   |....|    colour 1
 *      slab 2   |....|....|A   |B   |C   |D   |E   |F   |    colour 2
 *      slab 3   |A   |B   |C   |D   |E   |F   |....|....|    colour 0 again
 */
#include <kmem/slabinfo.h>
#include "lecture.h"

#define LINE	      64  /* bytes of a cache line */
#define SETS	      64  /* of a usual first-level cache: 32 KiB, eight ways */
#define SIZE	      600 /* as bytes of an object: some are left over in each slab */
#define OBJECTS	      4096
#define SLABS_TO_SHOW 12

struct seen {
	unsigned int size, slabs, inside, on_line;
	unsigned long colours; /* a bit for each line that objects began at */
	unsigned char sets[SETS];
};

static int look_at_slab(const struct kmem_slab_info *slab, void *arg)
{
	const char *start = slab->address, *first = slab->first_object;
	struct seen *seen = arg;
	unsigned int set = (uintptr_t)first / LINE % SETS;

	if (seen->slabs++ < SLABS_TO_SHOW) {
		printf("  %p  objects from +%-4u set %2u  |", slab->address, slab->colour, set);
		for (unsigned int i = 0; i < slab->colour / LINE; i++)
			printf(".");
		printf("A\n");
	}
	seen->inside += first == start + slab->colour &&
			first + (size_t)slab->objects * seen->size <= start + slab->bytes;
	seen->on_line += (uintptr_t)first % LINE == 0;
	seen->colours |= 1ul << (slab->colour / LINE);
	seen->sets[set] = 1;
	return 0;
}

int main(void)
{
	static void *objects[OBJECTS];
	struct seen seen = { 0 };
	unsigned int sets = 0, colours;
	struct slabinfo info;
	kmem_cache_t *cache;

	lecture("Colouring: where the objects of successive slabs begin");
	cache = kmem_cache_create("coloured", SIZE, LINE, SLAB_NO_MERGE | SLAB_PANIC, NULL);
	for (int i = 0; i < OBJECTS; i++)
		MUST((objects[i] = kmem_cache_alloc(cache, GFP_KERNEL)) != NULL);
	get_slabinfo(cache, &info);
	printf("%u objects of %u bytes in a slab of %lu: %lu are left over, %u places to begin\n",
	       info.objects_per_slab, info.size, PAGE << info.cache_order,
	       (PAGE << info.cache_order) - (unsigned long)info.objects_per_slab * info.size,
	       info.colours);

	seen.size = info.size;
	MUST(kmem_cache_for_each_slab(cache, look_at_slab, &seen) == 0);
	for (int i = 0; i < SETS; i++)
		sets += seen.sets[i];
	colours = (unsigned int)__builtin_popcountl(seen.colours);
	CLAIM(seen.slabs == info.num_slabs && seen.slabs >= 2 * info.colours, "%u slabs",
	      seen.slabs);
	CLAIM(seen.inside == seen.slabs, "all objects lie within their slabs");
	CLAIM(seen.on_line == seen.slabs, "and begin on a cache line, as was asked for");
	CLAIM(info.colours > 1 && colours == info.colours, "all %u colours are in use", colours);
	CLAIM(sets >= colours, "first objects lie in %u sets of the cache, not all in one", sets);

	for (int i = 0; i < OBJECTS; i++)
		kmem_cache_free(cache, objects[i]);
	CLAIM(kmem_cache_destroy(cache) == 0, "nothing is left");
	return 0;
}
