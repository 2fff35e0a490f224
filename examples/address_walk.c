/* SPDX-License-Identifier: MIT */
/*
 * address_walk - from a virtual address through section, page, slab and buddy to its frame.
 *
 *      63      47                  26                12            0
 *      +-------+--------------------+-----------------+-------------+
 *      |   0   |      section       | page in section |   offset    |      a virtual address
 *      +-------+--------------------+-----------------+-------------+
 *                    |                      |                |
 *                    v                      v                |
 *              sections[] ---> mem_map[]: struct page        |     the library: whose is it?
 *                                           |                |
 *                                           v                v
 *                                 slab: its first page, and which object
 *
 *              page tables ---> frame number                 |     the machine: where is it?
 *                                     |                      v
 *                                     +------------------> physical address
 *
 * The first walk is how free(p) finds out what p is: one load for the section, one for the page.
 * The second is the processor's, and ends in nothing until the page has been touched.
 */
#include <kmem/mm.h>
#include <kmem/slabinfo.h>
#include "lecture.h"

#define SECTION_SHIFT 26 /* 64 MiB */

struct found {
	const char *address;
	struct kmem_cache *cache;
	const char *name;
	struct kmem_slab_info slab;
};

static int look_at_slab(const struct kmem_slab_info *slab, void *arg)
{
	struct found *found = arg;

	if (found->address < (char *)slab->address ||
	    found->address >= (char *)slab->address + slab->bytes)
		return 0;
	found->slab = *slab;
	return 1;
}

static int look_at_cache(struct kmem_cache *cache, const char *name, bool alias, void *arg)
{
	struct found *found = arg;

	if (alias || kmem_cache_for_each_slab(cache, look_at_slab, found) <= 0)
		return 0;
	found->cache = cache;
	found->name = name;
	return 1;
}

/* The hard way, over all slabs of all caches: to see that the short way is right. */
static struct found search(const void *address)
{
	struct found found = { .address = address };

	MUST(kmem_cache_for_each(look_at_cache, &found) == 1);
	return found;
}

static void through_the_library(const char *object)
{
	unsigned long address = (unsigned long)object;
	struct vm_area_struct *vma = find_vma(current_mm(), address);
	struct page *page = virt_to_page(object);
	struct found found = search(object);
	unsigned long start = (unsigned long)found.slab.address, pages = found.slab.bytes / PAGE;
	struct slabinfo info;
	unsigned long index;

	printf("  section %lu, page %lu of it, offset %lu\n", address >> SECTION_SHIFT,
	       address >> PAGE_SHIFT & ((1ul << (SECTION_SHIFT - PAGE_SHIFT)) - 1),
	       address % PAGE_SIZE);
	MUST(vma && vma->vm_start <= address);
	printf("  area    %012lx-%012lx %s\n", vma->vm_start, vma->vm_end, vma->vm_name);
	CLAIM(vma->vm_start >> SECTION_SHIFT == address >> SECTION_SHIFT, "it is in the section");

	printf("  page    number %lu\n", page_to_pfn(page));
	CLAIM(page_to_pfn(page) == address >> PAGE_SHIFT,
	      "a page's number is the address' upper bits");
	CLAIM((char *)page_address(page) == object - address % PAGE_SIZE,
	      "and the page starts there");

	get_slabinfo(found.cache, &info);
	index = (unsigned long)(object - (char *)found.slab.first_object) / info.size;
	printf("  slab    %lx, %lu page(s) of cache %s, %u of %u objects taken\n", start, pages,
	       found.name, found.slab.inuse, found.slab.objects);
	CLAIM((char *)found.slab.first_object + index * info.size == object,
	      "it is object %lu: no remainder", index);
	printf("  buddy   order %u: pages %lu to %lu; its buddy begins at %lu\n", info.cache_order,
	       start >> PAGE_SHIFT, (start >> PAGE_SHIFT) + pages - 1,
	       (start >> PAGE_SHIFT) ^ pages);
	CLAIM(start % found.slab.bytes == 0, "a block is aligned to its own length");
}

static void through_the_page_table(const volatile char *object)
{
	uint64_t entry = pagemap((const char *)object);
	unsigned long frame = entry & PM_FRAME;

	if (!(entry & PM_PRESENT)) {
		printf("  frame   none\n");
	} else if (!frame) {
		printf("  frame   there is one; its number is root's to see\n");
	} else {
		printf("  frame   %lu, physical address %#lx\n", frame,
		       frame * PAGE | (uintptr_t)object % PAGE);
		CLAIM(frame * PAGE % PAGE_SIZE == 0 && frame != (uintptr_t)object / PAGE,
		      "not the number of the virtual page, but the same offset");
	}
}

int main(void)
{
	char *small, *large = malloc(1 << 20), *untouched = large + 64 * PAGE;

	lecture("From an address to its owner, and to its frame");
	for (int i = 0; i < 20; i++) /* some way into the slab */
		MUST((small = malloc(100)) != NULL);
	MUST(large != NULL);
	memset(small, 1, 100);
	printf("the last of twenty malloc(100) = %p\n", (void *)small);
	through_the_library(small);
	through_the_page_table(small);

	printf("\na page of malloc(1 MiB) = %p\n", (void *)untouched);
	CLAIM(!kmem_valid_obj(untouched), "it is in no slab: whole pages, from the buddy");
	through_the_page_table(untouched);
	CLAIM(!(pagemap(untouched) & PM_PRESENT), "never touched: an address without a frame");
	untouched[0] = 1;
	through_the_page_table(untouched);
	CLAIM(pagemap(untouched) & PM_PRESENT, "touched: it has one");
	free(large);
	free(small);
	return 0;
}
