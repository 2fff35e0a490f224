/* SPDX-License-Identifier: MIT */
/* See root.h. */
#include "root.h"

#define SIZE(type)	     sizeof(type),
#define MEMBER(type, member) offsetof(type, member),
#define CONSTANT(name)	     (name),

const struct kmem_root kmem_root = {
	.magic = KMEM_ROOT_MAGIC,
	.version = KMEM_ROOT_VERSION,
	.nr_layout = KMEM_NR_LAYOUT,
	.release = KMEM_RELEASE,
	.layout = {
#include "layout.def"
	},
	.caches = &slab_caches,
	.cpu_lists = cpu_lists,
	.nodes = node_data,
	.sections = sections,
	.mm = &kmem_mm,
	.meta_bytes = &meta_chunk_bytes,
};

_Static_assert(sizeof(KMEM_NOTE_OWNER) == 8 && KMEM_NOTE_ROOT == 1, "as the note has it");

/* The distance is a constant of the linker's: no relocation is left for the program's start. */
__asm__("	.pushsection .note.libkmem, \"a\", %note\n"
	"	.balign 4\n"
	"	.long 8, 8, 1\n"
	"	.asciz \"" KMEM_NOTE_OWNER "\"\n"
	"	.quad kmem_root - .\n"
	"	.popsection\n");
