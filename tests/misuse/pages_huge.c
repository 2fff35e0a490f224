/*
 * A block of malloc with a mapping of its own is freed as pages.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = must(malloc(100 * MIB));

	free_pages((unsigned long)aim(p), 3);
	return 0;
}
