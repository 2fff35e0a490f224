/* SPDX-License-Identifier: MIT */
/*
 * Barns: where full sheaves wait for the threads of a lane, and empty ones for whoever brings a
 * full one. What else is asked of them is in sheaf.h.
 */
#ifndef KMEM_BARN_H
#define KMEM_BARN_H

#include "sheaf.h"

struct kmem_cpu;

/* A full sheaf for an empty one; NULL, and nothing taken, when there is none. */
struct sheaf *barn_get_full(struct kmem_cpu *cpu, struct kmem_cache *s, struct sheaf *empty);

/* An empty sheaf for a full one; NULL, and nothing taken, when the barn is full. */
struct sheaf *barn_put_full(struct kmem_cache *s, struct sheaf *full);

/* sheaf.c: an empty sheaf from the cache's pool, NULL when the OS refuses; and back. */
struct sheaf *new_sheaf(struct kmem_cache *s);
void drop_sheaf(struct kmem_cache *s, struct sheaf *sheaf);

#endif
