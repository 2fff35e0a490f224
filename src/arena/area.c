/* SPDX-License-Identifier: MIT */
/* See area.h. */
#include "area.h"

#include <errno.h>
#include <string.h>

#include "mm.h"
#include "os.h"
#include "report.h"

/* All under section_lock. */
static struct list_head spare_areas = LIST_HEAD_INIT(spare_areas);
static struct list_head stuck_areas = LIST_HEAD_INIT(stuck_areas);
static size_t nr_stuck;
static size_t live_bytes, live_areas; /* relaxed atomics */

static struct meta_pool area_pool = META_POOL_INIT("area", sizeof(struct section));

static void account(long areas, long bytes)
{
	__atomic_fetch_add(&live_areas, (size_t)areas, __ATOMIC_RELAXED);
	__atomic_fetch_add(&live_bytes, (size_t)bytes, __ATOMIC_RELAXED);
}

size_t area_bytes(void)
{
	return READ_ONCE(live_bytes);
}

size_t area_count(void)
{
	return READ_ONCE(live_areas);
}

bool area_is_stuck(const struct section *s)
{
	return READ_ONCE(s->nr_free) != 0;
}

static struct section *new_area_descriptor(void)
{
	struct section *s = NULL;

	lock_acquire(&section_lock);
	if (!list_empty(&spare_areas)) {
		s = list_first_entry(&spare_areas, struct section, list);
		list_del(&s->list);
	}
	lock_release(&section_lock);
	if (!s)
		s = meta_alloc(&area_pool);
	if (s) {
		s->type = SECTION_AREA;
		WRITE_ONCE(s->vmalloc, false);
		WRITE_ONCE(s->nr_free, 0);
		list_init(&s->list);
	}
	return s;
}

static void keep_area_descriptor(struct section *s)
{
	lock_acquire(&section_lock);
	list_add(&s->list, &spare_areas);
	lock_release(&section_lock);
}

/* Unmaps what @s describes: true when it is gone. */
static bool unmap_area(struct section *s)
{
	section_leave(s->start, s->bytes);
	if (place_unmap((void *)s->start, s->bytes) == 0) {
		keep_area_descriptor(s);
		return true;
	}
	section_enter(s, s->start, s->bytes);
	return false;
}

static void add_stuck(struct section *s)
{
	lock_acquire(&section_lock);
	WRITE_ONCE(s->nr_free, 1);
	list_add_tail(&s->list, &stuck_areas);
	WRITE_ONCE(nr_stuck, nr_stuck + 1);
	lock_release(&section_lock);
}

