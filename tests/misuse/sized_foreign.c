/*
 * free_sized of memory of the stack.
 */
#include "misuse.h"

int main(void)
{
	void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
	char p[64];

	CHECK(sized, "no free_sized");
	sized(aim(p), 64);
	return 0;
}
