/* SPDX-License-Identifier: MIT */
/*
 * kmem run: sets the preload and the options, and becomes the program.
 *
 * The library is the one next to this tool: in the same directory where both were built, in the
 * library directory beside ours where they were installed.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define EXIT_NOT_STARTED 126 /* as a shell has them */
#define EXIT_NOT_FOUND	 127

/* The options of the library that have a form as options of ours. */
static const struct {
	const char *name;     /* with dashes for the underscores of the library's name */
	const char *argument; /* NULL: none */
	const char *summary;
} options[] = {
	{ "slabinfo", "PATH", "at exit, write the caches to PATH; %p in it is the process id" },
	{ "stats", NULL, "at exit, a summary on standard error" },
	{ "decay-ms", "N", "freed pages go back to the system after N milliseconds" },
	{ "numa", "SPEC", "fake=N: as many nodes; off: one" },
	{ "slab-nomerge", NULL, "caches that are alike do not share their slabs" },
	{ "fail-os", "SPEC", "make the library's calls to the system fail" },
	{ "failslab", "SPEC", "make allocations from caches with SLAB_FAILSLAB fail" },
};

#define NR_OPTIONS (sizeof(options) / sizeof(*options))

static void print_run_help(const struct command *self)
{
	print_help(self);
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		char *form = xasprintf("--%s%s%s", options[i].name, options[i].argument ? "=" : "",
				       options[i].argument ? options[i].argument : "");

		printf("  %-18s %s\n", form, options[i].summary);
		free(form);
	}
}

/* @first and @second with @separator between them, if neither is empty. */
static char *joined(const char *first, char separator, const char *second)
{
	if (!*first || !*second)
		return xstrdup(*first ? first : second);
	return xasprintf("%s%c%s", first, separator, second);
}

/* NAME or NAME=VALUE for the library; a value with blanks is quoted, as its grammar has it. */
static char *library_word(const char *name, const char *value)
{
	const char *quote = value && strpbrk(value, " \t\n") ? "\"" : "";
	char *word = value ? xasprintf("%s=%s%s%s", name, quote, value, quote) : xstrdup(name);

	for (char *p = word; *p && *p != '='; p++)
		if (*p == '-')
			*p = '_';
	return word;
}

/* Whether @argument, after its dashes, is option @i; --slab-info is --slabinfo. */
static bool is_option(const char *argument, size_t len, const char *name)
{
	size_t i;

	if (len == strlen("slab-info") && strncmp(argument, "slab-info", len) == 0)
		return strcmp(name, "slabinfo") == 0;
	if (strlen(name) != len)
		return false;
	for (i = 0; i < len; i++)
		if (name[i] != (argument[i] == '_' ? '-' : argument[i]))
			return false;
	return true;
}

static char *parse_option(const struct command *self, const char *argument, const char *words)
{
	const char *name = argument + 2, *value = strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name), i;
	char *word, *all;

	for (i = 0; i < NR_OPTIONS && !is_option(name, len, options[i].name); i++)
		;
	if (i == NR_OPTIONS)
		usage_error(self, "no option %s; what else the library knows goes with -o",
			    argument);
	if (options[i].argument && !value)
		usage_error(self, "%s wants =%s", argument, options[i].argument);
	if (!options[i].argument && value)
		usage_error(self, "%s: no value is wanted", argument);
	word = library_word(options[i].name, value ? value + 1 : NULL);
	all = joined(words, ' ', word);
	free(word);
	return all;
}

/* ---- The library ---- */

static char *own_directory(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0)
		die(KMEM_FAILED, "cannot tell where this program is: %s", strerror(errno));
	path[len] = '\0';
	*strrchr(path, '/') = '\0';
	return xstrdup(path);
}

static char *find_library(void)
{
	char *directory = own_directory();
	char *candidates[] = {
		xasprintf("%s/libkmem.so", directory),
		xasprintf("%s/" KMEM_LIBRARY_DIRECTORY "/libkmem.so", directory),
	};
	char *found = NULL;

	for (size_t i = 0; i < 2 && !found; i++)
		if (access(candidates[i], R_OK) == 0)
			found = realpath(candidates[i], NULL);
	if (!found)
		die(KMEM_FAILED, "no libkmem.so next to this program, in %s", directory);
	free(candidates[0]);
	free(candidates[1]);
	free(directory);
	return found;
}

static void set(const char *name, char *value)
{
	if (setenv(name, value, 1) != 0)
		die(KMEM_FAILED, "no memory");
	free(value);
}

static int run(const struct command *self, int argc, char **argv)
{
	char *library = NULL, *words = xstrdup(getenv("KMEM_OPTIONS") ?: "");
	int i, err;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_run_help(self);
			return KMEM_OK;
		}
		if (strncmp(argv[i], "--library=", 10) == 0) {
			library = realpath(argv[i] + 10, NULL);
			if (!library)
				die(KMEM_GONE, "%s: %s", argv[i] + 10, strerror(errno));
		} else if (strcmp(argv[i], "-o") == 0) {
			if (++i == argc)
				usage_error(self, "-o wants options");
			words = joined(words, ' ', argv[i]);
		} else if (strncmp(argv[i], "--", 2) == 0) {
			words = parse_option(self, argv[i], words);
		} else {
			usage_error(self, "no option %s", argv[i]);
		}
	}
	if (i >= argc)
		usage_error(self, "which program?");
	if (!library)
		library = find_library();
	if (strpbrk(library, " :"))
		die(KMEM_FAILED, "%s: LD_PRELOAD cannot name a path with a blank or a colon",
		    library);
	set("LD_PRELOAD", joined(library, ':', getenv("LD_PRELOAD") ?: ""));
	if (*words)
		set("KMEM_OPTIONS", words);
	execvp(argv[i], argv + i);
	err = errno;
	warn("%s: %s", argv[i], strerror(err));
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED;
}

const struct command command_run = {
	.name = "run",
	.synopsis = "[OPTIONS] PROGRAM [ARGS]",
	.summary = "run a program on libkmem",
	.help = "Runs PROGRAM with libkmem as its malloc: sets LD_PRELOAD to the library next to this\n"
		"tool, adds the options to KMEM_OPTIONS, and becomes the program. The exit code is the\n"
		"program's; 126 and 127 if it cannot be started, or is not there.\n"
		"\n"
		"  --library=PATH     this library\n"
		"  -o OPTIONS         anything for KMEM_OPTIONS, as it stands\n",
	.run = run,
};
