/*
 * A program with its own operator new and delete.
 *
 * The standard lets a program replace only the plain pair: the array, nothrow and sized forms are
 * then defined to call the program's. A library that serves those forms from its own memory hands
 * out blocks that the program's delete has never seen. Here the program's blocks carry a mark in
 * front, and its delete refuses a block without one.
 */
#include "outside.h"
#include <new>
#include <vector>

static const uint64_t mark = 0x6d61726b6d61726bULL;
static int taken, given;

void *operator new(size_t n)
{
	uint64_t *p = static_cast<uint64_t *>(malloc(n + 16));

	if (!p)
		throw std::bad_alloc();
	p[0] = mark;
	taken++;
	return p + 2;
}

/* leaving out the sized form is the point */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif
void operator delete(void *p) noexcept
{
	uint64_t *q = static_cast<uint64_t *>(p);

	if (!q)
		return;
	CHECK(q[-2] == mark, "%p is not of this program's operator new", p);
	q[-2] = 0;
	given++;
	free(q - 2);
}

static void expect(int n, const char *form)
{
	CHECK(taken == n && given == n, "%s: %d taken, %d given back, not %d", form, taken, given,
	      n);
}

int main()
{
	require_provider();
	operator delete(opaque(operator new(100)));
	expect(1, "plain");
	operator delete (opaque(operator new(100)), size_t{ 100 });
	expect(2, "sized");
	operator delete(opaque(operator new(100, std::nothrow)));
	expect(3, "nothrow new");
	operator delete(opaque(operator new(100)), std::nothrow);
	expect(4, "nothrow delete");
	operator delete[](opaque(operator new[](100)));
	expect(5, "array");
	operator delete[](opaque(operator new[](100)), size_t{ 100 });
	expect(6, "sized array");
	operator delete[](opaque(operator new[](100, std::nothrow)), std::nothrow);
	expect(7, "nothrow array");
	{
		std::vector<int> v(1000);
	}
	expect(8, "vector");
	puts("PASS");
	return 0;
}
