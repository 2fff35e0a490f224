/* SPDX-License-Identifier: MIT */
/*
 * A program that loads a plug-in with RTLD_DEEPBIND, as PHP does with its extensions: what one of
 * them takes the other gives back. The plug-in is named without its place, which is in the
 * program's own RUNPATH: so dlopen has to see who calls.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "outside.h"

int main(int argc, char **argv)
{
	char *(*take)(const char *), *text, *name = NULL;
	void *(*grow)(void *, size_t);
	void (*drop)(void *);
	void *plugin;
	int i;

	CHECK(argc == 2, "needs the name of the plug-in");
	/* twice: at first it is not known yet what is libc's */
	CHECK(!dlopen("no such plug-in.so", RTLD_NOW | RTLD_DEEPBIND), "it was found");
	CHECK(dlerror(), "no word");
	plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	CHECK(plugin, "%s", dlerror());
	take = (char *(*)(const char *))dlsym(plugin, "plugin_take");
	grow = (void *(*)(void *, size_t))dlsym(plugin, "plugin_grow");
	drop = (void (*)(void *))dlsym(plugin, "plugin_drop");
	CHECK(take && grow && drop, "%s", dlerror());
	for (i = 0; i < 1000; i++) {
		text = take("taken there");
		CHECK(strcmp(text, "taken there") == 0, "%s", text);
		free(text);
		drop(strdup("taken here"));
		name = grow(name, (size_t)i * 100 + 1);
		CHECK(malloc_usable_size(name) > (size_t)i * 100, "turn %d", i);
		name = realloc(name, 10);
	}
	free(name);
	CHECK(dlclose(plugin) == 0, "%s", dlerror());
	return 0;
}
