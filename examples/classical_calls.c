/* SPDX-License-Identifier: MIT */
/*
 * classical_calls - pages, caches and areas by the calls that teaching material writes.
 *
 * Apart from the include line, this is how books on Linux 2.4 and 2.6 write it: a cache from six
 * arguments with a constructor and a destructor, eight pages by address, four by struct page, one
 * that is zeroed; a search among the areas, one mapped and one unmapped.
 *
 *      by address     unsigned long addr = __get_free_pages(gfp, 3);     free_pages(addr, 3);
 *                          |   ^
 *            virt_to_page  v   |  page_address
 *      by page        struct page *page = alloc_pages(gfp, 3);           __free_pages(page, 3);
 */
#include <kmem/current.h>
#include <kmem/mm.h>
#include <kmem/slab.h>
#include "lecture.h"

/* ---- A cache, as it was created until Linux 2.6.23 ---- */

struct my_struct {
	int state;
	char name[28];
};

static int constructed, destroyed;

static void my_ctor(void *p, kmem_cache_t *cachep, unsigned long flags)
{
	(void)cachep;
	if (flags & SLAB_CTOR_CONSTRUCTOR) {
		((struct my_struct *)p)->state = 42;
		constructed++;
	}
}

static void my_dtor(void *p, kmem_cache_t *cachep, unsigned long flags)
{
	(void)p, (void)cachep, (void)flags;
	destroyed++;
}

static void a_cache(void)
{
	kmem_cache_t *my_cachep;
	struct my_struct *p, *q;

	printf("kmem_cache_create(name, size, align, flags, ctor, dtor)\n");
	my_cachep = kmem_cache_create("my_struct", sizeof(struct my_struct), 0, SLAB_HWCACHE_ALIGN,
				      my_ctor, my_dtor);
	MUST(my_cachep != NULL);
	p = kmem_cache_alloc(my_cachep, GFP_KERNEL);
	MUST(p != NULL);
	CLAIM(p->state == 42 && constructed >= 1, "the object comes constructed");
	CLAIM((uintptr_t)p % 32 == 0, "and aligned to the line that it shares, or has: %p",
	      (void *)p);
	CLAIM(kmem_cache_destroy(my_cachep) != 0, "kmem_cache_destroy returns an int: not yet");
	kmem_cache_free(my_cachep, p);
	q = kmem_cache_alloc(my_cachep, GFP_ATOMIC);
	CLAIM(q == p, "GFP_ATOMIC: from what the cache holds, and that is the object of before");
	kmem_cache_free(my_cachep, q);
	CLAIM(kmem_cache_destroy(my_cachep) == 0, "and now it is gone");
	CLAIM(destroyed == constructed, "each of %d constructed objects was destroyed",
	      constructed);
}

/* ---- Pages ---- */

static void pages_by_address(void)
{
	unsigned long addr = __get_free_pages(GFP_KERNEL, 3), zeroed;
	bool zero = true;

	printf("\n__get_free_pages(GFP_KERNEL, 3)\n");
	MUST(addr != 0);
	CLAIM(addr % (8 * PAGE_SIZE) == 0, "8 pages, aligned to 8 pages: 0x%lx", addr);
	memset((void *)addr, 1, 8 * PAGE_SIZE);
	free_pages(addr, 3);
	zeroed = get_zeroed_page(GFP_KERNEL);
	MUST(zeroed != 0);
	for (unsigned long i = 0; i < PAGE_SIZE; i++)
		zero &= !((char *)zeroed)[i];
	CLAIM(zero, "get_zeroed_page: one page of zeros, whoever had it before");
	free_page(zeroed);
}

static void pages_by_struct(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	char *addr;

	printf("\nalloc_pages(GFP_KERNEL, 2)\n");
	MUST(page != NULL);
	addr = page_address(page);
	CLAIM(virt_to_page(addr) == page, "page_address and virt_to_page are each other's inverse");
	CLAIM(page_to_pfn(virt_to_page(addr + PAGE_SIZE)) == page_to_pfn(page) + 1,
	      "the next page has the next page frame number");
	CLAIM(page_count(page) == 1, "one reference: the caller's");
	__free_pages(page, 2);
}

/* ---- Areas ---- */

static void areas(void)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma, *prev;
	unsigned long addr;

	printf("\ndo_mmap, find_vma, do_munmap\n");
	addr = do_mmap(NULL, 0, 5 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       0);
	MUST(!IS_ERR_VALUE(addr));
	vma = find_vma(mm, addr);
	CLAIM(vma && vma->vm_start <= addr && vma->vm_end >= addr + 5 * PAGE_SIZE,
	      "find_vma: the area that the address is in");
	CLAIM((vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)) == (VM_READ | VM_WRITE),
	      "its rights are those that were asked for");
	MUST(do_munmap(mm, addr + 2 * PAGE_SIZE, PAGE_SIZE) == 0);
	vma = find_vma_prev(mm, addr + 2 * PAGE_SIZE, &prev);
	CLAIM(prev->vm_end == addr + 2 * PAGE_SIZE && vma->vm_start == addr + 3 * PAGE_SIZE,
	      "a page unmapped in the middle: find_vma_prev finds both sides");
	CLAIM(!find_vma_intersection(mm, addr + 2 * PAGE_SIZE, addr + 3 * PAGE_SIZE),
	      "and find_vma_intersection nothing in between");
	MUST(do_munmap(mm, addr, 5 * PAGE_SIZE) == 0);
}

int main(void)
{
	lecture("The classical calls");
	a_cache();
	pages_by_address();
	pages_by_struct();
	areas();
	return 0;
}
