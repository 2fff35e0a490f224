/*
 * Memory of the stack is freed as a page.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	static char page[8192] __attribute__((aligned(4096)));

	free_page((unsigned long)aim(page));
	return 0;
}
