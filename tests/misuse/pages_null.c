/*
 * There is no page to free: alloc_page() was refused, and nobody looked.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	aim(NULL);
	__free_page((struct page *)opaque(NULL));
	return 0;
}
