/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands that look at a program have in common: `[--json] PID|CORE`, and the frame of
 * their JSON.
 *
 * That is one object: "pid" or "core", "library", "approximate" (whether something changed while it
 * was read, see target_note_change()), and the subcommand's own members.
 */
#ifndef KMEM_LOOK_H
#define KMEM_LOOK_H

#include <json-c/json.h>

#include "target.h"
#include "tool.h"

/* An option beyond --json and --help: *flag is set to true, or *value to its argument. */
struct look_flag {
	const char *name;
	bool *flag;
	const char **value;
};

/*
 * Reads the command line, answers --help, and opens the one target. @flags ends with a NULL name.
 */
struct target *look(const struct command *self, int argc, char **argv, bool *json,
		    const struct look_flag *flags);

/* Begins the object, and writes it; @object is used up. */
struct json_object *json_begin(const struct target *t);
void json_end(const struct target *t, struct json_object *object);

void json_add_number(struct json_object *object, const char *key, unsigned long value);
void json_add_string(struct json_object *object, const char *key, const char *value);

/* A new array, or object, as a member of @object; a new object in @array. */
struct json_object *json_add_array(struct json_object *object, const char *key);
struct json_object *json_add_object(struct json_object *object, const char *key);
struct json_object *json_append_object(struct json_object *array);
void json_append_string(struct json_object *array, const char *value);
void json_append_number(struct json_object *array, unsigned long value);

#endif
