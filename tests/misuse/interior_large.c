/*
 * A pointer one page into a large block: seen at once.
 */
#include "misuse.h"

int main(void)
{
	char *p = must(malloc(MIB));

	free(aim(p + 4096));
	return 0;
}
