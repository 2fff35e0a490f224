/*
 * free_sized of a small object with a large size: seen at once.
 */
#include "misuse.h"

int main(void)
{
	void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");

	CHECK(sized, "no free_sized");
	sized(aim(must(malloc(100))), MIB);
	malloc_trim(0);
	return 0;
}
