/*
 * An address that no process can have is resized.
 */
#include "misuse.h"

int main(void)
{
	must(realloc(aim((void *)(uintptr_t)0x5a5a5a5a5a5a5a50), 100));
	return 0;
}
