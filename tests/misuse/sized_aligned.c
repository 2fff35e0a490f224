/*
 * free_aligned_sized with a size of another class.
 */
#include "misuse.h"

int main(void)
{
	void (*sized)(void *, size_t, size_t) =
		(void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");

	CHECK(sized, "no free_aligned_sized");
	sized(aim(must(aligned_alloc(64, 128))), 64, 1024);
	malloc_trim(0);
	return 0;
}
