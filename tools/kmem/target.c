/* SPDX-License-Identifier: MIT */
/* See target.h: what both kinds of target share, and the way to the root. */
#include "target.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "elfnote.h"
#include "tool.h"

#define PAGE_BYTES 4096u

/* ---- Reading ---- */

bool target_read(struct target *t, uintptr_t addr, void *buf, size_t len)
{
	return t->ops->read(t, addr, buf, len) == len;
}

/* Whether the root is not where it was: exec() has replaced everything. */
static bool has_another_image(struct target *t)
{
	uint64_t magic;

	return t->pid && t->root_address &&
	       (!target_read_struct(t, t->root_address, &magic) || magic != KMEM_ROOT_MAGIC);
}

/* What cannot be found need not be wrong: it may be no longer there. */
static void die_if_gone(struct target *t)
{
	if (!target_is_alive(t))
		die(KMEM_GONE, "%s: the process ended", t->name);
	if (has_another_image(t))
		die(KMEM_GONE, "%s: the process runs another program now", t->name);
}

void target_need(struct target *t, uintptr_t addr, void *buf, size_t len, const char *what)
{
	if (target_read(t, addr, buf, len))
		return;
	die_if_gone(t);
	die(t->pid ? KMEM_DAMAGED : KMEM_BAD_CORE, "%s: cannot read %s (%zu bytes at 0x%lx)",
	    t->name, what, len, (unsigned long)addr);
}

bool target_read_string(struct target *t, uintptr_t addr, char *buf, size_t size)
{
	size_t have = 0;

	/* The string may end right before memory that cannot be read: page by page. */
	while (have < size - 1) {
		size_t step = PAGE_BYTES - (addr + have) % PAGE_BYTES;

		if (step > size - 1 - have)
			step = size - 1 - have;
		if (!target_read(t, addr + have, buf + have, step))
			break;
		have += step;
		if (memchr(buf + have - step, '\0', step))
			return true;
	}
	buf[have] = '\0';
	return have != 0;
}

bool target_is_alive(struct target *t)
{
	return !t->pid || t->ops->refresh(t);
}

void target_note_change(struct target *t, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	t->nr_changed++;
	if (!t->quiet)
		warn("~ %s: %s", t->name, what);
}

/* ---- The way to the root ---- */

struct search {
	struct target *t;
	const char *file;     /* that is being looked at */
	unsigned int nr;      /* roots seen */
	unsigned int nr_lost; /* that could not be read */
	unsigned int nr_fit;  /* of these, with our layout */
	bool found;	      /* t->root is one that fits and is in use */
	char misfit[300];     /* what is wrong with the last that does not fit */
};

static const char *const layout_names[] = {
#define SIZE(type)	     "the size of " #type,
#define MEMBER(type, member) "the place of " #member " in " #type,
#define CONSTANT(name)	     #name,
#include "layout.def"
#undef SIZE
#undef MEMBER
#undef CONSTANT
};

static const uint32_t layout[] = {
#define SIZE(type)	     sizeof(type),
#define MEMBER(type, member) offsetof(type, member),
#define CONSTANT(name)	     (name),
#include "layout.def"
#undef SIZE
#undef MEMBER
#undef CONSTANT
};

static bool read_memory(void *source, uint64_t where, void *buf, size_t len)
{
	return target_read(source, where, buf, len);
}

/* The first difference to what this tool was compiled with, or NULL. */
static const char *difference(const struct kmem_root *root)
{
	if (root->version != KMEM_ROOT_VERSION)
		return "the root structure";
	if (root->nr_layout != KMEM_NR_LAYOUT)
		return "what a reader relies on";
	for (size_t i = 0; i < KMEM_NR_LAYOUT; i++)
		if (root->layout[i] != layout[i])
			return layout_names[i];
	return NULL;
}

/* Whether the library behind @root has served anything yet: then it has caches. */
static bool is_in_use(struct target *t, const struct kmem_root *root)
{
	struct list_head link;

	return target_read_struct(t, root->caches, &link) && link.next && link.next != root->caches;
}

static bool take_root(void *context, const struct elf_note *note)
{
	struct search *search = context;
	struct target *t = search->t;
	struct kmem_root root = { 0 };
	const char *differs;
	int64_t distance;

	if (strcmp(note->owner, KMEM_NOTE_OWNER) != 0 || note->type != KMEM_NOTE_ROOT ||
	    note->size != sizeof(distance))
		return false;
	memcpy(&distance, note->descriptor, sizeof(distance));
	/* Another version's may be shorter than ours, and lie at the end of what is mapped. */
	if (!target_read(t, note->where + (uint64_t)distance, &root,
			 offsetof(struct kmem_root, layout))) {
		search->nr_lost++;
		return false;
	}
	if (root.magic != KMEM_ROOT_MAGIC)
		return false;
	search->nr++;
	if (!target_read_struct(t, note->where + (uint64_t)distance, &root))
		root.nr_layout = 0;
	differs = difference(&root);
	if (differs) {
		snprintf(search->misfit, sizeof(search->misfit),
			 "%s is libkmem %.*s with another layout: %s differs", search->file,
			 (int)sizeof(root.release), root.release, differs);
		return false;
	}
	search->nr_fit++;
	if (search->found)
		return false;
	search->found = is_in_use(t, &root);
	if (search->found || search->nr_fit == 1) {
		t->root = root;
		t->root_address = note->where + (uint64_t)distance;
		free(t->library);
		t->library = xstrdup(search->file);
	}
	return false;
}

/* Looks into every mapping that may begin with an ELF header. */
static void find_root(struct target *t)
{
	struct search search = { .t = t };

	for (size_t i = 0; i < t->nr_mappings; i++) {
		const struct mapping *m = &t->mappings[i];
		struct elf_image image = { read_memory, t, true, m->start };

		if (m->offset || m->access[0] != 'r' || m->path[0] == '[')
			continue;
		search.file = m->path[0] ? m->path : t->name;
		elf_find_note(&image, take_root, &search);
	}
	if (!search.nr_fit)
		die_if_gone(t);
	if (!search.nr && search.nr_lost)
		die(t->pid ? KMEM_DAMAGED : KMEM_BAD_CORE,
		    "%s: the library's root structure cannot be read", t->name);
	if (!search.nr)
		die(KMEM_NO_LIBRARY, "%s: the program does not use libkmem", t->name);
	if (!search.nr_fit)
		die(KMEM_VERSION, "%s: %s", t->name, search.misfit);
	if (search.nr > 1)
		warn("%s: %u copies of libkmem, this is of %s", t->name, search.nr, t->library);
}

/* ---- Opening ---- */

/* All digits: a process. A file of such a name is reached as ./NAME. */
static bool parse_pid(const char *what, pid_t *pid)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*what))
		return false;
	errno = 0;
	n = strtol(what, &end, 10);
	if (*end)
		return false;
	*pid = errno || n <= 0 || n > INT_MAX ? 0 : (pid_t)n;
	return true;
}

struct target *target_open(const char *what)
{
	struct target *t;
	pid_t pid;

	if (parse_pid(what, &pid))
		t = target_open_process(what, pid);
	else
		t = target_open_core(what);
	t->library = xstrdup("");
	find_root(t);
	return t;
}

void target_close(struct target *t)
{
	t->ops->close(t);
	free(t->mappings);
	free(t->library);
	free(t);
}
