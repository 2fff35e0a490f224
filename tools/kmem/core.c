/* SPDX-License-Identifier: MIT */
/*
 * A core file as a target.
 *
 * What was written is in its PT_LOAD segments. Pages of files that nobody had changed are mostly
 * not: they are read from the files, which the note NT_FILE names, if those still are what was
 * mapped: a file with another build id than the image in the core is left alone.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elfnote.h"
#include "target.h"
#include "tool.h"

#define MAX_NOTE_BYTES (64ul << 20) /* of a process with very many threads and mappings */

/* What a file held of [start, end) at some offset. */
struct piece {
	uintptr_t start, end;
	uint64_t offset;
};

struct backing {
	struct piece piece;
	const char *path;
	int fd; /* -1: not looked for yet; -2: not to be used */
};

struct core {
	int fd;
	uint64_t file_size;
	struct piece *piece; /* what the core itself has */
	size_t nr_pieces;
	struct backing *backing; /* what other files have */
	size_t nr_backings;
	char *notes; /* the paths point into it */
};

/* ---- Reading ---- */

static bool read_file(void *source, uint64_t where, void *buf, size_t len)
{
	return pread(*(int *)source, buf, len, (off_t)where) == (ssize_t)len;
}

/* As much of [addr, addr + len) as lies in @piece and in its file. */
static size_t read_piece(int fd, const struct piece *piece, uintptr_t addr, void *buf, size_t len)
{
	size_t room = piece->end - addr;
	ssize_t got;

	if (addr < piece->start || addr >= piece->end)
		return 0;
	got = pread(fd, buf, len < room ? len : room,
		    (off_t)(piece->offset + (addr - piece->start)));
	return got > 0 ? (size_t)got : 0;
}

