/* SPDX-License-Identifier: MIT */
/*
 * Areas: large blocks with a mapping of their own (the kernel's vmalloc areas).
 *
 * A block larger than the largest buddy block, or one that grows by realloc, has a mapping on slots
 * of its own. It can then grow where it stands, or be moved by moving page tables instead of bytes,
 * and goes back to the OS whole. Its struct section says where it is and how long.
 *
 * States: live (in sections[]), free (unmapped; the descriptor is kept for the next area), stuck
 * (freed, but the OS refused the unmapping: in sections[] still, so that its address is not taken
 * for foreign; tried again at the next chance).
 */
#ifndef KMEM_AREA_H
#define KMEM_AREA_H

#include "section.h"

/* @bytes of zeroed memory on a slot boundary, or @align if that is more; NULL when refused. */
void *area_alloc(size_t bytes, size_t align);

/*
 * The block at @addr, the start of area @s, goes back to the OS. -EINVAL when another thread was
 * first: of two frees of one area, one is told.
 */
int area_free(struct section *s, const void *addr) __must_check;

/*
 * Makes the block @bytes long, moving it if need be, its contents kept and what is new zeroed.
 * Returns where it is now; NULL when refused, with nothing changed.
 */
void *area_resize(struct section *s, size_t bytes);

/*
 * A new area of @bytes whose first @old_bytes are the pages of @from, which reads as zero from then
 * on. NULL when the OS refuses or cannot; @from is then unchanged.
 */
void *area_adopt(void *from, size_t old_bytes, size_t bytes);

/* Whether @s was freed already and waits to be unmapped. */
bool area_is_stuck(const struct section *s);

/* Bytes in live areas, and how many there are. */
size_t area_bytes(void);
size_t area_count(void);

#endif
