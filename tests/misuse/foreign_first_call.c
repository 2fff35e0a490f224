/*
 * Memory of the stack, freed before the program has allocated anything.
 */
#include "misuse.h"

int main(void)
{
	char p[64];

	free(aim(p));
	return 0;
}
