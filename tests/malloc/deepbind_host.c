/* SPDX-License-Identifier: MIT */
/*
 * A program that loads a plug-in with RTLD_DEEPBIND, as PHP does with its extensions: what one of
 * them takes the other gives back. The plug-in is named without its place, which is in the
 * program's own RUNPATH: so dlopen has to see who calls.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(cond)                                                                              \
	do {                                                                                      \
		if (!(cond)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond); \
			exit(1);                                                                  \
		}                                                                                 \
	} while (0)

int main(int argc, char **argv)
{
	char *(*take)(const char *), *text, *name = NULL;
	void *(*grow)(void *, size_t);
	void (*drop)(void *);
	void *plugin;
	int i;

	EXPECT(argc == 2);
	/* twice: at first it is not known yet what is libc's */
	EXPECT(!dlopen("no such plug-in.so", RTLD_NOW | RTLD_DEEPBIND));
	EXPECT(dlerror());
	plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	if (!plugin)
		fprintf(stderr, "%s\n", dlerror());
	EXPECT(plugin);
	take = (char *(*)(const char *))dlsym(plugin, "plugin_take");
	grow = (void *(*)(void *, size_t))dlsym(plugin, "plugin_grow");
	drop = (void (*)(void *))dlsym(plugin, "plugin_drop");
	EXPECT(take && grow && drop);
	for (i = 0; i < 1000; i++) {
		text = take("taken there");
		EXPECT(strcmp(text, "taken there") == 0);
		free(text);
		drop(strdup("taken here"));
		name = grow(name, (size_t)i * 100 + 1);
		EXPECT(malloc_usable_size(name) > (size_t)i * 100);
		name = realloc(name, 10);
	}
	free(name);
	EXPECT(dlclose(plugin) == 0);
	return 0;
}
