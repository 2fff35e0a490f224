/* SPDX-License-Identifier: MIT */
/* See sheaf.h for what is tried in which order. */
#include "sheaf.h"

#include "cpu.h"
#include "report.h"

#define FIRST_LIMIT    4u
#define MAX_FULL       10u	    /* full sheaves in a barn, */
#define MAX_FULL_BYTES (128u << 10) /* or fewer: bytes of their objects; two at least */
#define MAX_EMPTY      4u

#define SHEAF_POOL(capacity) \
	META_POOL_INIT("sheaf", sizeof(struct sheaf) + (capacity) * sizeof(void *))

/* Capacity falls as objects grow. A sheaf with its head fills whole cache lines. */
static struct {
	unsigned int max_size, capacity;
	struct meta_pool pool;
} sheaf_kinds[] = {
	{ 256, 60, SHEAF_POOL(60) },
	{ 1024, 28, SHEAF_POOL(28) },
	{ 4096, 12, SHEAF_POOL(12) },
	{ ~0u, 4, SHEAF_POOL(4) },
};

void cache_init_sheaves(struct kmem_cache *s)
{
	unsigned int kind = 0, bytes;

	while (s->size > sheaf_kinds[kind].max_size)
		kind++;
	s->sheaf_capacity = (uint16_t)sheaf_kinds[kind].capacity;
	s->sheaf_pool = &sheaf_kinds[kind].pool;
	bytes = s->sheaf_capacity * s->size;
	s->barn.max_full = (unsigned int)max_ul(2, min_ul(MAX_FULL, MAX_FULL_BYTES / bytes));
}

/* ---- Sheaves ---- */

void *const no_sheaf[2];

static struct sheaf *new_sheaf(struct kmem_cache *s)
{
	struct sheaf *sheaf = meta_alloc(s->sheaf_pool);

	if (sheaf) {
		sheaf->capacity = s->sheaf_capacity;
		sheaf->limit = FIRST_LIMIT;
	}
	return sheaf;
}

static void drop_sheaf(struct kmem_cache *s, struct sheaf *sheaf)
{
	KMEM_ASSERT(sheaf->size == 0);
	meta_free(s->sheaf_pool, sheaf);
}

/* ---- Slots ---- */

static void set_main(struct cpu_slot *slot, struct sheaf *sheaf)
{
	slot->main = sheaf;
	WRITE_ONCE(slot->end, sheaf->objects + sheaf->limit);
	WRITE_ONCE(slot->top, sheaf->objects + sheaf->size);
}

static unsigned int main_size(const struct cpu_slot *slot)
{
	return (unsigned int)(slot->top - slot->main->objects);
}

/* Takes main out of the slot, its size written down. */
static struct sheaf *put_main_aside(struct cpu_slot *slot)
{
	struct sheaf *sheaf = slot->main;

	sheaf->size = (uint16_t)main_size(slot);
	return sheaf;
}

static void swap_sheaves(struct cpu_slot *slot)
{
	struct sheaf *aside = put_main_aside(slot), *sheaf = slot->spare;

	if (sheaf->limit < aside->limit)
		sheaf->limit = aside->limit;
	slot->spare = aside;
	set_main(slot, sheaf);
}

static void raise_limit(struct sheaf *sheaf)
{
	unsigned int limit = sheaf->limit * 2u;

	sheaf->limit = (uint16_t)(limit < sheaf->capacity ? limit : sheaf->capacity);
}

unsigned int slot_objects(const struct cpu_slot *slot)
{
	const struct sheaf *sheaf = READ_ONCE(slot->main), *spare = READ_ONCE(slot->spare);
	void **top = READ_ONCE(slot->top);
	unsigned int nr = 0;

	if (!sheaf)
		return 0;
	/* Another thread's slot may change between the loads: then its sizes make no sense. */
	if (top >= sheaf->objects && top <= sheaf->objects + sheaf->capacity)
		nr = (unsigned int)(top - sheaf->objects);
	return nr + (spare ? READ_ONCE(spare->size) : 0);
}

/* ---- Barns ---- */