/* The memory can be given up even while the addresses cannot. */
static void keep_stuck(struct section *s)
{
	static bool said;

	if (os_purge((void *)s->start, s->bytes) &&
	    !__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		kmem_report("the OS takes neither pages nor addresses of 0x%lx back",
			    (unsigned long)s->start);
	add_stuck(s);
}

static void retry_stuck(void)
{
	struct section *s = NULL;

	if (likely(!READ_ONCE(nr_stuck)))
		return;
	lock_acquire(&section_lock);
	if (!list_empty(&stuck_areas)) {
		s = list_first_entry(&stuck_areas, struct section, list);
		list_del(&s->list);
		WRITE_ONCE(nr_stuck, nr_stuck - 1);
	}
	lock_release(&section_lock);
	if (s && !unmap_area(s))
		add_stuck(s);
}

static void enter_area(struct section *s, void *start, size_t bytes)
{
	mm_name(start, bytes, "kmem area");
	s->start = (uintptr_t)start;
	s->bytes = bytes;
	section_enter(s, s->start, bytes);
	account(1, (long)bytes);
}

/* Reserved addresses with a descriptor, not yet entered; the caller puts memory there. */
static struct section *reserve_area(size_t bytes, size_t align)
{
	struct section *s = new_area_descriptor();

	if (!s)
		return NULL;
	s->bytes = bytes;
	s->start = (uintptr_t)place_section(bytes, align);
	if (s->start)
		return s;
	keep_area_descriptor(s);
	return NULL;
}

/* An area that came to nothing, or to its end. */
static void drop_area(struct section *s)
{
	if (!unmap_area(s))
		keep_stuck(s);
}

/* After a refused move: what is still recorded there is ours. */
static void drop_target(void *to, size_t bytes)
{
	if (place_unmap(to, bytes) != 0)
		kmem_report("the OS does not take the addresses 0x%lx back", (unsigned long)to);
}

/*
 * Whether the OS would let us have @bytes at the reserved @to. Asked before a move, where a refusal
 * would leave open whose the target is; the move replaces what is given here.
 */
static bool may_have(void *to, size_t bytes)
{
	return mm_commit(to, bytes) == 0;
}

void *area_alloc(size_t bytes, size_t align)
{
	struct section *s;

	retry_stuck();
	bytes = align_up(bytes, os_page_size());
	s = reserve_area(bytes, align);
	if (!s)
		return NULL;
	if (mm_commit((void *)s->start, bytes)) {
		drop_area(s);
		return NULL;
	}
	enter_area(s, (void *)s->start, bytes);
	return (void *)s->start;
}

int area_free(struct section *s, const void *addr)
{
	retry_stuck();
	if (__atomic_exchange_n(&s->nr_free, 1, __ATOMIC_ACQ_REL))
		return -EINVAL;
	/* A descriptor freed by another thread may describe another area by now. */
	if (s->start != (uintptr_t)addr) {
		WRITE_ONCE(s->nr_free, 0);
		return -EINVAL;
	}
	account(-1, -(long)s->bytes);
	drop_area(s);
	return 0;
}

static void shrink_area(struct section *s, size_t bytes)
{
	char *tail = (char *)s->start + bytes;
	size_t gone = s->bytes - bytes;
	uintptr_t next_slot = align_up((uintptr_t)tail, SECTION_SIZE);
	uintptr_t end = s->start + s->bytes;

	/* As when a whole area goes: out of the table before the addresses can be another's. */
	if (next_slot < end)
		section_leave(next_slot, end - next_slot);
	if (mm_unmap(tail, gone)) {
		section_enter(s, s->start, s->bytes);
		return;
	}
	WRITE_ONCE(s->bytes, bytes);
	account(0, -(long)gone);
}

static bool grow_in_place(struct section *s, size_t bytes)
{
	size_t old = s->bytes;

	if (mm_extend((void *)s->start, old, bytes))
		return false;
	WRITE_ONCE(s->bytes, bytes);
	section_enter(s, s->start, bytes);
	account(0, (long)(bytes - old));
	return true;
}

void *area_adopt(void *from, size_t old_bytes, size_t bytes)
{
	struct section *s;
	char *to;
	int err;

	bytes = align_up(bytes, os_page_size());
	if (bytes <= old_bytes)
		return NULL;
	s = reserve_area(bytes, SECTION_SIZE);
	if (!s)
		return NULL;
	to = (char *)s->start;
	if (!may_have(to, bytes) || mm_unmap(to + old_bytes, bytes - old_bytes)) {
		drop_area(s);
		return NULL;
	}
	s->bytes = old_bytes;
	err = mm_move(from, old_bytes, to);
	if (err) {
		drop_target(to, old_bytes);
		keep_area_descriptor(s);
		return NULL;
	}
	if (mm_extend(to, old_bytes, bytes)) {
		/*
		 * Another thread's mapping may have slipped in behind; @from is ours still, and
		 * zero.
		 */
		memcpy(from, to, old_bytes);
		drop_area(s);
		return NULL;
	}
	enter_area(s, to, bytes);
	return to;
}

static void *move_area(struct section *s, size_t bytes)
{
	void *to = place_section(bytes, SECTION_SIZE);
	void *from = (void *)s->start;
	size_t old = s->bytes;
	int err;

	if (!to)
		return NULL;
	if (!may_have(to, bytes)) {
		drop_target(to, bytes);
		return NULL;
	}
	section_leave(s->start, old);
	err = mm_move_grow(from, old, to, bytes);
	if (err) {
		section_enter(s, s->start, old);
		drop_target(to, bytes);
		return NULL;
	}
	account(-1, -(long)old);
	enter_area(s, to, bytes);
	return to;
}

void *area_resize(struct section *s, size_t bytes)
{
	bytes = align_up(bytes, os_page_size());
	if (bytes < s->bytes)
		shrink_area(s, bytes);
	if (bytes <= s->bytes || grow_in_place(s, bytes))
		return (void *)s->start;
	return move_area(s, bytes);
}
