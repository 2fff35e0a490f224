/*
 * The address 1.
 */
#include "misuse.h"

int main(void)
{
	free(must(malloc(10)));
	free(aim((void *)(uintptr_t)1));
	return 0;
}
