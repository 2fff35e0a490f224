/* SPDX-License-Identifier: MIT */
/*
 * C++'s operators by their mangled names. libstdc++ is not linked: what of it is needed is looked
 * for, weakly, in the process that uses them.
 */
#ifndef KMEM_OPERATORS_H
#define KMEM_OPERATORS_H

#include "compiler.h"

struct nothrow; /* std::nothrow_t, only ever passed on */

typedef void (*new_handler)(void);

/* std::get_new_handler() */
extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));

/* An allocation as operator new makes it; align is 0 for the default. */
void *operator_allocate(size_t size, size_t align);

/*
 * Whether the process uses our form of operator new, or one that the program has put in its place.
 */
bool operator_new_is_ours(void);
bool operator_array_new_is_ours(void);
bool operator_aligned_new_is_ours(void);
bool operator_aligned_array_new_is_ours(void);

extern void *_Znwm(size_t size);
extern void *_ZnwmSt11align_val_t(size_t size, size_t align);
extern void *_Znam(size_t size);
extern void *_ZnamSt11align_val_t(size_t size, size_t align);
extern void _ZdlPvSt11align_val_t(void *object, size_t align);
extern void _ZdaPv(void *object);
extern void _ZdaPvSt11align_val_t(void *object, size_t align);

#endif
