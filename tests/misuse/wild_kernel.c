/*
 * An address of the kernel's half.
 */
#include "misuse.h"

int main(void)
{
	free(must(malloc(10)));
	free(aim((void *)(uintptr_t)0xffffffff81000000));
	return 0;
}
