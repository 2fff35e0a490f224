/* SPDX-License-Identifier: MIT */
/* See huge.h. */
#include "huge.h"

#include <errno.h>
#include <string.h>

#include "os.h"

#define HUGE_HEAP 10240u /* pages: 40 MiB, twenty huge pages of 2 MiB */
#define LONG_US	  1000u	 /* of CPU time for one: one by one its pages come in less */
#define MAX_PAUSE 64u	 /* steps: 1 GiB */
#define USED_PART 2u	 /* of what was taken so much must be in memory */

enum { HUGE_NEVER, HUGE_MADVISE, HUGE_ALWAYS };

static int huge = HUGE_MADVISE;

static int set_huge(const char *value, size_t len)
{
	static const char *const values[] = { "never", "madvise", "always" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		if (len == strlen(values[i]) && memcmp(value, values[i], len) == 0) {
			huge = (int)i;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct boot_param params[] = {
	{ "transparent_hugepage", set_huge },
};

const struct boot_params huge_params = { params, ARRAY_SIZE(params) };

static void advise(const struct section *s, unsigned int first, unsigned int nr, bool wanted)
{
	os_advise_huge((char *)s->start + ((size_t)first << PAGE_SHIFT), (size_t)nr << PAGE_SHIFT,
		       wanted);
}

/* The first whole huge page of the range, or 0. */
static uintptr_t first_huge_page(const struct section *s, unsigned int first, unsigned int nr)
{
	size_t page = os_page_size(), huge_page = page / sizeof(uint64_t) * page;
	uintptr_t at = align_up(s->start + ((uintptr_t)first << PAGE_SHIFT), huge_page);

	return at + huge_page <= s->start + ((uintptr_t)(first + nr) << PAGE_SHIFT) ? at : 0;
}

static bool fault_takes_long(uintptr_t huge_page)
{
	uint64_t before = os_thread_us();

	os_populate((void *)huge_page, os_page_size());
	return os_thread_us() - before > LONG_US;
}

/* Has one. If it takes long so will others; fewer and fewer are tried then. */
static bool try_first(struct zone *zone, uintptr_t huge_page)
{
	if (!fault_takes_long(huge_page)) {
		zone->huge_pause = 0;
		return true;
	}
	zone->huge_pause = (unsigned int)min_ul(max_ul(2 * zone->huge_pause, 1), MAX_PAUSE);
	zone->huge_skip = zone->huge_pause;
	return false;
}

/*
 * What is to be without is told so, since a system may be set to have them without being asked. A
 * range without a whole one follows the last that had.
 */
static void try_huge(struct zone *zone, struct section *s, unsigned int first, unsigned int nr)
{
	uintptr_t huge_page = first_huge_page(s, first, nr);
	bool wanted = !zone->huge_pause;

	if (huge_page && zone->huge_skip) {
		zone->huge_skip--;
		wanted = false;
	} else if (huge_page) {
		advise(s, first, nr, true);
		wanted = try_first(zone, huge_page);
	}
	if (!huge_page || !wanted)
		advise(s, first, nr, wanted);
	if (wanted)
		smp_store_release(&s->huge, true);
}

/* Of huge pages nothing is to be seen: all of one is in memory. */
static bool small_is_used(const struct zone *zone)
{
	long nr = zone->small_bytes ? os_resident(zone->small, zone->small_bytes) : 0;

	return nr > 0 && (size_t)nr * USED_PART >= zone->small_bytes / os_page_size();
}

/* Whether the next step may have them; else it is the one that is looked at. */
static bool may_be_huge(struct zone *zone)
{
	if (zone->nr_online < HUGE_HEAP)
		return false;
	if (zone->nr_online >= zone->huge_from && zone->nr_online < zone->huge_until)
		return true;
	if (!small_is_used(zone))
		return false;
	zone->huge_from = zone->nr_online;
	zone->huge_until = 2 * zone->nr_online;
	return true;
}

void huge_note_online(struct zone *zone, struct section *s, unsigned int first, unsigned int nr)
{
	if (huge == HUGE_NEVER) {
		advise(s, first, nr, false);
	} else if (huge == HUGE_ALWAYS) {
		advise(s, first, nr, true);
	} else if (may_be_huge(zone)) {
		zone->small_bytes = 0;
		try_huge(zone, s, first, nr);
	} else {
		zone->small = (const char *)s->start + ((size_t)first << PAGE_SHIFT);
		zone->small_bytes = (size_t)nr << PAGE_SHIFT;
	}
}

/*
 * Forgotten before it is withdrawn: what is put online meanwhile, and asks anew, is for the next
 * purge.
 */
void huge_note_purge(struct section *s)
{
	if (READ_ONCE(s->huge) && __atomic_exchange_n(&s->huge, false, __ATOMIC_ACQ_REL))
		advise(s, 0, READ_ONCE(s->nr_online), false);
}
