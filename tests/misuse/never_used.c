/*
 * A pointer to memory of the allocator that no object was ever in: the same 64 MiB as a live
 * object, on the side of it that has more room.
 */
#include "misuse.h"

int main(void)
{
	uintptr_t p = (uintptr_t)must(malloc(64));
	uintptr_t section = p & ~(uintptr_t)(64 * MIB - 1);
	uintptr_t target = section + (p - section > 32 * MIB ? 8 * MIB : 56 * MIB);

	free(aim((void *)target));
	return 0;
}
