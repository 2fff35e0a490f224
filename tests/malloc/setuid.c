/*
 * For setuid.sh: says whether the kernel regards this program as set-uid (AT_SECURE), and
 * allocates.
 */
#include "outside.h"
#include <sys/auxv.h>

int main(void)
{
	void *p = opaque(malloc(1000));

	CHECK(p, "no memory");
	free(p);
	puts(getauxval(AT_SECURE) ? "secure" : "plain");
	return 0;
}
