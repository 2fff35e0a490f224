/* SPDX-License-Identifier: MIT */
/*
 * kmem/mm.h - pages, as the kernel's page allocator hands them out, and the address space.
 *
 * A page is PAGE_SIZE bytes, whatever the OS page is. Blocks of 1 << order pages come from the
 * buddy allocator that also feeds slabs and malloc in this process, are aligned to their length up
 * to 64 MiB, and go back by the functions below: free() and kfree() of one are faults. Each page is
 * described by a struct page, whose members are the library's own. The address space is in
 * kmem/vma.h, which this header includes.
 *
 * A block has a reference count: 1 at first, get_page() adds one, put_page(), __free_pages() and
 * free_pages() take one away, and the last one frees the block. With __GFP_COMP the block is
 * compound: a reference to any of its pages is one to all of it. Without, only its first page
 * counts.
 *
 * Flags, see kmem/gfp.h: without __GFP_DIRECT_RECLAIM (GFP_ATOMIC, GFP_NOWAIT) a request is met
 * from memory the library holds, or fails. Otherwise one that fails gets
 * caches given back and is tried again, but with __GFP_NORETRY; with __GFP_NOFAIL for ever. What
 * fails is reported on stderr, a few lines in some seconds, but with __GFP_NOWARN. An order above
 * MAX_ORDER fails always, and so does __GFP_THISNODE with a node that is not there.
 *
 * Unless said otherwise a function may be called from any thread, also from a thread's exit
 * handlers and in a child of fork. In a signal handler that interrupted an allocation of its own
 * thread, requests may fail that otherwise would not, those with __GFP_NOFAIL included. errno is
 * kept by all functions that free, and says nothing after one that fails.
 *
 * A wrong order, a block that is freed twice, and an address or a struct page that no block starts
 * at end the program with a one-line report.
 */
#ifndef KMEM_PUBLIC_MM_H
#define KMEM_PUBLIC_MM_H

#include <kmem/gfp.h>
#include <kmem/vma.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Sizes ---- */

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1UL << PAGE_SHIFT) /* bytes: 4096 */
#endif
#define PAGE_MASK (~(PAGE_SIZE - 1))

/* The largest order there is: 64 MiB. Kernel: 10 as a rule. */
#ifndef MAX_ORDER
#define MAX_ORDER 14
#endif

/* An address or a size, rounded up or down to a multiple of PAGE_SIZE. */
#define PAGE_ALIGN(addr)      (((unsigned long)(addr) + PAGE_SIZE - 1) & PAGE_MASK)
#define PAGE_ALIGN_DOWN(addr) ((unsigned long)(addr)&PAGE_MASK)

/* The least order whose blocks have room for @size bytes; @size is not 0. Kernel: get_order(). */
static inline unsigned int get_order(unsigned long size)
{
	unsigned long pages = (size - 1) >> PAGE_SHIFT;

	return pages ? 64u - (unsigned int)__builtin_clzl(pages) : 0;
}

/* ---- Taking pages ---- */

struct page;

/*
 * A block of 1 << @order pages of the calling thread's node, or else another: its first page, or
 * NULL. Kernel: alloc_pages(), alloc_page().
 */
struct page *alloc_pages(gfp_t flags, unsigned int order) KMEM_SYMBOL(alloc_pages);
#define alloc_page(flags) alloc_pages(flags, 0)

/* As alloc_pages(), from node @nid first; NUMA_NO_NODE is the thread's own. Kernel: the same. */
struct page *alloc_pages_node(int nid, gfp_t flags, unsigned int order)
	KMEM_SYMBOL(alloc_pages_node);

/*
 * As alloc_pages(): the address of the memory, or 0. get_zeroed_page() is one page that reads as
 * zero. Kernel: the same.
 */
unsigned long __get_free_pages(gfp_t flags, unsigned int order) KMEM_SYMBOL(__get_free_pages);
unsigned long get_zeroed_page(gfp_t flags) KMEM_SYMBOL(get_zeroed_page);
#define __get_free_page(flags) __get_free_pages(flags, 0)

/*
 * @size bytes, rounded up to whole pages and no further: what the block has beyond is free at once.
 * Physically the pages of a kernel's block are contiguous; here the addresses are. NULL when
 * refused, for a size of 0, and past 64 MiB. The pages are one block to get_page() and put_page().
 * Goes back by free_pages_exact(). Kernel: alloc_pages_exact(), alloc_pages_exact_nid().
 */
void *alloc_pages_exact(size_t size, gfp_t flags) KMEM_SYMBOL(alloc_pages_exact);
void *alloc_pages_exact_nid(int nid, size_t size, gfp_t flags) KMEM_SYMBOL(alloc_pages_exact_nid);

/*
 * Fills those of the @nr_pages entries of @page_array that are NULL with single pages, from the
 * front. Returns how many entries, from the first one on, are not NULL then: @nr_pages, or fewer
 * when memory ran out. Takes less time for each page than alloc_page(). Kernel: alloc_pages_bulk().
 */
