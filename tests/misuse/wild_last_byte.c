/*
 * The highest address there is, which MAP_FAILED is too.
 */
#include "misuse.h"

int main(void)
{
	free(must(malloc(10)));
	free(aim((void *)UINTPTR_MAX));
	return 0;
}
