/* SPDX-License-Identifier: MIT */
/* Below wrapper.c: blocks grow, shrink and move, and each is freed by who allocated it. */
#include "outside.h"

int main(void)
{
	for (size_t size = 1; size < 3 * MIB; size = size * 5 / 4 + 7) {
		unsigned char *p = malloc(size);

		CHECK(p, "no memory");
		fill(p, size, size);
		p = realloc(p, size * 2);
		CHECK(p && first_wrong(p, size, size) == size, "realloc to %zu", size * 2);
		p = realloc(p, size / 2 + 1);
		CHECK(p && first_wrong(p, size / 2, size) == size / 2, "realloc to %zu", size / 2);
		free(p);
	}
	return 0;
}
