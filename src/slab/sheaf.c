/* SPDX-License-Identifier: MIT */
/* See sheaf.h for what is tried in which order. */
#include "sheaf.h"

#include <string.h>

#include "barn.h"
#include "cpu.h"
#include "fault.h"
#include "kmalloc.h"
#include "limit.h"
#include "report.h"
#include "slab_run.h"

#define FIRST_LIMIT   1u
#define EASY_BYTES    2048u /* of a sheaf's objects, up to which each visit raises its limit */
#define BYTES_A_VISIT 64u   /* beyond: a visit for so much of them, but */
#define MAX_VISITS    32u   /* at most; one that turns from taking to freeing, or back, */
#define TURN	      8u    /* counts for so many */
#define MAX_CROWDS    7u    /* in a CROWD it takes more visits, up to so many times as many, */
#define CROWD_BYTES   (16u << 10) /* and of so many bytes each has its part, */
#define LEAST_BYTES   4096u	  /* or as many, if that is more, */
#define LEAST_LIMIT   2u	  /* and so many objects of any size */
#define SETTLED_BYTES 4096u /* of objects that a slot keeps for another thread in one sheaf; */
#define SETTLED_SPARE 8192u /* in two, where these hold no more when both are full */

#define SHEAF_POOL(capacity) \
	META_POOL_INIT("sheaf", sizeof(struct sheaf) + (capacity) * sizeof(void *))

/*
 * Capacity falls as objects grow. A sheaf with its head fills whole cache lines, but for the last.
 */
static struct {
	unsigned int max_size, capacity;
	struct meta_pool pool;
} sheaf_kinds[] = {
	{ 256, 61, SHEAF_POOL(61) }, { 1024, 29, SHEAF_POOL(29) }, { 16384, 13, SHEAF_POOL(13) },
	{ 65536, 5, SHEAF_POOL(5) }, { ~0u, 2, SHEAF_POOL(2) },
};

/* Pools of the capacities that programs ask for; they stay. Under slab_mutex. */
static struct asked_pool {
	struct asked_pool *next;
	unsigned int capacity;
	struct meta_pool pool;
} * asked_pools;

static struct meta_pool asked_pool_pool = META_POOL_INIT("sheaf pool", sizeof(struct asked_pool));

/* The pool of sheaves of that capacity; NULL when the OS refuses. */
static struct meta_pool *find_pool(unsigned int capacity)
{
	struct asked_pool *asked;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sheaf_kinds); i++)
		if (sheaf_kinds[i].capacity == capacity)
			return &sheaf_kinds[i].pool;
	for (asked = asked_pools; asked; asked = asked->next)
		if (asked->capacity == capacity)
			return &asked->pool;
	asked = meta_alloc(&asked_pool_pool);
	if (!asked)
		return NULL;
	asked->capacity = capacity;
	asked->pool = (struct meta_pool)SHEAF_POOL(capacity);
	asked->next = asked_pools;
	asked_pools = asked;
	return &asked->pool;
}

void cache_init_sheaves(struct kmem_cache *s)
{
	unsigned int kind = 0;

	while (s->size > sheaf_kinds[kind].max_size)
		kind++;
	s->sheaf_pool = s->sheaf_capacity ? find_pool(s->sheaf_capacity) : NULL;
	if (!s->sheaf_pool) {
		s->sheaf_capacity = (uint16_t)sheaf_kinds[kind].capacity;
		s->sheaf_pool = &sheaf_kinds[kind].pool;
	}
	s->slot = (uint16_t)SLOT_OFFSET(s->index == CLASS_ASK ? 0 : s->index);
	cache_limit_barn(s);
}

/* ---- Sheaves ---- */

void *const no_sheaf[2];

struct sheaf *new_sheaf(struct kmem_cache *s)
{
	struct sheaf *sheaf = meta_alloc(s->sheaf_pool);

