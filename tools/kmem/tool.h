/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of `kmem` have in common: a table of them, exit codes, one-line errors.
 *
 * A subcommand ends by returning an exit code or by die(). Figures go to standard output,
 * everything else to standard error, a line each.
 */
#ifndef KMEM_TOOL_H
#define KMEM_TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes; docs/man/kmem.1 has them for the user. */
enum kmem_exit {
	KMEM_OK,
	KMEM_FAILED,	 /* the tool's own trouble: no memory, output that cannot be written */
	KMEM_USAGE,	 /* a wrong command line */
	KMEM_GONE,	 /* no such process or file, or the process ended meanwhile */
	KMEM_REFUSED,	 /* the process or file may not be read */
	KMEM_NO_LIBRARY, /* the program does not use libkmem */
	KMEM_VERSION,	 /* it uses another libkmem than this tool was built with */
	KMEM_BAD_CORE,	 /* no core file, or one that lacks what is needed */
	KMEM_DAMAGED,	 /* the library's own structures make no sense */
};

struct command {
	const char *name;
	const char *synopsis; /* the arguments, as in "[--json] PID|CORE" */
	const char *summary;  /* one line for `kmem --help` */
	const char *help;     /* what follows the synopsis in `kmem NAME --help` */
	int (*run)(const struct command *self, int argc, char **argv); /* argv[0] is the name */
};

/* One file each defines them; main.c lists them. */
extern const struct command command_run, command_slabinfo, command_buddyinfo, command_zoneinfo,
	command_vmas, command_sysfs, command_top, command_slabtop, command_explain_rss;

/* `kmem: TEXT` and a newline on stderr; die() then exits with @code. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(enum kmem_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Called before a message is written, where somebody else has the terminal; NULL: nobody. */
extern void (*message_hook)(void);

/* As the standard functions, but die when there is no memory. */
void *xrealloc(void *p, size_t count, size_t size);
/* For what is aligned to more than realloc() knows of. */
void *xrealloc_aligned(void *p, size_t old_count, size_t count, size_t size, size_t align);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* `kmem NAME --help`, on standard output. */
void print_help(const struct command *command);

/* A wrong command line: says what is wrong with it and ends. */
_Noreturn void usage_error(const struct command *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
