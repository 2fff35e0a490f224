/* SPDX-License-Identifier: MIT */
/*
 * A program that is looked at from outside: a running process, or the core file of one.
 *
 * Both are read by address and know their mappings; what is read is not interpreted here, except
 * that target_open() finds the library's root structure (src/kernel/root.h), compares its layout
 * with the one that this tool was compiled with, and copies it.
 *
 * A running process goes on while it is read: what two reads return need not fit together, and what
 * was just a pointer may be none any more. So every reader of linked structures bounds its walk,
 * checks each pointer before it follows it, and treats a refused read as something that happens.
 * Where a figure could not be had in one piece, it calls target_note_change() and goes on: what was
 * printed is then marked as approximate.
 */
#ifndef KMEM_TARGET_H
#define KMEM_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "root.h"

struct mapping {
	uintptr_t start, end;
	uint64_t offset;  /* in the file */
	char access[5];	  /* "rwxp" as in /proc/PID/maps; of a core "rwx?" */
	const char *path; /* or a name in brackets; "" when there is none, or none is known */
};

struct target;

struct target_ops {
	/* Bytes of [addr, addr + len) that could be read, from its start on; 0 when none. */
	size_t (*read)(struct target *t, uintptr_t addr, void *buf, size_t len);
	/* Reads the mappings anew; false when the process has gone. */
	bool (*refresh)(struct target *t);
	void (*close)(struct target *t);
};

struct target {
	const char *name; /* as the user wrote it */
	pid_t pid;	  /* 0: a core file */
	const struct target_ops *ops;
	void *private;

	struct mapping *mappings; /* in order of addresses */
	size_t nr_mappings;

	struct kmem_root root; /* a copy */
	uintptr_t root_address;
	char *library; /* the file that it was found in */

	unsigned long nr_changed; /* see target_note_change() */
	bool quiet; /* it only counts: standard error is a screen that is being drawn */
};

/*
 * Opens a process by its number, or a core file by its path, and finds the library in it. Dies with
 * a line and an exit code when that is not to be had.
 */
struct target *target_open(const char *what);
void target_close(struct target *t);

/* Reads all of [addr, addr + len), or returns false. The variant dies instead, naming @what. */
bool target_read(struct target *t, uintptr_t addr, void *buf, size_t len)
	__attribute__((warn_unused_result));
void target_need(struct target *t, uintptr_t addr, void *buf, size_t len, const char *what);

/* Reads a whole structure from a pointer that is one in the target. */
#define target_read_struct(t, pointer, copy) \
	target_read((t), (uintptr_t)(pointer), (copy), sizeof(*(copy)))
#define target_need_struct(t, pointer, copy, what) \
	target_need((t), (uintptr_t)(pointer), (copy), sizeof(*(copy)), (what))

/* A string of at most @size - 1 bytes; false when its start cannot be read. */
bool target_read_string(struct target *t, uintptr_t addr, char *buf, size_t size);

/* Whether the process is still there; a core always is. */
bool target_is_alive(struct target *t);

/*
 * Says that something changed while it was read: on stderr, and in nr_changed. @what is the figure
 * that is approximate now.
 */
void target_note_change(struct target *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* For target.c: the two kinds. */
struct target *target_open_process(const char *what, pid_t pid);
struct target *target_open_core(const char *what);

#endif