	if (sheaf) {
		WRITE_ONCE(sheaf->capacity, s->sheaf_capacity);
		sheaf->limit = FIRST_LIMIT;
		WRITE_ONCE(sheaf->size, 0);
		sheaf->visits = 0;
		sheaf->frees = false;
		sheaf->regains = 0;
		sheaf->none = NULL;
	}
	return sheaf;
}

void drop_sheaf(struct kmem_cache *s, struct sheaf *sheaf)
{
	KMEM_ASSERT(sheaf->size == 0);
	meta_free(s->sheaf_pool, sheaf);
}

/* ---- Slots ---- */

/*
 * While a slot's sheaves change hands it is closed: empty for a pop, full for a push, so that a
 * signal handler's malloc or free comes to the slow path and finds the thread busy. Each store
 * leaves the slot in a state that is safe to meet.
 */
static void **take_top(struct cpu_slot *slot)
{
	WRITE_ONCE(slot->end, NULL);
	barrier();
	return (void **)local_exchange((uintptr_t *)&slot->top, (uintptr_t)NO_ROOM);
}

/*
 * Of @places of a hollow sheaf the lower ones are empty: the objects move down. Returns how many.
 */
static __noinline unsigned int fill_hollow(struct sheaf *sheaf, unsigned int places)
{
	unsigned int hollow = sheaf->size;

	memmove(sheaf->objects, sheaf->objects + hollow, (places - hollow) * sizeof(void *));
	return places - hollow;
}

static struct sheaf *close_slot(struct cpu_slot *slot)
{
	struct sheaf *sheaf = slot->main;
	unsigned int n = (unsigned int)(take_top(slot) - sheaf->objects);

	if (unlikely(sheaf->size))
		n = fill_hollow(sheaf, n);
	WRITE_ONCE(sheaf->size, (uint16_t)n);
	return sheaf;
}

static void give_top(struct cpu_slot *slot, struct sheaf *sheaf, void **top)
{
	barrier();
	WRITE_ONCE(slot->top, top);
	barrier();
	WRITE_ONCE(slot->end, sheaf->objects + sheaf->limit);
}

static void open_slot(struct cpu_slot *slot, struct sheaf *sheaf)
{
	void **top = sheaf->objects + sheaf->size;

	WRITE_ONCE(sheaf->size, 0);
	WRITE_ONCE(slot->main, sheaf);
	give_top(slot, sheaf, top);
}

/*
 * Visits until a limit is raised, or 0: it stays as it is. The more bytes of objects would lie
 * idle, the more; and of many threads most wait, with all that they hold.
 */
static unsigned long visits_a_raise(const struct kmem_cache *s, const struct sheaf *sheaf)
{
	unsigned long bytes = (unsigned long)sheaf->limit * s->size, visits;
	unsigned long few, threads;

	_Static_assert(MAX_VISITS * MAX_CROWDS + TURN <= UINT8_MAX, "they are counted in a byte");
	if (2 * bytes <= EASY_BYTES)
		return 1;
	visits = min_ul(bytes / BYTES_A_VISIT, MAX_VISITS);
	few = CROWD * (unsigned long)limits.cpus;
	threads = cpus_count();
	if (likely(threads <= few))
		return visits;
	if (sheaf->limit >= LEAST_LIMIT &&
	    2 * bytes > max_ul(CROWD_BYTES * few / threads, LEAST_BYTES))
		return 0;
	return visits * min_ul(threads / few, MAX_CROWDS);
}

/* Another visit, to take objects or to free some: true when the sheaf may hold more from now on. */
static bool raise_limit(const struct kmem_cache *s, struct sheaf *sheaf, bool frees)
{
	unsigned long limit = sheaf->limit * 2ul, visits;
	bool turned = frees != sheaf->frees;

	sheaf->frees = frees;
	if (sheaf->limit == sheaf->capacity)
		return false;
	visits = visits_a_raise(s, sheaf);
	if (!visits)
		return false;
	if (unlikely(sheaf->regains)) {
		sheaf->regains--;
	} else {
		sheaf->visits = (uint8_t)(sheaf->visits + (turned ? TURN : 1));
		if (sheaf->visits < visits)
			return false;
		sheaf->visits = 0;
	}
	sheaf->limit = (uint16_t)(limit < sheaf->capacity ? limit : sheaf->capacity);
	return true;
}

