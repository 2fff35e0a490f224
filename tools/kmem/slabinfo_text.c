/* SPDX-License-Identifier: MIT */
/* See slabinfo_text.h. */
#include "slabinfo_text.h"

#include "tool.h"

#define HEADER_ROOM 512u
#define ROW_ROOM    512u

char *slabinfo_text(struct target *t)
{
	struct caches caches;
	struct out out;
	size_t size, i;
	char *text;

	caches_read(t, &caches);
	size = HEADER_ROOM + caches.nr * ROW_ROOM;
	text = xrealloc(NULL, size, 1);
	out_init(&out, -1, text, size - 1);
	slabinfo_print_header(&out);
	for (i = 0; i < caches.nr; i++)
		slabinfo_print_row(&out, &caches.cache[i].info);
	text[out.len] = '\0';
	caches_free(&caches);
	return text;
}
