/* SPDX-License-Identifier: MIT */
/*
 * The page allocator by its kernel names; see kmem/mm.h.
 *
 * One attempt runs like any slow path, between cpu_enter() and cpu_leave(), with the page lists of
 * the thread's lane. What is done about a refusal happens outside of that, where no lock is held
 * and nothing is half done. Blocks and their counts are page_block.h's.
 */
#include <kmem/mm.h>

#include <errno.h>

#include "fault.h"
#include "kmalloc.h"
#include "large.h"
#include "page_alloc.h"
#include "page_block.h"
#include "shrinker.h"
#include "zoneinfo.h"

#define BULK 32u /* pages taken at a time */

/* What is asked for, in all that follows. */
struct request {
	gfp_t flags;
	int nid;
	unsigned int order;
	unsigned int nr; /* pages, 1 << order or fewer */
};

/* ---- Taking ---- */

/*
 * @cpu is NULL in a signal handler within a slow path. Then pages are to be had if the interrupted
 * call holds nothing that they need.
 */
static struct page *take(struct kmem_cpu *cpu, const struct request *r)
{
	struct per_cpu_pages *pcp = cpu ? cpu_pages(cpu) : NULL;

	if (!cpu && !kmalloc_may_nest())
		return NULL;
	if (r->nr == 1u << r->order)
		return pcp_alloc(pcp, r->order, r->nid, r->flags);
	return page_alloc(r->nr, r->order, r->nid, r->flags);
}

/* Whether this was refused for now, and not because it cannot be. */
static bool may_come(const struct request *r)
{
	return !(r->flags & __GFP_THISNODE) || numa_node(r->nid);
}

static struct page *alloc_block(const struct request *r, enum page_block_kind kind)
{
	unsigned int attempt = 0;
	struct page *page;
	bool nested;

	do {
		struct kmem_cpu *cpu = cpu_enter_gfp(r->flags);

		nested = !cpu;
		page = take(cpu, r);
		/* Before a signal handler can see it: what it frees must be a block. */
		if (page)
			page_block_init(page, kind, r->order, r->nr);
		if (cpu)
			cpu_leave(cpu);
	} while (unlikely(!page) && !nested && may_come(r) &&
		 kmem_reclaim(r->flags, (size_t)r->nr << PAGE_SHIFT, attempt++));
	if (likely(page))
		shrinkers_tick(r->flags);
	else if (!(r->flags & __GFP_NOWARN))
		page_alloc_warn(r->order, r->flags);
	return page;
}

static bool refuse_too_large(unsigned int order, gfp_t flags)
{
	if (likely(order <= MAX_ORDER))
		return false;
	if (!(flags & __GFP_NOWARN))
		page_alloc_warn(order, flags);
	return true;
}

struct page *alloc_pages_node(int nid, gfp_t flags, unsigned int order)
{
	struct request r = { .flags = flags, .nid = nid, .order = order };

	if (refuse_too_large(order, flags))
		return NULL;
	r.nr = 1u << order;
	return alloc_block(&r, flags & __GFP_COMP ? BLOCK_COMPOUND : BLOCK_PLAIN);
}

struct page *alloc_pages(gfp_t flags, unsigned int order)
{
	return alloc_pages_node(NUMA_NO_NODE, flags, order);
}

unsigned long __get_free_pages(gfp_t flags, unsigned int order)
{
	struct page *page = alloc_pages(flags, order);

	return page ? (unsigned long)page_start(page) : 0;
}

unsigned long get_zeroed_page(gfp_t flags)
{
	return __get_free_pages(flags | __GFP_ZERO, 0);
}

void *alloc_pages_exact_nid(int nid, size_t size, gfp_t flags)
{
	unsigned int order = size ? get_order(size) : MAX_ORDER + 1;
	struct request r = { .flags = flags, .nid = nid, .order = order };
	struct page *page;

	if (refuse_too_large(order, flags))
		return NULL;
	r.nr = (unsigned int)(PAGE_ALIGN(size) >> PAGE_SHIFT);
	page = alloc_block(&r, BLOCK_EXACT);
	return page ? page_start(page) : NULL;
}

