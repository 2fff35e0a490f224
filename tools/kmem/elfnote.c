/* SPDX-License-Identifier: MIT */
/* See elfnote.h. */
#include "elfnote.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define MAX_PHDRS 512	       /* a sane image has a dozen */
#define MAX_NOTES (256u << 10) /* bytes of them that are looked at */

static size_t round_up(size_t n, size_t align)
{
	return (n + align - 1) & ~(align - 1);
}

bool elf_parse_notes(const char *notes, size_t size, size_t align, uint64_t where,
		     bool (*each)(void *context, const struct elf_note *note), void *context)
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr head;
		size_t name, descriptor, end;

		memcpy(&head, notes + at, sizeof(head));
		name = at + sizeof(head);
		descriptor = round_up(name + head.n_namesz, align);
		end = descriptor + head.n_descsz;
		if (end > size)
			return false;
		if (head.n_namesz && !notes[name + head.n_namesz - 1]) {
			struct elf_note note = { notes + name, head.n_type, head.n_descsz,
						 notes + descriptor, where + descriptor };

			if (each(context, &note))
				return true;
		}
		at = round_up(end, align);
		if (at > size)
			return false;
	}
	return false;
}

/* The program headers of an image for this kind of machine; their number, 0 when it is none. */
static size_t read_headers(const struct elf_image *image, Elf64_Phdr headers[MAX_PHDRS])
{
	Elf64_Ehdr head;

	if (!image->read(image->source, image->base, &head, sizeof(head)) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_phentsize != sizeof(*headers) || !head.e_phnum || head.e_phnum > MAX_PHDRS)
		return 0;
	if (!image->read(image->source, image->base + head.e_phoff, headers,
			 head.e_phnum * sizeof(*headers)))
		return 0;
	return head.e_phnum;
}

/* What is to be added to an address in the headers. */
static uint64_t load_bias(const struct elf_image *image, const Elf64_Phdr *headers, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0)
			return image->base - headers[i].p_vaddr;
	return image->base;
}

bool elf_find_note(const struct elf_image *image,
		   bool (*each)(void *context, const struct elf_note *note), void *context)
{
	Elf64_Phdr headers[MAX_PHDRS];
	size_t nr = read_headers(image, headers);
	uint64_t bias = load_bias(image, headers, nr);
	bool found = false;

	for (size_t i = 0; i < nr && !found; i++) {
		const Elf64_Phdr *h = &headers[i];
		uint64_t where = image->in_memory ? bias + h->p_vaddr : image->base + h->p_offset;
		char *notes;

		if (h->p_type != PT_NOTE || h->p_filesz > MAX_NOTES)
			continue;
		notes = xrealloc(NULL, 1, h->p_filesz);
		if (image->read(image->source, where, notes, h->p_filesz))
			found = elf_parse_notes(notes, h->p_filesz, h->p_align == 8 ? 8 : 4, where,
						each, context);
		free(notes);
	}
	return found;
}

static bool take_build_id(void *context, const struct elf_note *note)
{
	struct build_id *id = context;

	if (strcmp(note->owner, "GNU") != 0 || note->type != NT_GNU_BUILD_ID ||
	    note->size > sizeof(id->bytes))
		return false;
	memcpy(id->bytes, note->descriptor, note->size);
	id->size = note->size;
	return true;
}

void elf_build_id(const struct elf_image *image, struct build_id *id)
{
	*id = (struct build_id){ 0 };
	elf_find_note(image, take_build_id, id);
}