/* The steps to where the limit is, or was, are noted. */
static void begin_anew(struct sheaf *sheaf)
{
	if (sheaf->limit == sheaf->capacity)
		sheaf->regains = 0;
	for (; sheaf->limit > FIRST_LIMIT; sheaf->limit = (uint16_t)((sheaf->limit + 1) / 2))
		sheaf->regains++;
}

unsigned int slot_objects(const struct cpu_slot *slot)
{
	const struct sheaf *sheaf, *spare;
	unsigned int nr = 0;
	void **top;

	if (!slot || !READ_ONCE(slot->main))
		return 0;
	sheaf = READ_ONCE(slot->main);
	spare = READ_ONCE(slot->spare);
	top = READ_ONCE(slot->top);
	/* Another thread's slot may change between the loads: then its sizes make no sense. */
	if (top >= sheaf->objects && top <= sheaf->objects + READ_ONCE(sheaf->capacity))
		nr = (unsigned int)(top - sheaf->objects);
	nr -= (unsigned int)min_ul(nr, READ_ONCE(sheaf->size));
	return nr + (spare ? READ_ONCE(spare->size) : 0);
}

/* ---- The slow paths ---- */

static void flush_sheaf(struct per_cpu_pages *pcp, struct kmem_cache *s, struct sheaf *sheaf)
{
	if (sheaf->size)
		slab_free_bulk(s, pcp, sheaf->objects, sheaf->size);
	WRITE_ONCE(sheaf->size, 0);
}

/*
 * What the thread's sheaves have of other classes that share slabs goes there. Whether anything
 * did.
 */
static bool flush_sharing(struct kmem_cpu *cpu)
{
	unsigned int class = kmalloc_class(PAGE_SIZE) + 1;
	struct sheaf *sheaf;
	bool any = false;

	for (; class < NR_KMALLOC_CLASSES; class ++) {
		struct cpu_slot *slot = &cpu->slot[class];

		/* The slot of the class that asks is closed: it looks as empty as others. */
		if (!slot->top[-1])
			continue;
		sheaf = close_slot(slot);
		any |= sheaf->size != 0;
		flush_sheaf(cpu->pcp, kmem_caches[class], sheaf);
		open_slot(slot, sheaf);
	}
	return any;
}

/*
 * From shared slabs. What lies in a sheaf is room that others have not: before another slab is
 * begun, be it an empty one, what is idle in the sheaves of other classes goes, which may be room
 * enough. Once for each slab: classes that take turns would take it from each other each time. To
 * give it back may enter the OS.
 */
static unsigned int refill_shared(struct kmem_cpu *cpu, struct kmem_cache *s, struct sheaf *sheaf,
				  gfp_t gfp)
{
	unsigned int most = sheaf->limit;
	unsigned int n = run_alloc_listed(s, cpu->pcp, sheaf->objects, most);

	if (!n && !cpu->gave_way && gfpflags_allow_blocking(gfp)) {
		cpu->gave_way = true;
		if (flush_sharing(cpu))
			n = run_alloc_listed(s, cpu->pcp, sheaf->objects, most);
	}
	if (n)
		return n;
	cpu->gave_way = false;
	return slab_alloc_bulk(s, cpu->pcp, sheaf->objects, most, gfp);
}

static void refill(struct kmem_cpu *cpu, struct kmem_cache *s, struct sheaf *sheaf, gfp_t gfp)
{
	unsigned int n = unlikely(s->units) ?
				 refill_shared(cpu, s, sheaf, gfp) :
				 slab_alloc_bulk(s, cpu->pcp, sheaf->objects, sheaf->limit, gfp);

	WRITE_ONCE(sheaf->size, (uint16_t)n);
	raise_limit(s, sheaf, false);
}

