/*
 * Memory that the program mapped itself.
 */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
	void *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED, "mmap");
	free(must(malloc(10)));
	free(aim(p));
	return 0;
}
