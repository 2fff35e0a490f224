/* SPDX-License-Identifier: MIT */
/* See look.h. */
#include "look.h"

#include <getopt.h>
#include <stdlib.h>

#define MAX_FLAGS 8

/* ---- The command line ---- */

static _Noreturn void help_and_exit(const struct command *self)
{
	print_help(self);
	exit(fflush(stdout) == 0 ? KMEM_OK : KMEM_FAILED);
}

struct target *look(const struct command *self, int argc, char **argv, bool *json,
		    const struct look_flag *flags)
{
	struct option options[MAX_FLAGS + 3] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
	};
	size_t nr = 0;
	int c;

	for (; flags && flags[nr].name && nr < MAX_FLAGS; nr++)
		options[nr + 2] =
			(struct option){ flags[nr].name,
					 flags[nr].value ? required_argument : no_argument, NULL,
					 256 + (int)nr };
	*json = false;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			help_and_exit(self);
		else if (c == 'j')
			*json = true;
		else if (c >= 256 && flags[c - 256].value)
			*flags[c - 256].value = optarg;
		else if (c >= 256)
			*flags[c - 256].flag = true;
		else
			usage_error(self, "wrong option '%s'", argv[optind - 1]);
	}
	if (optind + 1 != argc)
		usage_error(self, argc == optind ? "which process, or core file?" :
						   "one process, or core file, at a time");
	return target_open(argv[optind]);
}

/* ---- JSON ---- */

static struct json_object *need(struct json_object *object)
{
	if (!object)
		die(KMEM_FAILED, "no memory");
	return object;
}

static void add(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, value) != 0)
		die(KMEM_FAILED, "no memory");
}

void json_add_number(struct json_object *object, const char *key, unsigned long value)
{
	add(object, key, need(json_object_new_uint64(value)));
}

void json_add_string(struct json_object *object, const char *key, const char *value)
{
	add(object, key, need(json_object_new_string(value)));
}

struct json_object *json_add_array(struct json_object *object, const char *key)
{
	struct json_object *array = need(json_object_new_array());

	add(object, key, array);
	return array;
}

struct json_object *json_add_object(struct json_object *object, const char *key)
{
	struct json_object *member = need(json_object_new_object());

	add(object, key, member);
	return member;
}

struct json_object *json_append_object(struct json_object *array)
{
	struct json_object *element = need(json_object_new_object());

	if (json_object_array_add(array, element) != 0)
		die(KMEM_FAILED, "no memory");
	return element;
}

void json_append_number(struct json_object *array, unsigned long value)
{
	if (json_object_array_add(array, need(json_object_new_uint64(value))) != 0)
		die(KMEM_FAILED, "no memory");
}

void json_append_string(struct json_object *array, const char *value)
{
	if (json_object_array_add(array, need(json_object_new_string(value))) != 0)
		die(KMEM_FAILED, "no memory");
}

struct json_object *json_begin(const struct target *t)
{
	struct json_object *object = need(json_object_new_object());

	if (t->pid)
		json_add_number(object, "pid", (unsigned long)t->pid);
	else
		json_add_string(object, "core", t->name);
	json_add_string(object, "library", t->library);
	return object;
}

void json_end(const struct target *t, struct json_object *object)
{
	const char *text;

	add(object, "approximate", need(json_object_new_boolean(t->nr_changed != 0)));
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY);
	if (!text)
		die(KMEM_FAILED, "no memory");
	puts(text);
	json_object_put(object);
}
