/*
 * A thread frees a small object twice and ends; its cache is given back then.
 */
#include "misuse.h"

static void *thread(void *p)
{
	free(p);
	free(aim(p));
	return NULL;
}

int main(void)
{
	in_thread(thread, must(malloc(50)));
	return 0;
}
