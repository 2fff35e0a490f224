/* SPDX-License-Identifier: MIT */
/* See section.h. */
#include "section.h"

#include <string.h>

#include "mm.h"
#include "os.h"
#include "report.h"

#define MIN_SECTION	 (1UL << 20) /* smaller pieces are not worth a descriptor */
#define SECTIONS_A_LIMIT 16	     /* a section takes at most this part of a memory limit */

struct section *sections[NR_SECTIONS];
struct lock section_lock = LOCK_INIT(RANK_SECTION);

/* Descriptors of destroyed sections, which keep their length; section_lock. */
static struct list_head spare_descriptors = LIST_HEAD_INIT(spare_descriptors);

void section_enter(struct section *s, uintptr_t start, size_t bytes)
{
	uintptr_t nr = start >> SECTION_SHIFT, last = (start + bytes - 1) >> SECTION_SHIFT;

	lock_acquire(&section_lock);
	for (; nr <= last; nr++)
		smp_store_release(&sections[nr], s);
	lock_release(&section_lock);
}

void section_leave(uintptr_t start, size_t bytes)
{
	uintptr_t nr = start >> SECTION_SHIFT, last = (start + bytes - 1) >> SECTION_SHIFT;

	lock_acquire(&section_lock);
	for (; nr <= last; nr++)
		smp_store_release(&sections[nr], NULL);
	lock_release(&section_lock);
}

static struct section *take_spare_descriptor(size_t bytes)
{
	struct section *s, *found = NULL;

	lock_acquire(&section_lock);
	list_for_each_entry(s, &spare_descriptors, list)
		if (s->bytes == bytes) {
			list_del(&s->list);
			found = s;
			break;
		}
	lock_release(&section_lock);
	return found;
}

/* A descriptor whose mem_map has room for @bytes of pages. */
static struct section *new_descriptor(size_t bytes)
{
	size_t nr_pages = bytes >> PAGE_SHIFT;
	struct section *s = take_spare_descriptor(bytes);

	if (s)
		return s;
	lock_acquire(&meta_lock);
	s = place_metadata(sizeof(*s) + nr_pages * sizeof(struct page), "kmem mem_map");
	lock_release(&meta_lock);
	return s;
}

static void keep_descriptor(struct section *s)
{
	lock_acquire(&section_lock);
	list_add(&s->list, &spare_descriptors);
	lock_release(&section_lock);
}

static void init_section(struct section *s, void *start, size_t bytes)
{
	unsigned int order;

	s->start = (uintptr_t)start;
	s->bytes = bytes;
	s->type = SECTION_PAGES;
	s->nr_pages = (unsigned int)(bytes >> PAGE_SHIFT);
	s->nr_online = 0;
	s->nr_free = 0;
	s->free_orders = 0;
	s->dirty_orders = 0;
	s->huge = false;
	list_init(&s->list);
	for (order = 0; order < NR_ORDERS; order++) {
		list_init(&s->free_area[order].free_list);
		s->free_area[order].nr_free = 0;
	}
	section_enter(s, s->start, bytes);
}

/* What a section should take from a process that is limited in its memory. */
static size_t wanted_bytes(size_t min_bytes)
{
	unsigned long share = os_memory_limit() / SECTIONS_A_LIMIT;
	size_t bytes = SECTION_SIZE;

	while (bytes > share && bytes > MIN_SECTION && bytes > min_bytes)
		bytes /= 2;
	return bytes;
}

static struct section *create(size_t min_bytes, bool low)
{
	size_t bytes;

	min_bytes = max_ul(min_bytes, MIN_SECTION);
	for (bytes = wanted_bytes(min_bytes); bytes >= min_bytes; bytes /= 2) {
		void *start = low ? place_section_low(bytes) : place_section(bytes, SECTION_SIZE);
		struct section *s;

		if (!start)
			continue;
		s = new_descriptor(bytes);
		if (s) {
			mm_name(start, bytes, "kmem section");
			init_section(s, start, bytes);
			return s;
		}
		/* Reserved addresses without access are all that is lost if this is refused. */
		if (place_unmap(start, bytes))
			return NULL;
	}
	return NULL;
}

struct section *section_create(size_t min_bytes)
{
	return create(min_bytes, false);
}

struct section *section_create_low(size_t min_bytes)
{
	return create(min_bytes, true);
}

int section_online(struct section *s, unsigned int nr)
{
	char *addr = (char *)s->start + ((size_t)s->nr_online << PAGE_SHIFT);
	int err;

	KMEM_ASSERT(s->nr_online + nr <= s->nr_pages);
	err = mm_commit(addr, (size_t)nr << PAGE_SHIFT);
	if (err)
		return err;
	WRITE_ONCE(s->nr_online, s->nr_online + nr);
	return 0;
}

/* Only what lies in whole OS pages goes. */
void section_forget(struct section *s, unsigned int index, unsigned int nr)
{
	uintptr_t first = align_up((uintptr_t)&s->mem_map[index], os_page_size());
	uintptr_t end = align_down((uintptr_t)&s->mem_map[index + nr], os_page_size());

	/* Refused, it stays as it is: no less true, only not as small. */
	if (end > first && os_purge((void *)first, end - first))
		return;
}

static void reset_mem_map(struct section *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_online; i++)
		page_set_type(&s->mem_map[i], PAGE_NONE);
	section_forget(s, 0, s->nr_pages);
}

int section_destroy(struct section *s)
{
	int err;

	KMEM_ASSERT(!s->free_orders);
	/* Out of the table first: once unmapped, the addresses may be anybody's at once. */
	section_leave(s->start, s->bytes);
	err = place_unmap((void *)s->start, s->bytes);
	if (err) {
		section_enter(s, s->start, s->bytes);
		return err;
	}
	reset_mem_map(s);
	memset(s->dirty, 0, sizeof(s->dirty));
	WRITE_ONCE(s->nr_online, 0);
	keep_descriptor(s);
	return 0;
}

bool section_is_valid(const struct section *s)
{
	unsigned int order, nr_free = 0;

	KMEM_ASSERT(section_of((void *)s->start) == s);
	KMEM_ASSERT(s->nr_online <= s->nr_pages && s->nr_free <= s->nr_online);
	for (order = 0; order < NR_ORDERS; order++) {
		bool seen_clean = false, seen_dirty = false;
		unsigned long count = 0;
		struct page *page;

		list_for_each_entry(page, &s->free_area[order].free_list, lru) {
			unsigned int index = page_index(page);

			KMEM_ASSERT(page_section(page) == s);
			KMEM_ASSERT(page->type == PAGE_FREE && page->order == order);
			KMEM_ASSERT((index & ((1u << order) - 1)) == 0);
			KMEM_ASSERT(index + (1u << order) <= s->nr_online);
			KMEM_ASSERT(page->nr_dirty == bitmap_weight(s->dirty, index, 1u << order));
			KMEM_ASSERT(!(seen_clean && page->nr_dirty));
			seen_clean = !page->nr_dirty;
			seen_dirty |= !seen_clean;
			count++;
		}
		KMEM_ASSERT(count == s->free_area[order].nr_free);
		KMEM_ASSERT(!!count == (s->free_orders >> order & 1));
		KMEM_ASSERT(seen_dirty == (s->dirty_orders >> order & 1));
		nr_free += (unsigned int)count << order;
	}
	KMEM_ASSERT(nr_free == s->nr_free);
	return true;
}
