/*
 * A pointer into a large block that was freed.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(MIB));

	free(p);
	free(aim(p + 300000));
	return 0;
}
