/*
 * A small LD_AUDIT library that allocates in its callbacks.
 *
 * An audit library lives in a link-map namespace of its own, with a libc of its own, and is called
 * by the dynamic linker at moments when the program's malloc is not there yet, or is only half
 * relocated. Built twice: on its namespace's libc alone, and linked with the library, so that two
 * copies of the library live in one process.
 */
#include "outside.h"
#include <link.h>

static void *kept[256];
static size_t calls;

static void allocate(void)
{
	size_t n = ++calls * 97 % 5000;
	size_t slot = calls % ARRAY_SIZE(kept);

	free(kept[slot]);
	kept[slot] = malloc(n);
	CHECK(kept[slot], "no memory in an audit callback");
	memset(kept[slot], 0x77, n);
}

unsigned int la_version(unsigned int version)
{
	allocate();
	return version < LAV_CURRENT ? version : LAV_CURRENT;
}

unsigned int la_objopen(struct link_map *map, Lmid_t lmid, uintptr_t *cookie)
{
	(void)map;
	(void)lmid;
	(void)cookie;
	allocate();
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

char *la_objsearch(const char *name, uintptr_t *cookie, unsigned int flag)
{
	(void)cookie;
	(void)flag;
	allocate();
	return (char *)(uintptr_t)name;
}

void la_activity(uintptr_t *cookie, unsigned int flag)
{
	(void)cookie;
	(void)flag;
	allocate();
}

void la_preinit(uintptr_t *cookie)
{
	(void)cookie;
	allocate();
}

uintptr_t la_symbind64(Elf64_Sym *sym, unsigned int ndx, uintptr_t *refcook, uintptr_t *defcook,
		       unsigned int *flags, const char *symname)
{
	(void)ndx;
	(void)refcook;
	(void)defcook;
	(void)flags;
	(void)symname;
	allocate();
	return sym->st_value;
}

unsigned int la_objclose(uintptr_t *cookie)
{
	(void)cookie;
	allocate();
	return 0;
}
