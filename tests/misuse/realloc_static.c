/*
 * A static variable is resized.
 */
#include "misuse.h"

static char p[64];

int main(void)
{
	must(realloc(aim(p), 100));
	return 0;
}
