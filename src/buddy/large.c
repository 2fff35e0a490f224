/* SPDX-License-Identifier: MIT */
/* See large.h. */
#include "large.h"

#include <errno.h>
#include <string.h>

#include "huge.h"
#include "os.h"
#include "page_alloc.h"
#include "page_block.h"
#include "pcp.h"
#include "report.h"

#define AREA_MIN     (4UL << 20)
#define POPULATE_MIN 16u /* pages: where one call costs less than their page faults */
#define LITTLE_SHARE 16u /* a block that grows by no more than this part, or a page, and again, */
#define ROOM_SHARE   5u	 /* gets so much more than it asked for */

/*
 * Blocks in page sections, and their pages, by the lanes of who took and freed them: only the sum
 * means anything. A block counts as one BLOCK, a page as one; each may be negative. Relaxed
 * atomics.
 */
static struct {
	unsigned long sum;
} __aligned(CACHE_LINE) counts[NR_LANES];

#define PAGES_BITS 36u /* of the sum, signed: 128 TiB */
#define BLOCK	   (1UL << PAGES_BITS)

static void account(const struct per_cpu_pages *pcp, long blocks, long pages)
{
	unsigned int lane = pcp ? pcp->lane : 0;
	unsigned long change = (unsigned long)blocks * BLOCK + (unsigned long)pages;

	__atomic_fetch_add(&counts[lane].sum, change, __ATOMIC_RELAXED);
}

static void make_large(struct per_cpu_pages *pcp, struct page *page, unsigned int nr)
{
	page->nr_pages = nr;
	page->nr_asked = nr;
	page->grew = false;
	smp_store_release(&page->type, PAGE_LARGE);
	account(pcp, 1, nr);
}

void large_adopt(struct page *page, unsigned int nr)
{
	make_large(NULL, page, nr);
}

static void *alloc_from_zone(struct per_cpu_pages *pcp, unsigned int nr, unsigned int align_order,
			     int nid, gfp_t gfp)
{
	struct page *page = align_order ? NULL : pcp_alloc_range(pcp, nr, nid, gfp);

	if (!page)
		page = page_alloc(nr, align_order, nid, gfp);
	if (!page)
		return NULL;
	make_large(pcp, page, nr);
	return page_start(page);
}

/* As far as it is for where it has to lie. */
static bool may_lie_in_area(gfp_t gfp)
{
	return gfp_zone(gfp) == ZONE_NORMAL && !(gfp & __GFP_THISNODE);
}

bool large_is_possible(size_t bytes, size_t align, gfp_t gfp)
{
	size_t most = max_ul(bytes, align);

	return most <= SECTION_SIZE || (most < 1UL << ADDRESS_BITS && may_lie_in_area(gfp));
}

void *large_alloc(struct per_cpu_pages *pcp, size_t bytes, size_t align, int nid, gfp_t gfp)
{
	unsigned long nr = align_up(bytes, PAGE_SIZE) >> PAGE_SHIFT;
	bool too_large = max_ul(bytes, align) > SECTION_SIZE;
	void *addr = NULL;

	if (!too_large)
		addr = alloc_from_zone(pcp, (unsigned int)nr, __ffs(align) - PAGE_SHIFT, nid, gfp);
	if (!addr && (too_large || bytes >= AREA_MIN) && gfpflags_allow_blocking(gfp) &&
	    may_lie_in_area(gfp))
		addr = area_alloc(bytes, align);
	return addr;
}

static struct section *area_at(const void *addr)
{
	struct section *s = section_of(addr);

	if (!s || s->type != SECTION_AREA || s->start != (uintptr_t)addr || area_is_stuck(s))
		return NULL;
	return s;
}

static void give_back(struct per_cpu_pages *pcp, struct page *page)
{
	account(pcp, -1, -(long)page->nr_pages);
	pcp_free_range(pcp, page, page->nr_pages);
}

