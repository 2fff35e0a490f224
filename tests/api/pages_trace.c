/* SPDX-License-Identifier: MIT */
/*
 * Random requests of every kind from several threads, with malloc between them. Each page says
 * whose it is, at its start and at its end. Run as it is, with several nodes, and with a system
 * that refuses every so many calls: then a request may fail, and nothing else may happen.
 */
#include <malloc.h>
#include <pthread.h>

#include <kmem/slab.h>

#include "pages.h"

#define THREADS 4
#define BLOCKS	48

enum kind { NONE, ORDER, COMPOUND, EXACT, OBJECT };

struct block {
	enum kind kind;
	char *addr;
	size_t size;
	unsigned int order;
	unsigned int extra; /* references beyond the first */
	unsigned long key;
};

struct worker {
	unsigned long rng;
	struct block block[BLOCKS];
	unsigned long served, refused;
};

static unsigned int below(struct worker *w, unsigned int n)
{
	w->rng = w->rng * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned int)((w->rng >> 33) % n);
}

static unsigned long *word(const struct block *b, size_t page, bool last)
{
	size_t end = b->size - page * PAGE_SIZE < PAGE_SIZE ? b->size - page * PAGE_SIZE :
							      PAGE_SIZE;

	return (unsigned long *)(b->addr + page * PAGE_SIZE + (last ? end - 8 : 0));
}

static void stamp(struct block *b)
{
	size_t page;

	for (page = 0; page * PAGE_SIZE < b->size; page++) {
		*word(b, page, false) = b->key + page;
		*word(b, page, true) = b->key + page;
	}
}

static void expect_stamps(const struct block *b)
{
	size_t page;

	for (page = 0; page * PAGE_SIZE < b->size; page++)
		if (*word(b, page, false) != b->key + page || *word(b, page, true) != b->key + page)
			abort();
}

static gfp_t random_flags(struct worker *w)
{
	static const gfp_t flags[] = {
		GFP_KERNEL,
		GFP_KERNEL,
		GFP_KERNEL | __GFP_ZERO,
		GFP_ATOMIC,
		GFP_NOWAIT,
		GFP_KERNEL | __GFP_NORETRY,
		GFP_KERNEL | __GFP_DMA32,
		GFP_ATOMIC | __GFP_DMA32 | __GFP_ZERO,
		GFP_KERNEL | __GFP_THISNODE,
	};

	return flags[below(w, sizeof(flags) / sizeof(*flags))] | __GFP_NOWARN;
}

static char *ask(struct worker *w, struct block *b, gfp_t flags)
{
	struct page *page;

	switch (b->kind) {
	case EXACT:
		b->size = (1 + below(w, 40)) * PAGE_SIZE;
		return alloc_pages_exact_nid((int)below(w, 4) - 1, b->size, flags);
	case OBJECT:
		b->size = 8 * (1 + below(w, 3000));
		return kmalloc(b->size, GFP_KERNEL | __GFP_NOWARN | (flags & __GFP_ZERO));
	default:
		b->order = below(w, 8) ? below(w, 4) : below(w, 9);
		b->size = PAGE_SIZE << b->order;
		page = alloc_pages_node((int)below(w, 4) - 1,
					flags | (b->kind == COMPOUND ? __GFP_COMP : 0), b->order);
		return page ? page_address(page) : NULL;
	}
}

static void take(struct worker *w, struct block *b)
{
	gfp_t flags = random_flags(w);

	b->kind = (enum kind)(ORDER + below(w, 4));
	b->extra = 0;
	b->key = w->rng;
	b->addr = ask(w, b, flags);
	if (!b->addr) {
		b->kind = NONE;
		w->refused++;
		return;
	}
	w->served++;
	if ((flags & __GFP_ZERO) && !is_zero(b->addr, b->size))
		abort();
	if ((flags & __GFP_DMA32) && b->kind != OBJECT &&
	    (unsigned long)b->addr + b->size > 1UL << 32)
		abort();
	stamp(b);
}

static void give(struct worker *w, struct block *b)
{
	expect_stamps(b);
	if (b->kind == OBJECT) {
		kfree(b->addr);
	} else if (b->kind == COMPOUND && b->extra < 3 && below(w, 2)) {
		get_page(virt_to_page(b->addr + below(w, (unsigned int)b->size)));
		b->extra++;
		return;
	} else if (b->extra) {
		put_page(virt_to_page(b->addr + below(w, (unsigned int)b->size)));
		b->extra--;
		return;
	} else if (b->kind == EXACT) {
		free_pages_exact(b->addr, b->size);
	} else {
		free_pages((unsigned long)b->addr, b->order);
	}
	b->kind = NONE;
}

