/* SPDX-License-Identifier: MIT */
/* Shrinkers by their public names. See kmem/shrinker.h, and slab/shrinker.h for how they run. */
#include <errno.h>
#include <kmem/shrinker.h>
#include <kmem/slab.h>

#include "kmalloc.h"
#include "shrinker.h"

struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);
	va_list ap;

	if (!shrinker)
		return NULL;
	va_start(ap, fmt);
	shrinker->kmem_name = kvasprintf(GFP_KERNEL, fmt, ap);
	va_end(ap);
	if (!shrinker->kmem_name) {
		kfree(shrinker);
		return NULL;
	}
	shrinker->flags = flags;
	shrinker->seeks = DEFAULT_SEEKS;
	return shrinker;
}

void shrinker_register(struct shrinker *shrinker)
{
	shrinkers_add(shrinker);
}

void shrinker_free(struct shrinker *shrinker)
{
	if (!shrinker)
		return;
	shrinkers_remove(shrinker);
	kfree(shrinker->kmem_name);
	kfree(shrinker);
}

int register_shrinker_named(struct shrinker *shrinker, const char *fmt, ...)
{
	char *name = NULL;
	va_list ap;

	if (fmt) {
		va_start(ap, fmt);
		name = kvasprintf(GFP_KERNEL, fmt, ap);
		va_end(ap);
		if (!name)
			return -ENOMEM;
	}
	shrinker->kmem_name = name;
	shrinkers_add(shrinker);
	return 0;
}

void unregister_shrinker(struct shrinker *shrinker)
{
	shrinkers_remove(shrinker);
	kfree(shrinker->kmem_name);
	shrinker->kmem_name = NULL;
}

unsigned long kmem_shrink_all(void)
{
	return shrinkers_run_all();
}

void drop_slab(void)
{
	shrinkers_run_all();
}