int large_free(struct per_cpu_pages *pcp, const void *addr)
{
	struct section *area = area_at(addr);
	struct page *page;

	if (area)
		return area_free(area, addr);
	page = large_head(addr);
	if (!page || !large_end(page, PAGE_NONE))
		return -EINVAL;
	give_back(pcp, page);
	return 0;
}

struct keep_limit large_keep_limit(const struct per_cpu_pages *pcp)
{
	const struct zone *near = &NODE_DATA(numa_own_node())->node_zones[ZONE_NORMAL];

	return (struct keep_limit){ near, hot_room(&near->pcp[pcp->lane].hot) };
}

void large_drop(struct per_cpu_pages *pcp, struct page *page)
{
	page_set_type(page, PAGE_NONE);
	give_back(pcp, page);
}

size_t large_size(const void *addr)
{
	struct section *area = area_at(addr);
	struct page *page;

	if (area)
		return area->bytes;
	page = large_head(addr);
	return page ? (size_t)page->nr_pages << PAGE_SHIFT : 0;
}

static bool resize_in_place(struct page *page, unsigned int nr)
{
	unsigned int old = page->nr_pages;

	if (nr > old && (page_index(page) + nr > page_section(page)->nr_pages ||
			 !zone_claim(page_zone(page), page + old, nr - old)))
		return false;
	page->nr_pages = nr;
	account(NULL, 0, (long)nr - (long)old);
	if (nr < old)
		zone_free(page_zone(page), page + nr, old - nr);
	return true;
}

/* The pages of a block go to an area, where growing on is cheap; its old place reads as zero. */
static void *move_to_area(struct page *page, size_t bytes)
{
	unsigned int nr = page->nr_pages;
	void *to;

	if (bytes < AREA_MIN)
		return NULL;
	/* Else the kernel may have several mappings there, of which it makes no larger one. */
	huge_note_purge(page_section(page));
	to = area_adopt(page_start(page), (size_t)nr << PAGE_SHIFT, bytes);
	if (!to)
		return NULL;
	account(NULL, -1, -(long)nr);
	page_set_type(page, PAGE_NONE);
	zone_free_clean(page_zone(page), page, nr);
	return to;
}

/* To @nr pages just taken. */
static void *move_to(struct page *to, unsigned int nr, struct page *page)
{
	unsigned int old = page->nr_pages;
	void *addr = page_start(to);

	large_adopt(to, nr);
	large_will_write(addr, (size_t)old << PAGE_SHIFT);
	memcpy(addr, page_start(page), (size_t)old << PAGE_SHIFT);
	account(NULL, -1, -(long)old);
	page_set_type(page, PAGE_NONE);
	zone_free(page_zone(page), page, old);
	return addr;
}

/* To memory that is there, if that saves more page faults than it costs. */
static void *move_to_dirty(struct page *page, unsigned int nr)
{
	struct page *to = zone_alloc_copy(page_zone(page), page, page->nr_pages, nr);

	return to ? move_to(to, nr, page) : NULL;
}

/* Larger ones grow by their page tables. */
static bool grows_a_little(const struct page *page, unsigned long nr)
{
	unsigned int old = page->nr_pages;

	return nr > old && nr - old <= max_ul(1, old / LITTLE_SHARE) && nr < AREA_MIN >> PAGE_SHIFT;
}

/*
 * What grows by little for the second time gets room. A power of two of pages has none: where it
 * may begin depends on how many they are.
 */
static unsigned int with_room(const struct page *page, unsigned int nr)
{
	return page->grew && !is_power_of_2(nr) ? nr + nr / ROOM_SHARE : nr;
}

/* With its room where it is, or else elsewhere; or to just @nr pages. */
static void *grow_a_little(struct page *page, unsigned int nr)
{
	unsigned int room = with_room(page, nr);
	struct page *to;

	_Static_assert(LITTLE_SHARE > COPIES_A_FAULT, "no page fault is worth copying all of it");
	if (resize_in_place(page, room))
		return page_start(page);
	to = zone_alloc(page_zone(page), room, 0);
	if (to)
		return move_to(to, room, page);
	return resize_in_place(page, nr) ? page_start(page) : NULL;
}

