/* SPDX-License-Identifier: MIT */
/*
 * Prototypes of the exported functions that Debian's headers do not declare, or declare only for
 * other language versions.
 */
#ifndef KMEM_EXPORTS_H
#define KMEM_EXPORTS_H

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * gcc wants an alias to promise what its target promises, and clang does not know how to say that.
 */
#ifdef __clang__
#define __alias_of(name) __attribute__((alias(#name)))
#else
#define __alias_of(name) __attribute__((alias(#name), copy(name)))
#endif

/*
 * malloc, free and realloc under hidden names, which nobody can interpose: calls from within the
 * library reach its own. Who puts a malloc above this one may not know its blocks; and beside
 * another malloc, brought along by a plug-in, it must not call that one.
 */
#define __own __attribute__((visibility("hidden")))
__own void *own_malloc(size_t size);
__own void own_free(void *object);
__own void *own_realloc(void *object, size_t size);

void cfree(void *object);
void _ZdlPv(void *object);
void free_sized(void *object, size_t size);
void free_aligned_sized(void *object, size_t align, size_t size);

void *__libc_malloc(size_t size);
void __libc_free(void *object);
void *__libc_calloc(size_t nmemb, size_t size);
void *__libc_realloc(void *object, size_t size);
void *__libc_memalign(size_t align, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
int __posix_memalign(void **object, size_t align, size_t size);

#endif