static struct sheaf *pop_sheaf(struct sheaf **list, unsigned int *nr)
{
	struct sheaf *sheaf = *list;

	if (sheaf) {
		*list = sheaf->next;
		(*nr)--;
	}
	return sheaf;
}

static void push_sheaf(struct sheaf **list, unsigned int *nr, struct sheaf *sheaf)
{
	sheaf->next = *list;
	*list = sheaf;
	(*nr)++;
}

/* A full sheaf for an empty one; NULL, and nothing taken, when there is none. */
static struct sheaf *barn_get_full(struct kmem_cache *s, struct sheaf *empty)
{
	struct barn *barn = &s->barn;
	struct sheaf *full, *surplus = NULL;

	if (!READ_ONCE(barn->nr_full))
		return NULL;
	lock_acquire(&barn->lock);
	full = pop_sheaf(&barn->full, &barn->nr_full);
	if (full) {
		if (barn->nr_empty < MAX_EMPTY)
			push_sheaf(&barn->empty, &barn->nr_empty, empty);
		else
			surplus = empty;
	}
	lock_release(&barn->lock);
	if (surplus)
		drop_sheaf(s, surplus);
	return full;
}

/* An empty sheaf for a full one; NULL, and nothing taken, when the barn is full. */
static struct sheaf *barn_put_full(struct kmem_cache *s, struct sheaf *full)
{
	struct barn *barn = &s->barn;
	struct sheaf *empty;

	if (READ_ONCE(barn->nr_full) >= barn->max_full)
		return NULL;
	lock_acquire(&barn->lock);
	empty = pop_sheaf(&barn->empty, &barn->nr_empty);
	if (empty && barn->nr_full < barn->max_full) {
		push_sheaf(&barn->full, &barn->nr_full, full);
		lock_release(&barn->lock);
		return empty;
	}
	lock_release(&barn->lock);
	if (!empty)
		empty = new_sheaf(s);
	if (!empty)
		return NULL;
	lock_acquire(&barn->lock);
	push_sheaf(&barn->full, &barn->nr_full, full);
	lock_release(&barn->lock);
	return empty;
}

unsigned long barn_objects(struct kmem_cache *s)
{
	const struct sheaf *sheaf;
	unsigned long nr = 0;

	lock_acquire(&s->barn.lock);
	for (sheaf = s->barn.full; sheaf; sheaf = sheaf->next)
		nr += sheaf->size;
	lock_release(&s->barn.lock);
	return nr;
}

void barn_drain(struct kmem_cache *s)
{
	struct barn *barn = &s->barn;
	struct sheaf *sheaf;

	do {
		lock_acquire(&barn->lock);
		sheaf = pop_sheaf(&barn->full, &barn->nr_full);
		if (!sheaf)
			sheaf = pop_sheaf(&barn->empty, &barn->nr_empty);
		lock_release(&barn->lock);
		if (!sheaf)
			break;
		if (sheaf->size)
			slab_free_bulk(s, NULL, sheaf->objects, sheaf->size);
		sheaf->size = 0;
		drop_sheaf(s, sheaf);
	} while (sheaf);
}

/* ---- The slow paths ---- */

/* The newest object is popped first, so the lowest address goes to the top. */
static void reverse(void **objects, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n / 2; i++) {
		void *object = objects[i];

		objects[i] = objects[n - 1 - i];
		objects[n - 1 - i] = object;
	}
}

static bool refill(struct kmem_cpu *cpu, struct kmem_cache *s, struct cpu_slot *slot)
{
	struct sheaf *sheaf = slot->main;
	unsigned int n = slab_alloc_bulk(s, &cpu->pcp, sheaf->objects, sheaf->limit);

	reverse(sheaf->objects, n);
	sheaf->size = (uint16_t)n;
	raise_limit(sheaf);
	set_main(slot, sheaf);
	return n != 0;
}

static bool make_main(struct kmem_cache *s, struct cpu_slot *slot)
{
	struct sheaf *sheaf;

	if (slot->main)
		return true;
	sheaf = new_sheaf(s);
	if (sheaf)
		set_main(slot, sheaf);
	return sheaf;
}

