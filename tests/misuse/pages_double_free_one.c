/*
 * A single page, which its thread keeps on a list, is freed twice.
 */
#include "misuse.h"
#include <kmem/mm.h>

int main(void)
{
	void *p = (void *)__get_free_page(GFP_KERNEL);

	free_page((unsigned long)must(p));
	free_page((unsigned long)aim(p));
	return 0;
}
