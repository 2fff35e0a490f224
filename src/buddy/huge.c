/* SPDX-License-Identifier: MIT */
/* See huge.h. */
#include "huge.h"

#include <errno.h>
#include <string.h>

#include "os.h"

#define HUGE_HEAP 10240u /* pages: 40 MiB, twenty huge pages of 2 MiB */

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

static void advise(struct section *s, unsigned int first, unsigned int nr, bool wanted)
{
	os_advise_huge((char *)s->start + ((size_t)first << PAGE_SHIFT), (size_t)nr << PAGE_SHIFT,
		       wanted);
	WRITE_ONCE(s->huge, wanted);
}

void huge_note_online(struct zone *zone, struct section *s, unsigned int first, unsigned int nr)
{
	if (huge == HUGE_NEVER)
		advise(s, first, nr, false);
	else if (huge == HUGE_ALWAYS || zone->nr_online >= HUGE_HEAP)
		advise(s, first, nr, true);
}

void huge_note_purge(struct section *s)
{
	if (READ_ONCE(s->huge) && huge != HUGE_ALWAYS)
		advise(s, 0, READ_ONCE(s->nr_online), false);
}
