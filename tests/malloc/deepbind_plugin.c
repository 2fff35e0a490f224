/* SPDX-License-Identifier: MIT */
/* The plug-in of deepbind_host.c: it brings libc, and nothing else. */
#include <stdlib.h>
#include <string.h>

char *plugin_take(const char *text);
void *plugin_grow(void *object, size_t size);
void plugin_drop(void *object);

char *plugin_take(const char *text)
{
	return strdup(text);
}

void *plugin_grow(void *object, size_t size)
{
	return realloc(object, size);
}

void plugin_drop(void *object)
{
	free(object);
}
