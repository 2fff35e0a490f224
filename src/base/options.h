/* SPDX-License-Identifier: MIT */
/*
 * Options in the grammar of the kernel's boot command line: `name`, `name=value`, separated by
 * white space; a value in double quotes may hold white space.
 *
 * Each layer describes its own options in a table of struct boot_param; whoever starts the library
 * hands all tables to options_parse(). The text is walked in place: nothing is allocated and
 * nothing is written to it.
 */
#ifndef KMEM_OPTIONS_H
#define KMEM_OPTIONS_H

#include "compiler.h"

struct boot_param {
	const char *name;
	/* @value is not terminated; 0, or -EINVAL for one that makes no sense */
	int (*set)(const char *value, size_t len);
};

struct boot_params {
	const struct boot_param *param;
	size_t count;
};

/*
 * Applies every option of @text that a table knows. What no table knows, and what its setter
 * refuses, is reported on stderr.
 */
void options_parse(const char *text, const struct boot_params *tables, size_t nr_tables);

/* The decimal number in value[0, len); -EINVAL if it is none, or past LONG_MAX. */
int option_number(const char *value, size_t len, long *number);

/* Whether that number is not 0; without one the flag is set. */
int option_flag(const char *value, size_t len, bool *flag);

#endif
