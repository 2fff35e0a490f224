/* SPDX-License-Identifier: MIT */
/*
 * dlopen, without RTLD_DEEPBIND.
 *
 * A plug-in that is loaded with that flag looks for names among what it brings along before it asks
 * the program, and nearly each brings libc. So its free is libc's, and meets what the program got
 * from this library, or the other way round: PHP ends with its first extension. Where malloc is not
 * libc's the flag cannot be meant so, and is left out.
 *
 * Where to look for a plug-in depends on who calls dlopen, which libc tells by the return address:
 * so the call ends in a jump. Whoever has this library only by a plug-in of its own, with libc's
 * malloc for all others, gets what it asks for.
 */
#include <dlfcn.h>

#include "compiler.h"
#include "exports.h"

typedef void *dlopen_fn(const char *file, int mode);

static dlopen_fn *libc_dlopen;
static int left_out; /* of the mode; known before libc_dlopen is */

static __noinline __cold dlopen_fn *find(void)
{
	dlopen_fn *found = (dlopen_fn *)dlsym(RTLD_NEXT, "dlopen");

	if (dlsym(RTLD_DEFAULT, "malloc") != dlsym(RTLD_NEXT, "malloc"))
		WRITE_ONCE(left_out, RTLD_DEEPBIND);
	smp_store_release(&libc_dlopen, found);
	return found;
}

__export void *dlopen(const char *file, int mode)
{
	dlopen_fn *real = smp_load_acquire(&libc_dlopen);

	if (unlikely(!real))
		real = find();
	return real(file, mode & ~READ_ONCE(left_out));
}
