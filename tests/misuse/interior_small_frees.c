/*
 * A pointer into a small object; further frees push it out of the thread's cache.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(1000));
	struct ballast ballast;

	take_ballast(&ballast, 1000);
	free(aim(p + 16));
	give_ballast(&ballast);
	return 0;
}
