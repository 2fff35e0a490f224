/*
 * A program that holds known amounts of memory of each kind, for what `kmem explain-rss` says of
 * it.
 *
 * Says on standard output what it holds, a line "NAME BYTES" each and "ready", and stays until its
 * standard input ends. Names are those of explain-rss's JSON. For each line that it reads it takes
 * 5000 objects of 1000 bytes more.
 */
#include "outside.h"
#include <kmem/gfp.h>
#include <sys/mman.h>

static void *touched(size_t size)
{
	void *p = opaque(malloc(size));

	CHECK(p, "no memory");
	memset(p, 1, size);
	return p;
}

static void held(const char *name, size_t bytes)
{
	printf("%s %zu\n", name, bytes);
}

/* Objects of two classes, of one every second freed again: more than sheaves take. */
static void hold_objects(void)
{
	static void *small[40000];
	size_t i;

	for (i = 0; i < 20000; i++)
		touched(1000);
	for (i = 0; i < ARRAY_SIZE(small); i++)
		small[i] = touched(210);
	for (i = 0; i < ARRAY_SIZE(small); i += 2)
		free(small[i]);
	held("live_objects", 20000 * 1024 + ARRAY_SIZE(small) / 2 * 224);
	held("partial_slabs", ARRAY_SIZE(small) / 2 * 224);
}

/* Freed memory stays, as decay_ms=-1 asks. */
static void hold_pages(void)
{
	void *block[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(block); i++)
		block[i] = touched(256 << 10);
	for (i = 0; i < 40; i++)
		touched(300 << 10);
	for (i = 0; i < ARRAY_SIZE(block); i++)
		free(block[i]);
	held("free_pages", ARRAY_SIZE(block) * (256 << 10));
	held("large_blocks", 40 * (300 << 10));
}

/* By the kernel's names, which a preloaded library has as well. */
static void hold_kernel(void)
{
	unsigned long (*get_pages)(gfp_t flags, unsigned int order);
	unsigned int i;
	void *p;

	*(void **)&get_pages = dlsym(RTLD_DEFAULT, "libkmem___get_free_pages");
	CHECK(get_pages, "no __get_free_pages");
	for (i = 0; i < 64; i++) {
		p = (void *)get_pages(GFP_KERNEL, 4);
		CHECK(p, "no memory");
		memset(p, 1, 64 << 10);
	}
	held("pages", 64 * (64 << 10));
}

/* What was never written is no memory, even where it was read. */
static void hold_areas(void)
{
	char *p = opaque(malloc(96 * MIB)), *zero = opaque(calloc(1, 80 * MIB));
	size_t i, sum = 0;

	CHECK(p && zero, "no memory");
	memset(p, 1, 24 * MIB);
	for (i = 0; i < 80 * MIB; i += 4096)
		sum += (unsigned char)zero[i];
	CHECK(sum == 0, "calloc's memory is not zero");
	held("areas", 24 * MIB);
}

static void hold_foreign(void)
{
	char *own =
		mmap(NULL, 12 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *shared =
		mmap(NULL, 6 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(own != MAP_FAILED && shared != MAP_FAILED, "no memory");
	memset(own, 1, 12 * MIB);
	memset(shared, 1, 6 * MIB);
	held("anonymous", 12 * MIB);
	held("shared", 6 * MIB);
}

int main(void)
{
	size_t i;
	char c;

	hold_objects();
	hold_kernel();
	hold_pages();
	hold_areas();
	hold_foreign();
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) == 1)
		for (i = 0; c == '\n' && i < 5000; i++)
			touched(1000);
	return 0;
}