static bool make_main(struct kmem_cache *s, struct cpu_slot *slot, gfp_t gfp)
{
	struct sheaf *sheaf;

	if (slot->main)
		return true;
	/* Memory for it may have to come from the OS. */
	sheaf = gfp & __GFP_DIRECT_RECLAIM ? new_sheaf(s) : NULL;
	if (sheaf)
		open_slot(slot, sheaf);
	return sheaf;
}

/* The empty @sheaf's place is taken by one with objects, if any can be had. */
static struct sheaf *find_objects(struct kmem_cpu *cpu, struct kmem_cache *s, struct cpu_slot *slot,
				  struct sheaf *sheaf, gfp_t gfp)
{
	struct sheaf *full = slot->spare;

	/* A signal handler may have freed something in the meantime. */
	if (sheaf->size)
		return sheaf;
	if (full && full->size) {
		if (full->limit < sheaf->limit)
			full->limit = sheaf->limit;
		WRITE_ONCE(slot->spare, sheaf);
		return full;
	}
	full = cache_has_barn(s) ? barn_get_full(cpu, s, sheaf) : NULL;
	if (full)
		return full;
	if (likely(!s->tracks))
		refill(cpu, s, sheaf, gfp);
	return sheaf;
}

void *sheaf_alloc(struct kmem_cpu *cpu, struct kmem_cache *s, gfp_t gfp)
{
	struct cpu_slot *slot = cache_slot_or_new(cpu, s, gfp);
	void *object = slot ? slot_pop(slot) : NULL;
	struct sheaf *sheaf;

	if (object)
		return object;
	if (!slot || !make_main(s, slot, gfp)) {
		if (!s->tracks)
			slab_alloc_bulk(s, cpu->pcp, &object, 1, gfp);
		return object;
	}
	sheaf = find_objects(cpu, s, slot, close_slot(slot), gfp);
	/* Taken before the slot opens: a signal handler may empty it at once. */
	if (sheaf->size) {
		WRITE_ONCE(sheaf->size, (uint16_t)(sheaf->size - 1));
		object = sheaf->objects[sheaf->size];
	}
	open_slot(slot, sheaf);
	return object;
}

unsigned int sheaf_appetite(struct kmem_cpu *cpu, struct kmem_cache *s, gfp_t gfp)
{
	struct cpu_slot *slot = cache_slot_or_new(cpu, s, gfp);
	unsigned int size, limit;

	if (!slot || !make_main(s, slot, gfp))
		return 1;
	size = slot_objects(slot);
	limit = slot->main->limit;
	if (raise_limit(s, slot->main, false))
		WRITE_ONCE(slot->end, slot->main->objects + slot->main->limit);
	return size < limit ? limit - size : 1;
}

/* The @nr objects that have been in @sheaf for the longest go. */
static void flush_oldest(struct per_cpu_pages *pcp, struct kmem_cache *s, struct sheaf *sheaf,
			 unsigned int nr)
{
	unsigned int left = sheaf->size - nr;

	slab_free_bulk(s, pcp, sheaf->objects, nr);
	memmove(sheaf->objects, sheaf->objects + nr, left * sizeof(*sheaf->objects));
	WRITE_ONCE(sheaf->size, (uint16_t)left);
}

/*
 * The full @sheaf gets room, or its place is taken by one that has some. Without a spare all of it
 * goes, or half, when objects were taken from the slabs just before: they will be again.
 */
static struct sheaf *find_room(struct kmem_cpu *cpu, struct kmem_cache *s, struct cpu_slot *slot,
			       struct sheaf *sheaf)
{
	bool turned = !sheaf->frees;
	struct sheaf *empty;

