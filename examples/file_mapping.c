/* SPDX-License-Identifier: MIT */
/*
 * file_mapping - a file in the address space, private and shared.
 *
 * Both kinds read the file's pages in the page cache, without copying them. They differ when they
 * are written: a shared mapping writes to the file's page, for everyone who has it; a private one
 * parts with it, as after fork, and gets a page that is no longer the file's.
 *
 *      file (page cache)    |  a  |  b  |  c  |  d  |
 *                              ^ ^   ^ ^   ^     ^ ^
 *      shared  rw-s ...........|.|...|.|...|.....|.|     writes go to the file
 *      private rw-p .............|.....|...x.......|     page 2 was written: a copy
 *                                      private 2: | C |
 */
#include "lecture.h"

#define PAGES 4

static char *shared, *private;
static int file;

static void make_file(void)
{
	char path[256], page[PAGE];
	const char *directory = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/file_mapping.XXXXXX", directory ? directory : "/tmp");
	file = mkstemp(path);
	MUST(file >= 0 && !unlink(path));
	for (int i = 0; i < PAGES; i++) {
		memset(page, 'a' + i, sizeof(page));
		MUST(write(file, page, sizeof(page)) == (ssize_t)sizeof(page));
	}
}

static char in_file(size_t page)
{
	char byte = 0;

	MUST(pread(file, &byte, 1, (off_t)(page * PAGE)) == 1);
	return byte;
}

static void row(const char *name, const char *mapping)
{
	printf("  %-8s ", name);
	for (size_t i = 0; i < PAGES; i++) {
		char byte = mapping ? mapping[i * PAGE] : in_file(i);
		bool of_file = !mapping || pagemap(mapping + i * PAGE) & PM_FILE;

		printf("  %c %s", byte, of_file ? "(file)" : "(own) ");
	}
	printf("\n");
}

static void show(const char *when)
{
	printf("\n%s\n", when);
	row("file", NULL);
	row("shared", shared);
	row("private", private);
}

static void map_it(void)
{
	const struct area *areas, *area;
	size_t count;

	shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	private = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	MUST(shared != MAP_FAILED && private != MAP_FAILED);
	areas = read_areas(getpid(), &count);
	area = area_of(areas, count, shared);
	MUST(area != NULL);
	print_area(area);
	CLAIM(!strcmp(area->perms, "rw-s"), "the shared mapping is an area of its own, marked s");
	area = area_of(areas, count, private);
	MUST(area != NULL);
	print_area(area);
	CLAIM(!strcmp(area->perms, "rw-p"), "and so is the private one, marked p");
}

static void write_to_it(void)
{
	show("read only:");
	CLAIM(pagemap(shared) & pagemap(private) & PM_FILE, "both show the file's own pages");

	shared[1 * PAGE] = 'B';
	show("page 1 written through the shared mapping:");
	CLAIM(in_file(1) == 'B', "the file has it");
	CLAIM(private[1 * PAGE] == 'B', "and so has the private mapping: it did not write there");

	private[2 * PAGE] = 'C';
	show("page 2 written through the private mapping:");
	CLAIM(in_file(2) == 'c' && shared[2 * PAGE] == 'c',
	      "neither the file nor the shared one has it");
	CLAIM(!(pagemap(private + 2 * PAGE) & PM_FILE), "that page is the process's own now");
	CLAIM(pagemap(private + 3 * PAGE) & PM_FILE, "the one beside it is still the file's");

	shared[2 * PAGE] = 'X';
	show("page 2 written through the shared mapping:");
	CLAIM(in_file(2) == 'X' && private[2 * PAGE] == 'C', "a page that has parted stays apart");
}

/* A child shares what is mapped shared, and parts with what is private. */
static void fork_with_it(void)
{
	pid_t child = fork();

	MUST(child >= 0);
	if (!child) {
		shared[0] = 'S';
		private[0] = 'P';
		_exit(0);
	}
	CLAIM(ended_well(child), "a child writes S and P to page 0 of the two");
	show("after the child:");
	CLAIM(shared[0] == 'S' && in_file(0) == 'S', "the shared write is the parent's too");
	CLAIM(private[0] == 'S', "the private one is not: the parent still sees the file's page");
}

/* The area may end after the file does; the pages in between have nothing to show. */
static void look_past_the_end(void)
{
	pid_t child;
	int status;

	MUST(!ftruncate(file, 1 * PAGE));
	child = fork();
	MUST(child >= 0);
	if (!child)
		_exit(((volatile char *)shared)[1 * PAGE]);
	MUST(waitpid(child, &status, 0) == child);
	printf("\nthe file cut to one page:\n");
	CLAIM(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS,
	      "to touch page 1 is SIGBUS: the area is there, the file's page is not");
}

int main(void)
{
	lecture("A file, mapped private and shared");
	make_file();
	map_it();
	write_to_it();
	fork_with_it();
	look_past_the_end();
	return 0;
}
