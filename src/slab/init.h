/* SPDX-License-Identifier: MIT */
/*
 * Start-up: at the first allocation of the process, whoever makes it.
 *
 * That may be the dynamic linker, before any constructor ran. So there are two steps: kmem_init()
 * prepares the caches and needs nothing from anybody; kmem_init_late(), from the library's
 * constructor, reads the options from the environment and registers with fork.
 */
#ifndef KMEM_INIT_H
#define KMEM_INIT_H

#include "compiler.h"

/* Prepares the library, once; every later call is one load. */
void kmem_init(void);
void kmem_init_late(char **envp);

/* What is done at exit: the files and summaries that options asked for. */
void kmem_exit(void);

/* A static program's default for KMEM_OPTIONS, if it defines one. */
extern const char *const kmem_options __attribute__((weak));

#endif
