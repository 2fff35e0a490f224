/* SPDX-License-Identifier: MIT */
/*
 * What other members of glibc's libc.a ask of its malloc.o, besides the functions themselves. Were
 * one of these missing, a -static link would pull malloc.o in after us, and every name twice.
 */
#include "compiler.h"

/* fork(): the locks are taken by our own handlers. */
void __malloc_fork_lock_parent(void) __export;
void __malloc_fork_unlock_parent(void) __export;
void __malloc_fork_unlock_child(void) __export;

void __malloc_fork_lock_parent(void)
{
}

void __malloc_fork_unlock_parent(void)
{
}

void __malloc_fork_unlock_child(void)
{
}

/* The end of a thread: our exit handler has run. */
void __malloc_arena_thread_freeres(void) __export;

void __malloc_arena_thread_freeres(void)
{
}
