/*
 * free_sized of a large block with a small size: seen at once.
 */
#include "misuse.h"

int main(void)
{
	void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");

	CHECK(sized, "no free_sized");
	sized(aim(must(malloc(MIB))), 100);
	return 0;
}