unsigned long alloc_pages_bulk(gfp_t flags, unsigned long nr_pages, struct page **page_array)
	KMEM_SYMBOL(alloc_pages_bulk);

/* ---- Giving them back ---- */

/*
 * Takes away a reference to the block at @page, or at @addr, which has 1 << @order pages; the last
 * one frees it. When others are left, a block that is not compound loses all pages but its first.
 * Address 0 is nothing to free. Kernel: the same.
 */
void __free_pages(struct page *page, unsigned int order) KMEM_SYMBOL(__free_pages);
void free_pages(unsigned long addr, unsigned int order) KMEM_SYMBOL(free_pages);
#define __free_page(page) __free_pages(page, 0)
#define free_page(addr)	  free_pages(addr, 0)

/* The same for a block of alloc_pages_exact(@size). NULL is nothing to free. Kernel: the same. */
void free_pages_exact(void *addr, size_t size) KMEM_SYMBOL(free_pages_exact);

/* ---- References ---- */

/*
 * One reference more. @page is the first one of a block, or any one of a compound block; a page
 * that nobody holds is a fault. Kernel: get_page().
 */
void get_page(struct page *page) KMEM_SYMBOL(get_page);

/* One reference less: the last one frees the block. Kernel: put_page(). */
void put_page(struct page *page) KMEM_SYMBOL(put_page);

/*
 * References to the page: its block's, if it is one; 0 when it is free, or in a block whose first
 * page counts; 1 when it is a slab's or malloc's. Another thread may change it at once. Kernel:
 * page_count().
 */
int page_count(const struct page *page) KMEM_SYMBOL(page_count);

/* ---- From the one to the other ---- */

/* The address of the page's memory. Kernel: page_address(). */
void *page_address(const struct page *page) KMEM_SYMBOL(page_address);

/*
 * The page that @addr lies in. NULL when it is none of the library's: on the stack, in static data,
 * in a block so large that it has a mapping of its own (vmalloc areas have no struct page here).
 * Slab objects and malloc's blocks have pages as well. Kernel: virt_to_page(), which asks for a
 * valid one.
 */
struct page *virt_to_page(const void *addr) KMEM_SYMBOL(virt_to_page);

/*
 * Page frames are numbered by virtual address in a process: the number is the address >>
 * PAGE_SHIFT. Which frame of the machine's memory lies behind it is the OS's affair
 * (/proc/self/pagemap). pfn_to_page() of a number that is none of the library's is NULL. Kernel:
 * the same names.
 */
unsigned long page_to_pfn(const struct page *page) KMEM_SYMBOL(page_to_pfn);
struct page *pfn_to_page(unsigned long pfn) KMEM_SYMBOL(pfn_to_page);

/* The page @n pages behind @page, in the same block: instead of page + n. Kernel: nth_page(). */
struct page *nth_page(struct page *page, unsigned long n) KMEM_SYMBOL(nth_page);

/*
 * The order of a compound block, asked of its first page; 0 for any other page. Kernel: the same.
 */
unsigned int compound_order(const struct page *page) KMEM_SYMBOL(compound_order);

/* The first page of the compound block that @page lies in, or @page itself. Kernel: the same. */
struct page *compound_head(const struct page *page) KMEM_SYMBOL(compound_head);

/* ---- Nodes and zones ---- */

/*
 * The node and the zone of a page, and the node of the processor that the caller runs on. There is
 * one node, 0, on most machines; `numa=fake=N` makes more. Kernel: page_to_nid(), page_zonenum(),
 * numa_node_id(), num_online_nodes().
 */
int page_to_nid(const struct page *page) KMEM_SYMBOL(page_to_nid);
enum zone_type page_zonenum(const struct page *page) KMEM_SYMBOL(page_zonenum);
int numa_node_id(void) KMEM_SYMBOL(numa_node_id);
unsigned int num_online_nodes(void) KMEM_SYMBOL(num_online_nodes);

/*
 * Free pages in all zones: what requests are met from before memory grows. Kernel: nr_free_pages().
 */
unsigned long nr_free_pages(void) KMEM_SYMBOL(nr_free_pages);

/*
 * Writes what the kernel shows in /proc/buddyinfo, or in /proc/zoneinfo, to the file @fd: for each
 * zone that has memory, how many free blocks of each order there are, or its sizes in pages. In
 * zoneinfo "spanned" is reserved addresses, "present" and "managed" memory to be used, nr_dirty
 * free pages that still cost memory; the watermarks are 0. 0, or the negative errno of a write that
 * failed; -EBUSY with mmap_read_lock() held or in a signal handler that interrupted the library.
 */
int buddyinfo_print(int fd) KMEM_SYMBOL(buddyinfo_print);
int zoneinfo_print(int fd) KMEM_SYMBOL(zoneinfo_print);

#ifdef __cplusplus
}
#endif

#endif
