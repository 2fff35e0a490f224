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

#endif
