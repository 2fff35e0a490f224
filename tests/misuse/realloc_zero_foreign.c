/*
 * realloc(p, 0) frees, and so refuses what free refuses.
 */
#include "misuse.h"

static char p[64];

int main(void)
{
	opaque(realloc(aim(p), opaque_size(0)));
	return 0;
}
