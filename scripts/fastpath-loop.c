/*
 * The program whose instructions scripts/fastpath counts: N times the pair that
 * programs do most, a small malloc and its free.  The empty asm keeps the
 * compiler from seeing that the pair has no effect.
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 0;

	while (n-- > 0) {
		void *p = malloc(64);

		__asm__ volatile("" : "+r"(p) : : "memory");
		free(p);
	}
	return 0;
}
