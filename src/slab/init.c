/* SPDX-License-Identifier: MIT */
/* See init.h. */
#include "init.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include "cache.h"
#include "emptied.h"
#include "fork.h"
#include "huge.h"
#include "kmalloc.h"
#include "limit.h"
#include "numa.h"
#include "os.h"
#include "purge.h"
#include "purger.h"
#include "slab_debug.h"
#include "slabinfo.h"

static struct lock init_lock = LOCK_INIT(RANK_INIT);
static bool ready;

void kmem_init(void)
{
	if (likely(smp_load_acquire(&ready)))
		return;
	lock_acquire(&init_lock);
	if (!ready) {
		kmalloc_init();
		cpu_init();
		smp_store_release(&ready, true);
	}
	lock_release(&init_lock);
}

/* getenv() wants libc to be up; a constructor is handed the environment itself. */
static const char *find_env(char **envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

/* The caches were made before anybody could ask what the process may use. */
static void follow_limits(void)
{
	struct kmem_cache *s;

	limits_init("");
	lock_acquire(&slab_mutex);
	for_each_cache(s) {
		cache_limit_empty(s);
		cache_limit_barn(s);
	}
	lock_release(&slab_mutex);
}

void kmem_init_late(char **envp)
{
	const struct boot_params tables[] = { os_params,       purge_params,	huge_params,
					      emptied_params,  numa_params,	cache_params,
					      failslab_params, slabinfo_params, purger_params };
	const char *env = getauxval(AT_SECURE) ? NULL : find_env(envp, "KMEM_OPTIONS");

	kmem_init();
	follow_limits();
	if (&kmem_options)
		options_parse(kmem_options, tables, ARRAY_SIZE(tables));
	if (env)
		options_parse(env, tables, ARRAY_SIZE(tables));
	numa_init();
	caches_init_nodes();
	fork_init();
	purger_start();
}

void kmem_exit(void)
{
	slabinfo_at_exit();
}
