/* SPDX-License-Identifier: MIT */
/*
 * fork_areas - a parent's areas and its child's, side by side.
 *
 * fork gives the child a memory descriptor of its own, with a copy of each area: same addresses,
 * same rights, same file. From then on they are two address spaces: what one maps or unmaps, the
 * other does not see. Three areas are marked before the fork to show what a process can say about
 * that:
 *
 *      shared    MAP_SHARED          the child has the area, and the very same pages
 *      private   MAP_PRIVATE         the child has the area, and the pages until one of them writes
 *      kept      MADV_DONTFORK       the child does not have the area at all
 *      wiped     MADV_WIPEONFORK     the child has the area, and it reads as zero
 */
#include "lecture.h"

#define SIZE (4 * PAGE)

static char *shared, *private, *kept, *wiped;
static int to_child[2], to_parent[2];

static char *map(int kind)
{
	char *area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);

	MUST(area != MAP_FAILED);
	/* A page that may not be touched, so that the kernel does not make one area of two. */
	MUST(mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	memset(area, 'p', SIZE);
	return area;
}

static bool same(const struct area *a, const struct area *b)
{
	return a->start == b->start && a->end == b->end && !strcmp(a->perms, b->perms) &&
	       !strcmp(a->name, b->name);
}

static const char *mark(const struct area *area)
{
	const char *slash = strrchr(area->name, '/');

	if (area->start == (uintptr_t)shared)
		return "shared";
	if (area->start == (uintptr_t) private)
		return "private";
	if (area->start == (uintptr_t)kept)
		return "kept";
	if (area->start == (uintptr_t)wiped)
		return "wiped";
	return slash ? slash + 1 : area->name;
}

static void print_half(const struct area *area)
{
	if (area)
		printf("  %012lx-%012lx %s", area->start, area->end, area->perms);
	else
		printf("  %-30s", "-");
}

/* Both lists are in order of addresses. How many lines differ; prints all or only those. */
static unsigned int compare(pid_t child, bool all)
{
	size_t parents, childs, i = 0, j = 0;
	const struct area *p = read_areas(getpid(), &parents), *c = read_areas(child, &childs);
	unsigned int differ = 0;

	printf("  %-30s  %-30s\n", "parent", "child");
	while (i < parents || j < childs) {
		bool left = i < parents && (j == childs || p[i].start <= c[j].start);
		bool right = j < childs && (i == parents || c[j].start <= p[i].start);
		bool differs = !left || !right || !same(&p[i], &c[j]);

		differ += differs;
		if (all || differs) {
			print_half(left ? &p[i] : NULL);
			print_half(right ? &c[j] : NULL);
			printf("  %s%s\n", mark(left ? &p[i] : &c[j]), differs ? "  <--" : "");
		}
		i += left;
		j += right;
	}
	return differ;
}

static void child_of_fork(void)
{
	char *new;

	say_so(to_parent);
	wait_for_it(to_child);
	CLAIM(shared[0] == 'p' && private[0] == 'p', "the child reads what the parent wrote");
	CLAIM(wiped[0] == 0, "but zero where the parent asked for that");
	shared[1] = 'c';
	private[1] = 'c';

	MUST(!munmap(private, SIZE));
	new = mmap(NULL, 16 * SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(new != MAP_FAILED);
	say_so(to_parent);
	wait_for_it(to_child);
	_exit(0);
}

int main(void)
{
	unsigned int differ;
	pid_t child;

	lecture("The areas of a parent and of its child");
	shared = map(MAP_SHARED);
	private = map(MAP_PRIVATE);
	kept = map(MAP_PRIVATE);
	wiped = map(MAP_PRIVATE);
	MUST(!madvise(kept, SIZE, MADV_DONTFORK) && !madvise(wiped, SIZE, MADV_WIPEONFORK));
	MUST(!pipe(to_child) && !pipe(to_parent));
	MUST(malloc(100) != NULL);
	child = fork();
	MUST(child >= 0);
	if (!child)
		child_of_fork();

	wait_for_it(to_parent);
	printf("after fork:\n");
	differ = compare(child, true);
	CLAIM(differ == 1, "one area differs: the one that was marked not to be inherited");

	say_so(to_child);
	wait_for_it(to_parent);
	printf("\nthe child has unmapped one area and mapped another; what differs now:\n");
	CLAIM(compare(child, false) >= 2, "the child's areas are its own to change");
	CLAIM(private[1] == 'p', "and the parent still has the private area, as it was");
	CLAIM(shared[1] == 'c', "what the child wrote to the shared one is there as well");
	say_so(to_child);
	CLAIM(ended_well(child), "the child has ended");
	return 0;
}
