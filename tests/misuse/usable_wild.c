/*
 * malloc_usable_size of an address that no process can have.
 */
#include "misuse.h"

int main(void)
{
	opaque_size(malloc_usable_size(aim((void *)(uintptr_t)0x5a5a5a5a5a5a5a50)));
	return 0;
}
