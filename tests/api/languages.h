/* SPDX-License-Identifier: MIT */
/*
 * Every public header, and something of each used, in what C11 and C++17 have in common: c11.c and
 * cxx.cc are this text in the two languages, without extensions and without a warning.
 */
#ifndef KMEM_TESTS_LANGUAGES_H
#define KMEM_TESTS_LANGUAGES_H

#include <kmem/current.h>
#include <kmem/gfp.h>
#include <kmem/mempool.h>
#include <kmem/mm.h>
#include <kmem/shrinker.h>
#include <kmem/slab.h>
#include <kmem/slabinfo.h>
#include <kmem/vma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(cond)                                                                      \
	do {                                                                              \
		if (!(cond)) {                                                            \
			fprintf(stderr, "line %d: does not hold: %s\n", __LINE__, #cond); \
			exit(1);                                                          \
		}                                                                         \
	} while (0)

static void use_kmalloc(void)
{
	char *text = kasprintf(GFP_KERNEL, "%d words", 2);

	EXPECT(text && strcmp(text, "2 words") == 0);
	text = (char *)krealloc(text, 1000, GFP_KERNEL | __GFP_NOWARN);
	EXPECT(text && ksize(text) >= 1000);
	kfree(text);
	EXPECT(kmalloc(0, GFP_ATOMIC) == ZERO_SIZE_PTR);
	EXPECT(ZERO_OR_NULL_PTR(NULL));
	kvfree(kvzalloc(100000, GFP_KERNEL));
	vfree(vmalloc(100));
	free(kmalloc(100, GFP_KERNEL));
	kfree(malloc(100));
}

static void use_pages(void)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 1);

	EXPECT(page && page_address(page));
	EXPECT(virt_to_page(page_address(page)) == page);
	__free_pages(page, 1);
	free_pages(__get_free_pages(GFP_KERNEL, get_order(8000)), 1);
}

static void use_mempool(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(2, 100);
	void *element;

	EXPECT(pool);
	element = mempool_alloc(pool, GFP_KERNEL);
	EXPECT(element && mempool_min_nr(pool) == 2);
	mempool_free(element, pool);
	mempool_destroy(pool);
}

static unsigned long count_none(struct shrinker *shrinker, struct shrink_control *sc)
{
	return shrinker && sc->nr_to_scan == 0 ? SHRINK_EMPTY : 1;
}

static unsigned long scan_none(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)shrinker;
	(void)sc;
	return SHRINK_STOP;
}

static void use_shrinker(void)
{
	static struct shrinker classic;
	struct shrinker *shrinker = shrinker_alloc(0, "%s", "languages");

	EXPECT(shrinker);
	shrinker->count_objects = count_none;
	shrinker->scan_objects = scan_none;
	shrinker_register(shrinker);
	memset(&classic, 0, sizeof(classic));
	classic.count_objects = count_none;
	classic.scan_objects = scan_none;
	EXPECT(register_shrinker(&classic) == 0);
	unregister_shrinker(&classic);
	EXPECT(register_shrinker(&classic, "%d", 1) == 0);
	EXPECT(kmem_shrink_all() == 0);
	unregister_shrinker(&classic);
	shrinker_free(shrinker);
}

static void use_address_space(void)
{
	void *object = kmalloc(100, GFP_KERNEL);
	struct vm_area_struct *vma = find_vma(current->mm, (unsigned long)object);

	EXPECT(vma && vma->vm_start <= (unsigned long)object);
	kfree(object);
}

static void use_all(void)
{
	use_kmalloc();
	use_pages();
	use_mempool();
	use_shrinker();
	use_address_space();
}

#endif
