/* SPDX-License-Identifier: MIT */
/*
 * The nothrow forms, for the shared library.
 *
 * When there is no memory they have to call the new-handler and to catch what it throws, which C
 * cannot. libstdc++'s own forms do just that around operator new, which is ours: so the way out is
 * to call the next definition in the process; likewise when the program has an operator new of its
 * own. The static library leaves these symbols to libstdc++.a altogether, for the same reason.
 */
#include <dlfcn.h>

#include "exports.h"
#include "kmalloc.h"
#include "operators.h"

typedef void *(*nothrow_new)(size_t size, const struct nothrow *tag);
typedef void *(*nothrow_aligned_new)(size_t size, size_t align, const struct nothrow *tag);

static bool has_handler(void)
{
	return _ZSt15get_new_handlerv && _ZSt15get_new_handlerv();
}

#define NOTHROW_NEW(name, is_ours)                                               \
	__export void *name(size_t size, const struct nothrow *tag);             \
	void *name(size_t size, const struct nothrow *tag)                       \
	{                                                                        \
		bool ours = is_ours();                                           \
		void *object = likely(ours) ? operator_allocate(size, 0) : NULL; \
		nothrow_new next;                                                \
                                                                                 \
		if (likely(object) || (ours && !has_handler()))                  \
			return object;                                           \
		next = (nothrow_new)dlsym(RTLD_NEXT, #name);                     \
		return next ? next(size, tag) : NULL;                            \
	}

#define NOTHROW_ALIGNED_NEW(name, is_ours)                                           \
	__export void *name(size_t size, size_t align, const struct nothrow *tag);   \
	void *name(size_t size, size_t align, const struct nothrow *tag)             \
	{                                                                            \
		bool ours = is_ours();                                               \
		void *object = likely(ours) ? operator_allocate(size, align) : NULL; \
		nothrow_aligned_new next;                                            \
                                                                                     \
		if (likely(object) || (ours && !has_handler()))                      \
			return object;                                               \
		next = (nothrow_aligned_new)dlsym(RTLD_NEXT, #name);                 \
		return next ? next(size, align, tag) : NULL;                         \
	}

NOTHROW_NEW(_ZnwmRKSt9nothrow_t, operator_new_is_ours)
NOTHROW_NEW(_ZnamRKSt9nothrow_t, operator_array_new_is_ours)
NOTHROW_ALIGNED_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, operator_aligned_new_is_ours)
NOTHROW_ALIGNED_NEW(_ZnamSt11align_val_tRKSt9nothrow_t, operator_aligned_array_new_is_ours)

/* The matching deletes, which a constructor that throws calls. */
#define NOTHROW_DELETE(name, delete)                                 \
	__export void name(void *object, const struct nothrow *tag); \
	void name(void *object, const struct nothrow *tag __unused)  \
	{                                                            \
		delete (object);                                     \
	}

#define NOTHROW_ALIGNED_DELETE(name, delete)                                       \
	__export void name(void *object, size_t align, const struct nothrow *tag); \
	void name(void *object, size_t align, const struct nothrow *tag __unused)  \
	{                                                                          \
		delete (object, align);                                            \
	}

NOTHROW_DELETE(_ZdlPvRKSt9nothrow_t, _ZdlPv)
NOTHROW_DELETE(_ZdaPvRKSt9nothrow_t, _ZdaPv)
NOTHROW_ALIGNED_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, _ZdlPvSt11align_val_t)
NOTHROW_ALIGNED_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, _ZdaPvSt11align_val_t)
