/*
 * A function.
 */
#include "misuse.h"

int main(void)
{
	free(must(malloc(10)));
	free(aim((void *)(uintptr_t)main));
	return 0;
}
