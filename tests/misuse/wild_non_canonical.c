/*
 * An address that no x86-64 process can have.
 */
#include "misuse.h"

int main(void)
{
	free(must(malloc(10)));
	free(aim((void *)(uintptr_t)0x5a5a5a5a5a5a5a50));
	return 0;
}