/* Single pages in bulk, and all of them back at once. */
static void bulk(struct worker *w)
{
	struct page *pages[50] = { NULL };
	unsigned long n = alloc_pages_bulk(random_flags(w), 50, pages), i;

	for (i = 0; i < 50; i++)
		if ((pages[i] != NULL) != (i < n))
			abort();
	for (i = 0; i < n; i++) {
		*(unsigned long *)page_address(pages[i]) = i;
		if (page_count(pages[i]) != 1)
			abort();
	}
	for (i = 0; i < n; i++) {
		if (*(unsigned long *)page_address(pages[i]) != i)
			abort();
		__free_page(pages[i]);
	}
}

static void *work(void *arg)
{
	unsigned int i,
		steps = getenv("PAGES_STEPS") ? (unsigned)atoi(getenv("PAGES_STEPS")) : 8000;
	struct worker *w = arg;

	for (i = 0; i < steps; i++) {
		struct block *b = &w->block[below(w, BLOCKS)];

		if (b->kind == NONE)
			take(w, b);
		else
			give(w, b);
		if (below(w, 200) == 0)
			bulk(w);
		if (below(w, 2000) == 0)
			malloc_trim(0);
	}
	for (i = 0; i < BLOCKS; i++)
		while (w->block[i].kind != NONE)
			give(w, &w->block[i]);
	return NULL;
}

static struct worker workers[THREADS];

static void random_requests(void **state)
{
	bool refuses = getenv("KMEM_OPTIONS") && strstr(getenv("KMEM_OPTIONS"), "fail_os");
	unsigned long before = mallinfo2().uordblks, served = 0, refused = 0;
	pthread_t threads[THREADS];
	unsigned int i, made = 0;

	(void)state;
	for (i = 0; i < THREADS; i++) {
		workers[i].rng = i;
		/* refused a stack's own memory, a thread is one fewer */
		made += pthread_create(&threads[made], NULL, work, &workers[i]) == 0;
	}
	for (i = 0; i < made; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < THREADS; i++) {
		served += workers[i].served;
		refused += workers[i].refused;
	}
	print_message("             %lu served, %lu refused\n", served, refused);
	assert_true(served > 0);
	/* what the threads' ends could not give back they do at a trim */
	malloc_trim(0);
	if (!refuses)
		assert_in_range(mallinfo2().uordblks, 0, before + 8192);
}

/* ---- In a handler ---- */

/*
 * A system call of the library is a place within a slow path. What a signal handler does there must
 * work or be refused; what it frees must not be lost.
 */
static struct page *held[64];
static unsigned int nr_held, nr_got, nr_refused, nr_signals;

#define SIGNALS	  300 /* one at each call for ever would always leave a purge more to do */
#define AT_A_TIME 8   /* that free two blocks each: one slow path keeps 16 for later */

static void in_a_handler(void)
{
	struct page *page;

	if (nr_got + nr_refused == SIGNALS || nr_signals++ >= AT_A_TIME)
		return;
	page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, nr_got % 3);
	if (page) {
		*(char *)page_address(page) = 1;
		__free_pages(page, nr_got % 3);
		nr_got++;
	} else {
		nr_refused++;
	}
	if (nr_held) {
		nr_held--;
		if (nr_held % 2)
			__free_pages(held[nr_held], 3);
		else
			put_page(held[nr_held]);
	}
	get_page(held[0]);
	put_page(held[0]);
}

static void what_a_handler_does_within_a_slow_path(void **state)
{
	struct page *grown[64];
	unsigned int i, n = 64;
	size_t used;

	(void)state;
	malloc_trim(0);
	for (i = 0; i < n; i++)
		held[i] = alloc_pages(GFP_KERNEL | __GFP_NOFAIL | (i % 2 ? 0 : __GFP_COMP), 3);
	get_page(held[0]);
	nr_held = n;
	used = mallinfo2().uordblks;
	interrupt = in_a_handler;
	for (i = 0; i < 64; i++, nr_signals = 0)
		grown[i] = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 10);
	for (i = 0; i < 64; i++, nr_signals = 0)
		__free_pages(grown[i], 10);
	malloc_trim(0);
	interrupt = NULL;
	assert_true(nr_got + nr_refused >= 10);
	print_message("             %u served, %u refused, %u freed\n", nr_got, nr_refused,
		      n - nr_held);
	while (nr_held) {
		nr_held--;
		__free_pages(held[nr_held], 3);
	}
	assert_int_equal(page_count(held[0]), 1);
	put_page(held[0]);
	assert_int_equal(mallinfo2().uordblks, used - n * 8 * PAGE_SIZE);
	for (i = 1; i < n; i++)
		assert_int_equal(page_count(held[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_requests),
		cmocka_unit_test(what_a_handler_does_within_a_slow_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