	/* Or taken something. */
	if (sheaf->size < sheaf->limit)
		return sheaf;
	/* Begun anew within a push, it may have one more than its limit. */
	if (raise_limit(s, sheaf, true) && sheaf->size < sheaf->limit)
		return sheaf;
	if (!slot->spare && sheaf->limit == sheaf->capacity && cache_has_barn(s))
		WRITE_ONCE(slot->spare, new_sheaf(s));
	empty = slot->spare;
	if (!empty) {
		flush_oldest(cpu->pcp, s, sheaf, turned ? (sheaf->size + 1u) / 2 : sheaf->size);
		return sheaf;
	}
	if (empty->size >= empty->capacity / 2) {
		/* Both are full: the older objects go, those freed last stay. */
		empty = empty->size == empty->capacity ? barn_put_full(s, slot->spare) : NULL;
		if (!empty) {
			empty = slot->spare;
			flush_sheaf(cpu->pcp, s, empty);
		}
	}
	WRITE_ONCE(slot->spare, sheaf);
	empty->limit = empty->capacity;
	return empty;
}

void sheaf_free(struct kmem_cpu *cpu, struct kmem_cache *s, void *object)
{
	struct cpu_slot *slot = cache_slot_or_new(cpu, s, GFP_KERNEL);
	bool first = slot && !slot->main;
	struct sheaf *sheaf;

	if (slot && slot_push(slot, object))
		return;
	/* What a thread was handed before it had any of its own lies among another's: see lanes. */
	if (!slot || !make_main(s, slot, GFP_KERNEL) ||
	    (first && slab_lane(s, object) != cpu->pcp->lane)) {
		slab_free_bulk(s, cpu->pcp, &object, 1);
		return;
	}
	if (slot_push(slot, object))
		return;
	sheaf = find_room(cpu, s, slot, close_slot(slot));
	sheaf->objects[sheaf->size] = object;
	WRITE_ONCE(sheaf->size, (uint16_t)(sheaf->size + 1));
	open_slot(slot, sheaf);
}

/* ---- Many at a time ---- */

/* Up to @n of the newest objects of a sheaf that is no open slot's. */
static size_t take_newest(struct sheaf *sheaf, void **objects, size_t n)
{
	size_t some = min_ul(n, sheaf->size);

	WRITE_ONCE(sheaf->size, (uint16_t)(sheaf->size - some));
	memcpy(objects, sheaf->objects + sheaf->size, some * sizeof(*objects));
	return some;
}

static size_t put_newest(struct sheaf *sheaf, unsigned int room, void **objects, size_t n)
{
	size_t some = min_ul(n, room);

	memcpy(sheaf->objects + sheaf->size, objects, some * sizeof(*objects));
	WRITE_ONCE(sheaf->size, (uint16_t)(sheaf->size + some));
	return some;
}

size_t sheaf_alloc_bulk(struct kmem_cpu *cpu, struct kmem_cache *s, void **objects, size_t n)
{
	struct cpu_slot *slot = cache_slot(cpu, s);
	struct sheaf *sheaf, *full;
	size_t got;

	if (!slot || !slot->main)
		return 0;
	sheaf = close_slot(slot);
	got = take_newest(sheaf, objects, n);
	if (got < n && slot->spare)
		got += take_newest(slot->spare, objects + got, n - got);
	while (got < n && !sheaf->size && (full = barn_get_full(cpu, s, sheaf))) {
		sheaf = full;
		got += take_newest(sheaf, objects + got, n - got);
	}
	open_slot(slot, sheaf);
	return got;
}

