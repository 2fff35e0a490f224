/* SPDX-License-Identifier: MIT */
/*
 * See place.h. Slots are handed out from where the kernel itself would map, which is where every
 * tool (sanitizers, valgrind, checkpointing) expects memory to be: downwards from the kernel's own
 * choice, or upwards when that is low already, as under valgrind. A search starts at `hint`, which
 * freed slots move back; beyond `frontier` nothing was placed since the kernel was last asked where
 * to begin.
 */
#include "place.h"

#include <errno.h>

#include "bits.h"
#include "mm.h"
#include "os.h"
#include "report.h"
#include "section.h"

#define TRIES	    64		/* slots tried from the hint on, and again from the lowest on */
#define LOWEST_ADDR (4UL << 30) /* below it live the program, its heap and ZONE_DMA32 */

/* meta_lock, all of it */
static bool upward;
static uintptr_t hint, frontier;
static uintptr_t metadata_next, metadata_end; /* strides of the metadata slot to come */

/*
 * Asks the kernel for room with slack for the alignment, so that the search starts within a hole
 * that is large enough; without slack when memory is limited too tightly to ask for that.
 */
static bool probe(size_t size, size_t align)
{
	uintptr_t addr = mm_probe(size + align), slack = align;

	if (!addr) {
		addr = mm_probe(size);
		slack = 0;
	}
	if (!addr || addr + size + slack > 1UL << ADDRESS_BITS)
		return false;
	upward = addr < 2 * LOWEST_ADDR;
	frontier = upward ? align_up(addr, align) :
			    align_down(addr + slack, align) + (slack ? size : 0);
	hint = frontier;
	return true;
}

/* The candidate after, or before, @from; 0 at the end of the address space. */
static uintptr_t next_candidate(uintptr_t from, size_t size, size_t align)
{
	if (upward) {
		uintptr_t addr = align_up(from, align);

		return addr < from || addr + size > 1UL << ADDRESS_BITS ? 0 : addr;
	}
	return from < size + align + LOWEST_ADDR ? 0 : align_down(from - size, align);
}

/* Tries candidate after candidate from @from on; -EEXIST when all are taken. */
static int search(uintptr_t from, size_t size, size_t align, uintptr_t *found)
{
	int tries, err = -EEXIST;

	for (tries = 0; tries < TRIES && err == -EEXIST; tries++) {
		uintptr_t addr = next_candidate(from, size, align);

		if (!addr)
			return -EEXIST;
		err = mm_reserve_at((void *)addr, size);
		if (err == 0)
			*found = addr;
		from = upward ? addr + 1 : addr + size - 1;
	}
	return err;
}

static uintptr_t reserve_slots(size_t size, size_t align)
{
	uintptr_t found;
	int err;

	if (!frontier && !probe(size, align))
		return 0;
	err = search(hint, size, align, &found);
	if (err == -EEXIST && hint != frontier)
		err = search(frontier, size, align, &found);
	if (err == -EEXIST && probe(size, align))
		err = search(frontier, size, align, &found);
	if (err)
		return 0;
	hint = upward ? align_up(found + size, SECTION_SIZE) : found;
	if (upward ? hint > frontier : hint < frontier)
		frontier = hint;
	return found;
}

void *place_section(size_t size, size_t align)
{
	uintptr_t addr;

	lock_acquire(&meta_lock);
	addr = reserve_slots(size, max_ul(align, SECTION_SIZE));
	lock_release(&meta_lock);
	return (void *)addr;
}

/*
 * From the top downwards, without a hint: there are 63 slots, the first of which, where programs
 * lie that are not position independent, come last.
 */
void *place_section_low(size_t size)
{
	uintptr_t addr = LOWEST_ADDR - SECTION_SIZE;
	int err = -EEXIST;

	KMEM_ASSERT(size <= SECTION_SIZE);
	lock_acquire(&meta_lock);
	for (; addr && err == -EEXIST; addr -= SECTION_SIZE) {
		err = mm_reserve_at((void *)addr, size);
		if (!err)
			break;
	}
	lock_release(&meta_lock);
	return err ? NULL : (void *)addr;
}

int place_unmap(void *addr, size_t size)
{
	uintptr_t start = (uintptr_t)addr, end = align_up(start + size, SECTION_SIZE);
	int err;

	lock_acquire(&meta_lock);
	err = mm_unmap(addr, size);
	if (!err)
		hint = upward ? min_ul(hint, start) : max_ul(hint, end);
	lock_release(&meta_lock);
	return err;
}

/*
 * Reserves the next stride of the metadata slot; the first of a new slot when that is used up, or
 * when something foreign has settled there, since only strides in use are reserved.
 */
static uintptr_t reserve_metadata(size_t size)
{
	uintptr_t addr = metadata_next;

	KMEM_ASSERT(size <= METADATA_STRIDE);
	if (addr == metadata_end || mm_reserve_at((void *)addr, size) != 0) {
		addr = reserve_slots(size, SECTION_SIZE);
		if (!addr)
			return 0;
		metadata_end = addr + SECTION_SIZE;
	}
	metadata_next = addr + METADATA_STRIDE;
	return addr;
}

void *place_metadata(size_t size, const char *name)
{
	size_t whole = META_GUARD + align_up(size, META_GUARD) + META_GUARD;
	uintptr_t addr = reserve_metadata(whole);

	if (!addr)
		return NULL;
	if (mm_commit((char *)addr + META_GUARD, align_up(size, os_page_size()))) {
		/* Address space without access is all that is lost if this is refused, too. */
		if (mm_unmap((void *)addr, whole) == 0)
			metadata_next = addr;
		return NULL;
	}
	mm_name((void *)addr, whole, name);
	return (char *)addr + META_GUARD;
}
