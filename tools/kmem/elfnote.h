/* SPDX-License-Identifier: MIT */
/*
 * The notes of an ELF image, in a program's memory or in a file: build id, and the library's own.
 */
#ifndef KMEM_ELFNOTE_H
#define KMEM_ELFNOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_image {
	/* Reads all of it, or returns false. */
	bool (*read)(void *source, uint64_t where, void *buf, size_t len);
	void *source;
	bool in_memory; /* where: an address, else an offset in the file */
	uint64_t base;	/* of the ELF header */
};

struct elf_note {
	const char *owner; /* its name, terminated */
	uint32_t type;
	uint32_t size; /* of the descriptor */
	const void *descriptor;
	uint64_t where; /* the descriptor is */
};

/*
 * Calls @each with every note until it returns true; whether it did. False too when this is no
 * image.
 */
bool elf_find_note(const struct elf_image *image,
		   bool (*each)(void *context, const struct elf_note *note), void *context);

/* Calls @each for the notes in @notes, which are aligned to @align and were read from @where. */
bool elf_parse_notes(const char *notes, size_t size, size_t align, uint64_t where,
		     bool (*each)(void *context, const struct elf_note *note), void *context);

struct build_id {
	size_t size; /* 0: none */
	unsigned char bytes[64];
};

void elf_build_id(const struct elf_image *image, struct build_id *id);

#endif
