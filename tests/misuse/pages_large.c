/*
 * A block of malloc is freed as pages.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = must(malloc(40000));

	free_pages((unsigned long)aim(p), 3);
	return 0;
}
