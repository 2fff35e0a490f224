/* SPDX-License-Identifier: MIT */
/*
 * Where in the address space things go.
 *
 * Sections and large areas start on slots of 64 MiB, metadata on slots of 2 MiB, within a 64 MiB
 * slot as long as nobody else settles there. No slack is mapped for the alignment and trimmed
 * afterwards: an exact address is asked for and the next one tried when something is there, so that
 * a tight RLIMIT_AS is charged for what is used and nothing else.
 */
#ifndef KMEM_PLACE_H
#define KMEM_PLACE_H

#include "compiler.h"
#include "meta.h"

#define SECTION_SHIFT	26
#define SECTION_SIZE	(1UL << SECTION_SHIFT)

#define METADATA_STRIDE (2UL << 20)

/* Reserves @size bytes on a slot boundary, without access; NULL when the OS refuses. */
void *place_section(size_t size, size_t align);

/* As place_section(), at most SECTION_SIZE bytes, below 4 GiB. */
void *place_section_low(size_t size);

/* Gives [addr, addr + size) back, and lets the next request look there first. */
int place_unmap(void *addr, size_t size) __must_check;

/*
 * Readable and writable zeroed memory between two guards, META_GUARD bytes past a METADATA_STRIDE
 * boundary; NULL when the OS refuses. The caller holds meta_lock.
 */
void *place_metadata(size_t size, const char *name);

#endif