static void *resize_pages(struct page *page, unsigned int nr)
{
	void *to = nr > page->nr_pages ? move_to_dirty(page, nr) : NULL;

	if (to)
		return to;
	return resize_in_place(page, nr) ? page_start(page) : NULL;
}

void *large_resize(void *addr, size_t bytes, bool may_have_room)
{
	struct section *area = area_at(addr);
	unsigned long nr = align_up(bytes, PAGE_SIZE) >> PAGE_SHIFT;
	struct page *page;
	void *to = NULL;
	bool little;

	if (area)
		return area_resize(area, bytes);
	if (large_stays(addr, bytes))
		return addr;
	page = large_head(addr);
	KMEM_ASSERT(page);
	little = may_have_room && grows_a_little(page, nr);
	if (little)
		to = grow_a_little(page, (unsigned int)nr);
	else if (nr <= SECTION_SIZE >> PAGE_SHIFT)
		to = resize_pages(page, (unsigned int)nr);
	if (to) {
		page_at(to)->nr_asked = (unsigned int)nr;
		page_at(to)->grew = little;
	} else if (nr > page->nr_pages) {
		to = move_to_area(page, bytes);
	}
	return to;
}

void large_will_write(void *addr, size_t bytes)
{
	struct page *page = page_at(addr);
	unsigned int index, end;
	struct section *s;

	if (!page)
		return;
	s = page_section(page);
	index = page_index(page);
	end = index + (unsigned int)(bytes >> PAGE_SHIFT);
	while ((index = bitmap_next(s->dirty, false, index, end)) < end) {
		unsigned int dirty = bitmap_next(s->dirty, true, index, end);

		if (dirty - index >= POPULATE_MIN)
			os_populate((void *)(s->start + ((uintptr_t)index << PAGE_SHIFT)),
				    (size_t)(dirty - index) << PAGE_SHIFT);
		index = dirty;
	}
}

enum large_fault large_fault(const void *addr)
{
	struct section *s = section_of(addr);
	struct page *page = page_at(addr);

	if (s && s->type == SECTION_AREA)
		return area_is_stuck(s) ? FAULT_DOUBLE_FREE : FAULT_INTERIOR;
	if (!page)
		return FAULT_FOREIGN;
	if (page_block_head(page))
		return FAULT_PAGES;
	if (pcp_holds(page))
		return FAULT_DOUBLE_FREE;
	if (zone_page_was_freed(page_zone(page), page))
		return FAULT_DOUBLE_FREE;
	return zone_page_is_free(page_zone(page), page) ? FAULT_FOREIGN : FAULT_INTERIOR;
}

/*
 * A block that one lane took and another freed in the middle of the sum may leave less than
 * nothing, of either.
 */
static unsigned long sum_of_lanes(void)
{
	unsigned long sum = 0;
	unsigned int lane;

	for (lane = 0; lane < NR_LANES; lane++)
		sum += READ_ONCE(counts[lane].sum);
	return sum;
}

static long pages_in(unsigned long sum)
{
	return (long)(sum << (BITS_PER_LONG - PAGES_BITS)) >> (BITS_PER_LONG - PAGES_BITS);
}

static long blocks_in(unsigned long sum)
{
	return (long)(sum - (unsigned long)pages_in(sum)) >> PAGES_BITS;
}

size_t large_bytes(void)
{
	long pages = pages_in(sum_of_lanes());

	return (pages > 0 ? (size_t)pages << PAGE_SHIFT : 0) + area_bytes();
}

size_t large_count(void)
{
	long blocks = blocks_in(sum_of_lanes());

	return (blocks > 0 ? (size_t)blocks : 0) + area_count();
}
