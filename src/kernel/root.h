/* SPDX-License-Identifier: MIT */
/*
 * Where everything begins, for whoever looks at a process from outside.
 *
 * A debugger of the kernel reads its structures by the types in the kernel's debug information and
 * begins at its symbols. A preloaded library may be stripped, and a static program has neither
 * symbols nor debug information left, but the notes of an ELF file stay: they are loaded with the
 * program and survive strip and --gc-sections. So the library carries a note, owner "libkmem",
 * whose descriptor says how far it is from there to kmem_root, and kmem_root points at the rest.
 *
 * The reader is compiled with the library's own headers. `layout` says whether they are the same:
 * layout.def lists sizes, offsets and constants, the library stores what they are here, and the
 * reader compares them with what they are there.
 */
#ifndef KMEM_ROOT_H
#define KMEM_ROOT_H

#include "cache.h"
#include "kmalloc.h"
#include "numa.h"
#include "slab_run.h"
#include "vma.h"

#define KMEM_NOTE_OWNER	     "libkmem"
#define KMEM_NOTE_ROOT	     1 /* its type: an int64_t, from the descriptor to struct kmem_root */

#define KMEM_ROOT_MAGIC	     0x746f6f726d656d6bUL /* "kmemroot" */
#define KMEM_ROOT_VERSION    1u			  /* of struct kmem_root itself */

#define SIZE(type)	     +1
#define MEMBER(type, member) +1
#define CONSTANT(name)	     +1
enum {
	KMEM_NR_LAYOUT = 0
#include "layout.def"
};
#undef SIZE
#undef MEMBER
#undef CONSTANT

struct kmem_root {
	/* of every version alike: what a reader looks at before it believes the rest */
	uint64_t magic;
	uint32_t version;
	uint32_t nr_layout;
	char release[16]; /* the project's version, for messages */
	uint32_t layout[KMEM_NR_LAYOUT];

	const struct list_head *caches;		  /* slab_caches */
	const struct list_head *const *cpu_lists; /* NR_CPU_LISTS of them */
	struct pglist_data *const *nodes;	  /* MAX_NUMNODES of them, by number; NULL: none */
	struct section *const *sections;	  /* by address >> SECTION_SHIFT */
	const struct mm_struct *mm;
	const size_t *meta_bytes; /* address space held for metadata chunks */
};

extern const struct kmem_root kmem_root;

#endif
