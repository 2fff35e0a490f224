/* SPDX-License-Identifier: MIT */
/*
 * The nothrow forms, for the shared library.
 *
 * When there is no memory they have to call the new-handler and to catch what it throws, which C
 * cannot. libstdc++'s own forms do just that around operator new, which is ours: so the way out is
 * to call the next definition in the process. The static library leaves these symbols to libstdc++.a
 * altogether, for the same reason.
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

static __noinline void *try_again(const char *name, size_t size, const struct nothrow *tag)
{
	nothrow_new next = has_handler() ? (nothrow_new)dlsym(RTLD_NEXT, name) : NULL;

	return next ? next(size, tag) : NULL;
}

static __noinline void *try_again_aligned(const char *name, size_t size, size_t align,
					  const struct nothrow *tag)
{
	nothrow_aligned_new next = has_handler() ? (nothrow_aligned_new)dlsym(RTLD_NEXT, name) :
						   NULL;

	return next ? next(size, align, tag) : NULL;
}

#define NOTHROW_NEW(name)                                                     \
	__export void *name(size_t size, const struct nothrow *tag);          \
	void *name(size_t size, const struct nothrow *tag)                    \
	{                                                                     \
		void *object = operator_allocate(size, 0);                    \
                                                                              \
		return likely(object) ? object : try_again(#name, size, tag); \
	}

#define NOTHROW_ALIGNED_NEW(name)                                                            \
	__export void *name(size_t size, size_t align, const struct nothrow *tag);           \
	void *name(size_t size, size_t align, const struct nothrow *tag)                     \
	{                                                                                    \
		void *object = operator_allocate(size, align);                               \
                                                                                             \
		return likely(object) ? object : try_again_aligned(#name, size, align, tag); \
	}

NOTHROW_NEW(_ZnwmRKSt9nothrow_t)
NOTHROW_NEW(_ZnamRKSt9nothrow_t)
NOTHROW_ALIGNED_NEW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NOTHROW_ALIGNED_NEW(_ZnamSt11align_val_tRKSt9nothrow_t)

/* The matching deletes, which a constructor that throws calls. */
#define NOTHROW_DELETE(name, ...)                        \
	__export void name(void *object, ##__VA_ARGS__); \
	void name(void *object, ##__VA_ARGS__)           \
	{                                                \
		free(object);                            \
	}

NOTHROW_DELETE(_ZdlPvRKSt9nothrow_t, const struct nothrow *tag __unused)
NOTHROW_DELETE(_ZdaPvRKSt9nothrow_t, const struct nothrow *tag __unused)
NOTHROW_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, size_t align __unused,
	       const struct nothrow *tag __unused)
NOTHROW_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, size_t align __unused,
	       const struct nothrow *tag __unused)