void *alloc_pages_exact(size_t size, gfp_t flags)
{
	return alloc_pages_exact_nid(NUMA_NO_NODE, size, flags);
}

/* Up to @n single pages in one go, into those entries that are NULL. Returns how many came. */
static unsigned int fill(gfp_t flags, struct page **entries, unsigned int n)
{
	struct kmem_cpu *cpu = cpu_enter_gfp(flags);
	struct page *pages[BULK];
	unsigned int got = 0, i, done = 0;

	if (cpu)
		got = page_alloc_bulk(pages, n, NUMA_NO_NODE, flags);
	for (i = 0; done < got; i++) {
		if (entries[i])
			continue;
		page_block_init(pages[done], BLOCK_PLAIN, 0, 1);
		entries[i] = pages[done++];
	}
	if (cpu)
		cpu_leave(cpu);
	return got;
}

static unsigned int count_empty(struct page **entries, unsigned long n)
{
	unsigned int i, empty = 0;

	for (i = 0; i < n; i++)
		empty += entries[i] == NULL;
	return empty;
}

unsigned long alloc_pages_bulk(gfp_t flags, unsigned long nr_pages, struct page **page_array)
{
	unsigned long i = 0;

	while (i < nr_pages) {
		struct page **entries = page_array + i;
		unsigned long n = min_ul(nr_pages - i, BULK);
		unsigned int empty = count_empty(entries, n);

		if (empty && fill(flags, entries, empty) < empty) {
			while (i < nr_pages && page_array[i])
				i++;
			/*
			 * The last resort of a single request, and the only one to say that it
			 * failed.
			 */
			page_array[i] = alloc_page(flags);
			if (!page_array[i])
				break;
			continue;
		}
		i += n;
	}
	return i;
}

/* ---- Giving back ---- */

/*
 * A block whose last reference is gone. In a signal handler within a slow path it may have to wait
 * for the end of that, as a large block, which is what can wait there.
 */
static void free_block(struct page *head)
{
	unsigned int order = head->order, nr = page_block_fini(head);
	struct kmem_cpu *cpu = cpu_enter();
	struct per_cpu_pages *pcp = cpu ? cpu_pages(cpu) : NULL;

	if (unlikely(!cpu && !kmalloc_may_nest())) {
		large_adopt(head, nr);
		cpu_defer_free(page_start(head));
		return;
	}
	if (nr == 1u << order)
		pcp_free(pcp, head, order);
	else
		zone_free(page_zone(head), head, nr);
	if (cpu)
		cpu_leave(cpu);
}

static void free_tail(struct page *page, unsigned int nr)
{
	struct kmem_cpu *cpu = cpu_enter();

	if (likely(cpu)) {
		zone_free(page_zone(page), page, nr);
		cpu_leave(cpu);
	} else if (kmalloc_may_nest()) {
		zone_free(page_zone(page), page, nr);
	} else {
		large_adopt(page, nr);
		cpu_defer_free(page_start(page));
	}
}

static void put_block(struct page *head)
{
	long left = page_block_put(head);

	if (unlikely(left < 0))
		fault_bad_page(head, "free");
	if (!left)
		free_block(head);
}

void __free_pages(struct page *page, unsigned int order)
{
	unsigned int nr;

	if (unlikely(!page || page_block_head(page) != page))
		fault_bad_page(page, "free");
	if (unlikely(page->kind == BLOCK_EXACT || page->order != order))
		fault_wrong_order(page, order);
	nr = page->nr_pages;
	if (unlikely(page->kind == BLOCK_PLAIN && nr > 1 && READ_ONCE(page->refcount) > 1)) {
		page_block_cut(page);
		free_tail(page + 1, nr - 1);
	}
	put_block(page);
}

/* The page at which a block starts that is to be freed; what is none of ours is told. */
static struct page *page_to_free(const void *addr)
{
	struct page *page = page_at(addr);

	if (unlikely(!page))
		fault_no_page(addr);
	if (unlikely((uintptr_t)addr & ~PAGE_MASK))
		fault_inside_page(addr);
	return page;
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(page_to_free((void *)addr), order);
}