void *sheaf_alloc(struct kmem_cpu *cpu, struct kmem_cache *s)
{
	struct cpu_slot *slot = &cpu->slot[s->index];
	struct sheaf *full;
	void *object = NULL;

	if (!make_main(s, slot)) {
		slab_alloc_bulk(s, &cpu->pcp, &object, 1);
		return object;
	}
	if (slot->spare && slot->spare->size) {
		swap_sheaves(slot);
		return slot_pop(slot);
	}
	full = barn_get_full(s, put_main_aside(slot));
	if (full) {
		set_main(slot, full);
		return slot_pop(slot);
	}
	return refill(cpu, s, slot) ? slot_pop(slot) : NULL;
}

/* Main is full: makes room in it, or in another sheaf that takes its place. */
static void make_room(struct kmem_cpu *cpu, struct kmem_cache *s, struct cpu_slot *slot)
{
	struct sheaf *sheaf = put_main_aside(slot), *empty;

	if (sheaf->limit < sheaf->capacity) {
		raise_limit(sheaf);
		set_main(slot, sheaf);
		return;
	}
	if (!slot->spare)
		slot->spare = new_sheaf(s);
	if (slot->spare && slot->spare->size < slot->spare->capacity / 2) {
		swap_sheaves(slot);
		return;
	}
	empty = barn_put_full(s, sheaf);
	if (empty) {
		empty->limit = empty->capacity;
		set_main(slot, empty);
		return;
	}
	slab_free_bulk(s, &cpu->pcp, sheaf->objects, sheaf->size);
	sheaf->size = 0;
	set_main(slot, sheaf);
}

void sheaf_free(struct kmem_cpu *cpu, struct kmem_cache *s, void *object)
{
	struct cpu_slot *slot = &cpu->slot[s->index];

	if (!make_main(s, slot)) {
		slab_free_bulk(s, &cpu->pcp, &object, 1);
		return;
	}
	make_room(cpu, s, slot);
	slot_push(slot, object);
}

static void flush_sheaf(struct kmem_cpu *cpu, struct kmem_cache *s, struct sheaf *sheaf)
{
	if (sheaf->size)
		slab_free_bulk(s, &cpu->pcp, sheaf->objects, sheaf->size);
	sheaf->size = 0;
	drop_sheaf(s, sheaf);
}

void sheaf_flush_slot(struct kmem_cpu *cpu, struct kmem_cache *s)
{
	struct cpu_slot *slot = &cpu->slot[s->index], was = *slot;

	if (!was.main)
		return;
	put_main_aside(slot);
	slot_init(slot);
	flush_sheaf(cpu, s, was.main);
	if (was.spare)
		flush_sheaf(cpu, s, was.spare);
}

bool slot_is_valid(const struct kmem_cache *s, const struct cpu_slot *slot)
{
	unsigned int i;

	KMEM_ASSERT(slot->top[-1] == NULL || slot->main);
	if (!slot->main)
		return true;
	KMEM_ASSERT(!slot->main->none && slot->main->capacity == s->sheaf_capacity);
	KMEM_ASSERT(slot->main->limit <= slot->main->capacity);
	KMEM_ASSERT(main_size(slot) <= slot->main->capacity);
	for (i = 0; i < main_size(slot); i++)
		KMEM_ASSERT(slot->main->objects[i]);
	if (slot->spare)
		KMEM_ASSERT(!slot->spare->none && slot->spare->size <= slot->spare->capacity);
	return true;
}

bool barn_is_valid(struct kmem_cache *s)
{
	const struct sheaf *sheaf;
	unsigned int nr = 0;

	lock_acquire(&s->barn.lock);
	for (sheaf = s->barn.full; sheaf; sheaf = sheaf->next, nr++)
		KMEM_ASSERT(sheaf->size && !sheaf->none);
	KMEM_ASSERT(nr == s->barn.nr_full);
	for (sheaf = s->barn.empty, nr = 0; sheaf; sheaf = sheaf->next, nr++)
		KMEM_ASSERT(!sheaf->size && !sheaf->none);
	KMEM_ASSERT(nr == s->barn.nr_empty);
	lock_release(&s->barn.lock);
	return true;
}
