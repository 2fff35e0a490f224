/*
 * A static variable.
 */
#include "misuse.h"

static char p[64];

int main(void)
{
	free(must(malloc(10)));
	free(aim(p));
	return 0;
}
