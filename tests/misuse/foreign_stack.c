/*
 * Memory of the stack.
 */
#include "misuse.h"

int main(void)
{
	char p[64];

	free(must(malloc(10)));
	free(aim(p));
	return 0;
}