/* A request for many raises the limit for as long as each visit would. */
size_t sheaf_free_bulk(struct kmem_cpu *cpu, struct kmem_cache *s, void **objects, size_t n)
{
	struct cpu_slot *slot = cache_slot_or_new(cpu, s, GFP_KERNEL);
	struct sheaf *sheaf;
	size_t put;

	if (!slot || !make_main(s, slot, GFP_KERNEL))
		return 0;
	sheaf = close_slot(slot);
	while (sheaf->limit - sheaf->size < (int)min_ul(n, sheaf->capacity) &&
	       raise_limit(s, sheaf, true))
		;
	put = put_newest(sheaf, sheaf->limit > sheaf->size ? sheaf->limit - sheaf->size : 0,
			 objects, n);
	if (put < n && slot->spare)
		put += put_newest(slot->spare, slot->spare->capacity - slot->spare->size,
				  objects + put, n - put);
	open_slot(slot, sheaf);
	return put;
}

/* ---- All of it back ---- */

static void flush_spare(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp)
{
	struct sheaf *spare = slot->spare;

	if (!spare)
		return;
	WRITE_ONCE(slot->spare, NULL);
	flush_sheaf(pcp, s, spare);
	drop_sheaf(s, spare);
}

void slot_flush(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp)
{
	struct sheaf *sheaf;

	if (!slot || !slot->main)
		return;
	sheaf = close_slot(slot);
	WRITE_ONCE(slot->main, NULL);
	flush_sheaf(pcp, s, sheaf);
	drop_sheaf(s, sheaf);
	flush_spare(slot, s, pcp);
}

void slot_hollow(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp)
{
	struct sheaf *sheaf;
	unsigned int first, places;
	void **top;

	if (!slot || !slot->main)
		return;
	flush_spare(slot, s, pcp);
	sheaf = slot->main;
	first = sheaf->size;
	top = take_top(slot);
	places = (unsigned int)(top - sheaf->objects);
	if (places > first + 1) {
		slab_free_bulk(s, pcp, sheaf->objects + first, places - 1 - first);
		memset(sheaf->objects + first, 0, (places - 1 - first) * sizeof(void *));
		WRITE_ONCE(sheaf->size, (uint16_t)(places - 1));
	}
	if (places > first)
		slab_forget_contents(s, top[-1]);
	begin_anew(sheaf);
	give_top(slot, sheaf, top);
}

void slot_settle(struct cpu_slot *slot, struct kmem_cache *s, struct per_cpu_pages *pcp)
{
	struct sheaf *sheaf = slot->main, *spare = slot->spare;
	unsigned int keep;

	if (!sheaf)
		return;
	close_slot(slot);
	sheaf_check_rest(s, sheaf);
	if (2 * sheaf->capacity * s->size > SETTLED_SPARE)
		flush_spare(slot, s, pcp);
	else if (spare)
		sheaf_check_twice(s, spare);
	sheaf->regains = 0;
	while (sheaf->limit > 1 && sheaf->limit * s->size > SETTLED_BYTES)
		sheaf->limit /= 2;
	keep = (unsigned int)min_ul(sheaf->limit, SETTLED_BYTES / s->size);
	if (sheaf->size > keep)
		flush_oldest(pcp, s, sheaf, sheaf->size - keep);
	open_slot(slot, sheaf);
}

void sheaf_flush_slot(struct kmem_cpu *cpu, struct kmem_cache *s)
{
	slot_flush(cache_slot(cpu, s), s, cpu->pcp);
}

bool slot_is_valid(const struct kmem_cache *s, const struct cpu_slot *slot)
{
	unsigned int i, size;

	KMEM_ASSERT(slot->top[-1] == NULL || slot->main);
	if (!slot->main)
		return true;
	KMEM_ASSERT(!slot->main->none && slot->main->capacity == s->sheaf_capacity);
	KMEM_ASSERT(slot->main->limit <= slot->main->capacity);
	size = (unsigned int)(slot->top - slot->main->objects);
	KMEM_ASSERT(size <= slot->main->capacity);
	for (i = 0; i < size; i++)
		KMEM_ASSERT(!slot->main->objects[i] == (i < slot->main->size));
	if (slot->spare)
		KMEM_ASSERT(!slot->spare->none && slot->spare->size <= slot->spare->capacity);
	return true;
}
