/*
 * malloc_usable_size of memory of the stack.
 */
#include "misuse.h"

int main(void)
{
	char p[64] = { 0 };

	opaque_size(malloc_usable_size(aim(p)));
	return 0;
}
