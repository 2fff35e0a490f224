/* SPDX-License-Identifier: MIT */
/*
 * kmem: run a program on libkmem, and look at one that runs, or ran.
 *
 * Each subcommand is a file of its own that defines a struct command.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const struct command *const commands[] = {
	&command_run,	&command_slabinfo, &command_buddyinfo, &command_zoneinfo,    &command_vmas,
	&command_sysfs, &command_top,	   &command_slabtop,   &command_explain_rss,
};

/* ---- Messages ---- */

void (*message_hook)(void);

static void message(const char *fmt, va_list ap)
{
	char line[1000];

	if (message_hook)
		message_hook();

	/* One write, so that lines of several processes do not mix. */
	vsnprintf(line, sizeof(line), fmt, ap);
	fprintf(stderr, "kmem: %s\n", line);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

void die(enum kmem_exit code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	exit(code);
}

/* ---- Memory ---- */

void *xrealloc(void *p, size_t count, size_t size)
{
	/* Of nothing, too, a pointer that can be freed. */
	p = reallocarray(p, count ? count : 1, size ? size : 1);
	if (!p)
		die(KMEM_FAILED, "no memory");
	return p;
}

void *xrealloc_aligned(void *p, size_t old_count, size_t count, size_t size, size_t align)
{
	void *larger;

	if (posix_memalign(&larger, align, count * size))
		die(KMEM_FAILED, "no memory");
	if (old_count)
		memcpy(larger, p, old_count * size);
	free(p);
	return larger;
}

char *xstrdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		die(KMEM_FAILED, "no memory");
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		die(KMEM_FAILED, "no memory");
	return text;
}

/* ---- Help ---- */

void print_help(const struct command *command)
{
	printf("usage: kmem %s %s\n\n%s", command->name, command->synopsis, command->help);
}

void usage_error(const struct command *command, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	die(KMEM_USAGE, "%s: %s (kmem %s --help)", command->name, what, command->name);
}

static void print_overview(FILE *out)
{
	fputs("usage: kmem COMMAND [ARGS]\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`kmem COMMAND --help` says more, kmem(1) the rest. A PID is looked at while it runs, "
	      "a CORE is a core file.\n",
	      out);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	int code = KMEM_USAGE;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(name, commands[i]->name) == 0)
			break;
	if (i < sizeof(commands) / sizeof(*commands)) {
		code = commands[i]->run(commands[i], argc - 1, argv + 1);
	} else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
		   strcmp(name, "help") == 0) {
		print_overview(stdout);
		code = KMEM_OK;
	} else if (strcmp(name, "--version") == 0) {
		puts("kmem " KMEM_RELEASE);
		code = KMEM_OK;
	} else if (*name) {
		die(KMEM_USAGE, "no command '%s' (kmem --help)", name);
	} else {
		print_overview(stderr);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		die(KMEM_FAILED, "cannot write: %s", strerror(errno));
	return code;
}
