/* SPDX-License-Identifier: MIT */
/*
 * copy_on_write - after fork both have the same pages, until one of the two writes.
 *
 * fork copies the areas and the page tables, and takes the right to write out of both tables: the
 * frames themselves have two users now. The first write of either faults, the kernel sees an area
 * that may be written and a frame with two users, copies the frame, and the writer gets the copy.
 * The other one keeps the old frame, and is its only user from then on.
 *
 *      before        after fork       the child writes 2    the parent writes 5
 *      parent        parent  child    parent  child         parent  child
 *      P P P P       s       s        s       s             s       s        s: shared
 *                    s       s        P  <->  P             P       P        P: private
 *
 * The last part shows why an allocator must not write into free memory: free() puts no list pointer
 * into the object, so a child that frees what it inherited copies none of the objects' pages.
 */
#include "lecture.h"

#define PAGES 8

static char *area;
static int to_child[2], to_parent[2];

static void show(const char *who)
{
	printf("  %-8s", who);
	for (int i = 0; i < PAGES; i++)
		printf(" %c", pagemap(area + i * PAGE) & PM_EXCLUSIVE ? 'P' : 's');
	printf("\n");
}

/* Whether pages are this process's alone exactly where @map has a P. */
static bool looks_like(const char *map)
{
	bool same = true;

	for (int i = 0; i < PAGES; i++)
		same &= !!(pagemap(area + i * PAGE) & PM_EXCLUSIVE) == (map[i] == 'P');
	return same;
}

static void child_of_fork(void)
{
	long faults;

	printf("\nafter fork:\n");
	show("child");
	CLAIM(looks_like("ssssssss"), "the child has all pages, and none for itself");
	say_so(to_parent);
	wait_for_it(to_child);

	faults = minor_faults();
	area[2 * PAGE] = 'c';
	CLAIM(minor_faults() > faults, "the child's write to page 2 took a fault");
	printf("after that write:\n");
	show("child");
	CLAIM(looks_like("ssPsssss"), "page 2 has parted, and no other");
	say_so(to_parent);
	wait_for_it(to_child);

	CLAIM(area[5 * PAGE] == 'x', "the child does not see the parent's write to page 5");
	CLAIM(area[2 * PAGE] == 'c', "and has its own page 2");
	_exit(0);
}

static void part(void)
{
	uint64_t frame;
	pid_t child;
	long faults;

	stay_on_this_cpu();
	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(area != MAP_FAILED);
	(void)madvise(area, PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(area, 'x', PAGES * PAGE);
	printf("before fork:\n");
	show("parent");
	CLAIM(looks_like("PPPPPPPP"), "eight pages written, all the parent's own");
	MUST(!pipe(to_child) && !pipe(to_parent));
	child = fork();
	MUST(child >= 0);
	if (!child)
		child_of_fork();

	wait_for_it(to_parent);
	show("parent");
	CLAIM(looks_like("ssssssss"), "nor does the parent have any for itself");
	say_so(to_child);
	wait_for_it(to_parent);
	show("parent");
	CLAIM(looks_like("ssPsssss"), "the old frame of page 2 is the parent's alone");
	CLAIM(area[2 * PAGE] == 'x', "and says what it said");
	area[5 * PAGE] = 'p';
	printf("after the parent's write to page 5:\n");
	show("parent");
	CLAIM(looks_like("ssPssPss"), "a parent's write parts a page just the same");
	say_so(to_child);
	CLAIM(ended_well(child), "the child has ended");

	printf("with the child gone:\n");
	show("parent");
	CLAIM(looks_like("PPPPPPPP"), "all pages are the parent's alone again");
	frame = pagemap(area) & PM_FRAME;
	faults = minor_faults();
	area[0] = 'p';
	CLAIM(minor_faults() > faults,
	      "the first write still faults: the right to write is missing");
	CLAIM((pagemap(area) & PM_FRAME) == frame, "but nothing is copied: the frame has one user");
}

#define OBJECTS 512
#define SIZE	128

/* Objects of 128 bytes, 32 to a page. */
static void free_in_a_child(void)
{
	static char *object[OBJECTS];
	size_t shared = 0;
	pid_t child;

	for (int i = 0; i < OBJECTS; i++)
		MUST((object[i] = malloc(SIZE)) && memset(object[i], 'm', SIZE));
	fflush(stdout);
	child = fork();
	MUST(child >= 0);
	if (!child) {
		for (int i = 0; i < OBJECTS; i++)
			free(object[i]);
		for (int i = 0; i < OBJECTS; i++)
			shared += !(pagemap(object[i]) & PM_EXCLUSIVE);
		printf("\nthe child freed %d objects of malloc: ", OBJECTS);
		printf("%zu of them still lie in shared pages\n", shared);
		CLAIM(shared == OBJECTS, "free wrote into none of them: no page has parted");
		_exit(0);
	}
	CLAIM(ended_well(child), "and the parent's objects are whole: %c", object[0][SIZE - 1]);
}

int main(void)
{
	lecture("Copy on write");
	part();
	free_in_a_child();
	return 0;
}