static size_t read_dumped(struct core *core, uintptr_t addr, void *buf, size_t len)
{
	size_t low = 0, high = core->nr_pieces;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (addr >= core->piece[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < core->nr_pieces ? read_piece(core->fd, &core->piece[low], addr, buf, len) : 0;
}

static bool read_dumped_all(void *source, uint64_t where, void *buf, size_t len)
{
	return read_dumped(source, where, buf, len) == len;
}

/* The start of the image that @b is part of: the mapping of the same file from its start on. */
static uintptr_t image_start(const struct core *core, const struct backing *b)
{
	for (size_t i = 0; i < core->nr_backings; i++)
		if (core->backing[i].piece.offset == 0 &&
		    strcmp(core->backing[i].path, b->path) == 0)
			return core->backing[i].piece.start;
	return b->piece.start;
}

/* Opens the file behind @b, once; false when there is none, or another by now. */
static bool open_backing(struct core *core, struct backing *b)
{
	struct build_id then, now;
	struct elf_image image = { read_dumped_all, core, true, image_start(core, b) };
	struct elf_image file = { read_file, &b->fd, false, 0 };

	if (b->fd != -1)
		return b->fd >= 0;
	b->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (b->fd < 0) {
		b->fd = -2;
		return false;
	}
	elf_build_id(&image, &then);
	elf_build_id(&file, &now);
	if (then.size && (then.size != now.size || memcmp(then.bytes, now.bytes, now.size) != 0)) {
		warn("%s is not the file that was mapped: it is not read", b->path);
		close(b->fd);
		b->fd = -2;
	}
	return b->fd >= 0;
}

static size_t read_backing(struct core *core, uintptr_t addr, void *buf, size_t len)
{
	for (size_t i = 0; i < core->nr_backings; i++) {
		struct backing *b = &core->backing[i];

		if (addr >= b->piece.start && addr < b->piece.end)
			return open_backing(core, b) ?
				       read_piece(b->fd, &b->piece, addr, buf, len) :
				       0;
	}
	return 0;
}

static size_t core_read(struct target *t, uintptr_t addr, void *buf, size_t len)
{
	struct core *core = t->private;
	size_t have = 0;

	while (have < len) {
		size_t got = read_dumped(core, addr + have, (char *)buf + have, len - have);

		if (!got)
			got = read_backing(core, addr + have, (char *)buf + have, len - have);
		if (!got)
			break;
		have += got;
	}
	return have;
}

/* ---- Opening ---- */

static bool core_refresh(struct target *t)
{
	(void)t;
	return true;
}

static void core_close(struct target *t)
{
	struct core *core = t->private;

	for (size_t i = 0; i < core->nr_backings; i++)
		if (core->backing[i].fd >= 0)
			close(core->backing[i].fd);
	close(core->fd);
	free(core->piece);
	free(core->backing);
	free(core->notes);
	free(core);
}

static const struct target_ops core_ops = { core_read, core_refresh, core_close };

static void bad_core(const struct target *t, const char *why) __attribute__((noreturn));

static void bad_core(const struct target *t, const char *why)
{
	die(KMEM_BAD_CORE, "%s: %s", t->name, why);
}

static void need_bytes(struct target *t, uint64_t where, void *buf, size_t len)
{
	struct core *core = t->private;

	if (!read_file(&core->fd, where, buf, len))
		bad_core(t, where + len > core->file_size ? "a truncated core file" :
							    "the core file cannot be read");
}

/* The program headers; there may be more than the ELF header can count. */
static Elf64_Phdr *read_program_headers(struct target *t, size_t *nr)
{
	Elf64_Ehdr head;
	Elf64_Phdr *headers;

	if (!read_file(&((struct core *)t->private)->fd, 0, &head, sizeof(head)) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_type != ET_CORE)
		bad_core(t, "neither the number of a process nor a core file");
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(*headers))
		bad_core(t, "a core file of another kind of machine");
	*nr = head.e_phnum;
	if (head.e_phnum == PN_XNUM) {
		Elf64_Shdr first;

		need_bytes(t, head.e_shoff, &first, sizeof(first));
		*nr = first.sh_info;
	}
	if (*nr > ((struct core *)t->private)->file_size / sizeof(*headers))
		bad_core(t, "a truncated core file");
	headers = xrealloc(NULL, *nr, sizeof(*headers));
	need_bytes(t, head.e_phoff, headers, *nr * sizeof(*headers));
	return headers;
}

/* Word @i of a descriptor, which need not be aligned. */
static uint64_t word_at(const void *words, size_t i)
{
	uint64_t word;

	memcpy(&word, (const char *)words + i * sizeof(word), sizeof(word));
	return word;
}

/* NT_FILE: how many, the unit of the offsets, (start, end, offset) of each, then the paths. */
static bool take_files(void *context, const struct elf_note *note)
{
	const void *words = note->descriptor;
	struct core *core = context;
	size_t nr, i, left;
	const char *path;

	if (note->type != NT_FILE || strcmp(note->owner, "CORE") != 0 || note->size < 16)
		return false;
	nr = word_at(words, 0);
	if (nr > (note->size - 16) / 24)
		return false;
	path = (const char *)words + 16 + 24 * nr;
	left = note->size - 16 - 24 * nr;
	core->backing = xrealloc(NULL, nr, sizeof(*core->backing));
	for (i = 0; i < nr; i++) {
		size_t len = strnlen(path, left);

		if (len == left)
			break;
		core->backing[core->nr_backings++] = (struct backing){
			.piece = { word_at(words, 2 + 3 * i), word_at(words, 3 + 3 * i),
				   word_at(words, 4 + 3 * i) * word_at(words, 1) },
			.path = path,
			.fd = -1,
		};
		path += len + 1;
		left -= len + 1;
	}
	return true;
}

static void read_notes(struct target *t, const Elf64_Phdr *headers, size_t nr)
{
	struct core *core = t->private;

	for (size_t i = 0; i < nr && !core->backing; i++) {
		if (headers[i].p_type != PT_NOTE || headers[i].p_filesz > MAX_NOTE_BYTES)
			continue;
		core->notes = xrealloc(core->notes, 1, headers[i].p_filesz);
		need_bytes(t, headers[i].p_offset, core->notes, headers[i].p_filesz);
		elf_parse_notes(core->notes, headers[i].p_filesz, 4, 0, take_files, core);
	}
}

static const struct backing *backing_at(const struct core *core, uintptr_t addr)
{
	for (size_t i = 0; i < core->nr_backings; i++)
		if (addr >= core->backing[i].piece.start && addr < core->backing[i].piece.end)
			return &core->backing[i];
	return NULL;
}

static int by_start(const void *left, const void *right)
{
	const struct mapping *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static int by_piece(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static void add_segment(struct target *t, const Elf64_Phdr *h)
{
	struct core *core = t->private;
	struct mapping *m = &t->mappings[t->nr_mappings++];
	const struct backing *b = backing_at(core, h->p_vaddr);

	*m = (struct mapping){ h->p_vaddr, h->p_vaddr + h->p_memsz, 0, "---?", "" };
	m->access[0] = h->p_flags & PF_R ? 'r' : '-';
	m->access[1] = h->p_flags & PF_W ? 'w' : '-';
	m->access[2] = h->p_flags & PF_X ? 'x' : '-';
	if (b) {
		m->offset = b->piece.offset + (h->p_vaddr - b->piece.start);
		m->path = b->path;
	}
	if (h->p_filesz)
		core->piece[core->nr_pieces++] =
			(struct piece){ h->p_vaddr, h->p_vaddr + h->p_filesz, h->p_offset };
}

static void read_segments(struct target *t, const Elf64_Phdr *headers, size_t nr)
{
	struct core *core = t->private;

	t->mappings = xrealloc(NULL, nr, sizeof(*t->mappings));
	core->piece = xrealloc(NULL, nr, sizeof(*core->piece));
	for (size_t i = 0; i < nr; i++) {
		if (headers[i].p_type != PT_LOAD)
			continue;
		if (headers[i].p_filesz &&
		    headers[i].p_offset + headers[i].p_filesz > core->file_size)
			die(KMEM_BAD_CORE, "%s: a truncated core file: %lu bytes of %lu at least",
			    t->name, (unsigned long)core->file_size,
			    (unsigned long)(headers[i].p_offset + headers[i].p_filesz));
		add_segment(t, &headers[i]);
	}
	qsort(t->mappings, t->nr_mappings, sizeof(*t->mappings), by_start);
	qsort(core->piece, core->nr_pieces, sizeof(*core->piece), by_piece);
}

struct target *target_open_core(const char *what)
{
	struct target *t = xrealloc(NULL, 1, sizeof(*t));
	struct core *core = xrealloc(NULL, 1, sizeof(*core));
	Elf64_Phdr *headers;
	struct stat st;
	size_t nr;

	*core = (struct core){ .fd = open(what, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	*t = (struct target){ .name = what, .ops = &core_ops, .private = core };
	if (core->fd < 0)
		die(errno == EACCES || errno == EPERM ? KMEM_REFUSED : KMEM_GONE, "%s: %s", what,
		    strerror(errno));
	if (fstat(core->fd, &st) != 0 || !S_ISREG(st.st_mode))
		bad_core(t, "neither the number of a process nor a core file");
	core->file_size = (uint64_t)st.st_size;
	headers = read_program_headers(t, &nr);
	read_notes(t, headers, nr);
	read_segments(t, headers, nr);
	free(headers);
	return t;
}
