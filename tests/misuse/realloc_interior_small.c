/*
 * A pointer into a small object is resized.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(64));

	must(realloc(aim(p + 32), 5000));
	malloc_trim(0);
	return 0;
}
