/*
 * The address 16, which the kernel's kfree accepts; free does not.
 */
#include "misuse.h"

int main(void)
{
	free(must(malloc(10)));
	free(aim((void *)(uintptr_t)16));
	return 0;
}
