/*
 * A block of ten pages is freed twice, with live blocks around it: seen at once.
 */
#include "misuse.h"

int main(void)
{
	void *before = must(malloc(40000));
	void *p = must(malloc(40000));
	void *after = must(malloc(40000));

	free(p);
	free(aim(p));
	free(before);
	free(after);
	return 0;
}
