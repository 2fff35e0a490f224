/*
 * A program whose only mention of malloc's family is one function, named by TAKE.
 *
 * An archive is linked member by member, on demand. If that one name brought in a member that lacks
 * another name which libc needs, libc's malloc would be linked beside it: a duplicate symbol, or
 * two allocators in one program, one of which frees the blocks of the other.
 */
#include "outside.h"
#include <malloc.h>

#define BLOCK  208
#define BLOCKS 1000

__attribute__((unused)) static void *by_posix_memalign(void)
{
	void *p = NULL;

	return posix_memalign(&p, 16, BLOCK) ? NULL : p;
}

/* the words of libc that allocate without being of malloc's family */
__attribute__((unused)) static void *by_strdup(void)
{
	static char text[BLOCK];

	memset(text, 'x', sizeof(text) - 1);
	return strdup(text);
}

int main(void)
{
	for (int i = 0; i < BLOCKS; i++)
		CHECK(opaque(TAKE), "no memory");
	puts("PASS");
	return 0;
}
