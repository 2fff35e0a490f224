/*
 * A small object is freed twice; further frees push it out of the thread's cache.
 */
#include "misuse.h"

int main(void)
{
	void *p = must(malloc(50));
	struct ballast ballast;

	take_ballast(&ballast, 50);
	free(p);
	free(aim(p));
	give_ballast(&ballast);
	return 0;
}