void free_pages_exact(void *addr, size_t size)
{
	struct page *page;

	if (!addr)
		return;
	page = page_to_free(addr);
	if (unlikely(page_block_head(page) != page))
		fault_bad_page(page, "free");
	if (unlikely(page->kind != BLOCK_EXACT || PAGE_ALIGN(size) >> PAGE_SHIFT != page->nr_pages))
		fault_wrong_size("pages", addr, size);
	put_block(page);
}

/* ---- References ---- */

void get_page(struct page *page)
{
	struct page *head = page ? page_block_counter(page) : NULL;

	if (unlikely(!head || page_block_get(head) < 0))
		fault_bad_page(page, "reference");
}

void put_page(struct page *page)
{
	struct page *head = page ? page_block_counter(page) : NULL;

	if (unlikely(!head))
		fault_bad_page(page, "free");
	/*
	 * The pages behind it would be lost. The count first: whoever gave back one of two
	 * references has given back the pages as well by then.
	 */
	if (unlikely(head->kind == BLOCK_PLAIN && smp_load_acquire(&head->refcount) == 1 &&
		     READ_ONCE(head->nr_pages) > 1))
		fault_wrong_order(head, 0);
	put_block(head);
}

int page_count(const struct page *page)
{
	const struct page *head = page_block_counter(page);

	if (head)
		return (int)READ_ONCE(head->refcount);
	if (page_block_head(page) || pcp_holds(page) || zone_page_is_free(page_zone(page), page))
		return 0;
	return 1;
}

/* ---- From the one to the other ---- */

void *page_address(const struct page *page)
{
	return page_start(page);
}

struct page *virt_to_page(const void *addr)
{
	return page_at(addr);
}

unsigned long page_to_pfn(const struct page *page)
{
	return (unsigned long)page_start(page) >> PAGE_SHIFT;
}

struct page *pfn_to_page(unsigned long pfn)
{
	return pfn >> (ADDRESS_BITS - PAGE_SHIFT) ? NULL : page_at((void *)(pfn << PAGE_SHIFT));
}

struct page *nth_page(struct page *page, unsigned long n)
{
	return page + n;
}

unsigned int compound_order(const struct page *page)
{
	const struct page *head = page_block_head(page);

	return head == page && head->kind == BLOCK_COMPOUND ? head->order : 0;
}

struct page *compound_head(const struct page *page)
{
	struct page *head = page_block_head(page);

	return head && head->kind == BLOCK_COMPOUND ? head : (struct page *)page;
}

/* ---- Nodes and zones ---- */

int page_to_nid(const struct page *page)
{
	return page_nid(page);
}

enum zone_type page_zonenum(const struct page *page)
{
	return page_zone(page)->type;
}

int numa_node_id(void)
{
	return (int)numa_own_node();
}

unsigned int num_online_nodes(void)
{
	return nr_zones() / MAX_NR_ZONES;
}

unsigned long nr_free_pages(void)
{
	struct zone_totals sum;

	zones_total(&sum);
	return sum.nr_free;
}

/* All zones that have memory. Written in no slow path: whoever reads may be slow. */
static int print_to(int fd, void (*print)(struct out *out, const struct zone_info *info))
{
	struct zone_info info;
	struct kmem_cpu *cpu;
	struct zone *zone;
	char buf[1024];
	struct out out;

	if (fd < 0)
		return -EBADF;
	out_init(&out, fd, buf, sizeof(buf));
	for (zone = first_zone(); zone; zone = next_zone(zone)) {
		cpu = cpu_enter();
		if (!cpu)
			return -EBUSY;
		zone_get_info(zone, &info);
		cpu_leave(cpu);
		if (info.nr_sections)
			print(&out, &info);
	}
	return out_flush(&out);
}

int buddyinfo_print(int fd)
{
	return print_to(fd, zone_print_buddyinfo);
}

int zoneinfo_print(int fd)
{
	return print_to(fd, zone_print_zoneinfo);
}
