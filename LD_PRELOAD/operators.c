/* SPDX-License-Identifier: MIT */
/*
 * operator new and delete, every form that throws or cannot fail.
 *
 * When there is no memory, operator new calls the program's new-handler, which makes room, throws,
 * or ends the program, and tries again; without a handler it throws std::bad_alloc. That is
 * libstdc++'s doing: a process without it has no C++ to throw at and is ended with a message.
 *
 * The sizes given to delete are not checked: class hierarchies without virtual destructors give
 * wrong ones, and run.
 */
#include "operators.h"

#include "exports.h"
#include "kmalloc.h"
#include "report.h"

/* std::__throw_bad_alloc() */
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

void *operator_allocate(size_t size, size_t align)
{
	return align > KMALLOC_MIN_ALIGN ? kmalloc_aligned(size, align) : own_malloc(size);
}

static __noinline void *out_of_memory(size_t size, size_t align)
{
	void *object;

	do {
		new_handler handler = _ZSt15get_new_handlerv ? _ZSt15get_new_handlerv() : NULL;

		if (!handler) {
			if (_ZSt17__throw_bad_allocv)
				_ZSt17__throw_bad_allocv();
			kmem_bug(
				"-: operator new: no memory for %zu bytes, and no libstdc++ to say so",
				size);
		}
		handler();
		object = operator_allocate(size, align);
	} while (!object);
	return object;
}

static __always_inline void *operator_new(size_t size, size_t align)
{
	void *object = operator_allocate(size, align);

	return likely(object) ? object : out_of_memory(size, align);
}

#define DECLARE_NEW(name, ...)            \
	__export void *name(__VA_ARGS__); \
	void *name(__VA_ARGS__)

/* The same by names that nobody can replace. */
void *own_new(size_t size) __attribute__((alias("_Znwm"), visibility("hidden")));
void *own_array_new(size_t size) __attribute__((alias("_Znam"), visibility("hidden")));
void *own_aligned_new(size_t size, size_t align)
	__attribute__((alias("_ZnwmSt11align_val_t"), visibility("hidden")));
void *own_aligned_array_new(size_t size, size_t align)
	__attribute__((alias("_ZnamSt11align_val_t"), visibility("hidden")));

#define DECLARE_DELETE(name, ...)        \
	__export void name(__VA_ARGS__); \
	void name(__VA_ARGS__)

DECLARE_NEW(_Znwm, size_t size)
{
	return operator_new(size, 0);
}

DECLARE_NEW(_ZnwmSt11align_val_t, size_t size, size_t align)
{
	return operator_new(size, align);
}

/*
 * The other forms are defined by these and by delete(void *), as the standard has it: a program may
 * replace just those, and all the others must then follow.
 */
DECLARE_NEW(_Znam, size_t size)
{
	return _Znwm(size);
}

DECLARE_NEW(_ZnamSt11align_val_t, size_t size, size_t align)
{
	return _ZnwmSt11align_val_t(size, align);
}

DECLARE_DELETE(_ZdaPv, void *object)
{
	_ZdlPv(object);
}

DECLARE_DELETE(_ZdlPvm, void *object, size_t size __unused)
{
	_ZdlPv(object);
}

DECLARE_DELETE(_ZdaPvm, void *object, size_t size __unused)
{
	_ZdaPv(object);
}

DECLARE_DELETE(_ZdlPvSt11align_val_t, void *object, size_t align __unused)
{
	own_free(object);
}

DECLARE_DELETE(_ZdaPvSt11align_val_t, void *object, size_t align)
{
	_ZdlPvSt11align_val_t(object, align);
}

DECLARE_DELETE(_ZdlPvmSt11align_val_t, void *object, size_t size __unused, size_t align)
{
	_ZdlPvSt11align_val_t(object, align);
}

DECLARE_DELETE(_ZdaPvmSt11align_val_t, void *object, size_t size __unused, size_t align)
{
	_ZdaPvSt11align_val_t(object, align);
}

bool operator_new_is_ours(void)
{
	return _Znwm == own_new;
}

bool operator_array_new_is_ours(void)
{
	return _Znam == own_array_new && _Znwm == own_new;
}

bool operator_aligned_new_is_ours(void)
{
	return _ZnwmSt11align_val_t == own_aligned_new;
}

bool operator_aligned_array_new_is_ours(void)
{
	return _ZnamSt11align_val_t == own_aligned_array_new &&
	       _ZnwmSt11align_val_t == own_aligned_new;
}
