/*
 * free_sized with a size of another class.
 */
#include "misuse.h"

int main(void)
{
	void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");

	CHECK(sized, "no free_sized");
	sized(aim(must(malloc(100))), 200);
	malloc_trim(0);
	return 0;
}
