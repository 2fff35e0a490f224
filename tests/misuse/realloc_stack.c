/*
 * Memory of the stack is resized.
 */
#include "misuse.h"

int main(void)
{
	char p[64] = { 0 };

	must(realloc(aim(p), 100));
	return 0;
}
