/*
 * Memory that the program mapped itself is resized.
 */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
	void *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED, "mmap");
	must(realloc(aim(p), 100));
	return 0;
}
