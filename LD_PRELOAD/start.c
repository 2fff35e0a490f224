/* SPDX-License-Identifier: MIT */
/*
 * The library's constructor and destructor. The first allocation may come long before the one and
 * after the other; see init.h for what is ready when.
 */
#include "compiler.h"
#include "init.h"

/* glibc hands a constructor what it hands to main. */
static void __attribute__((constructor(101)))
start(int argc __unused, char **argv __unused, char **envp)
{
	kmem_init_late(envp);
}

static void __attribute__((destructor(101))) stop(void)
{
	kmem_exit();
}
