/* SPDX-License-Identifier: MIT */
/*
 * lecture.h - what the examples share: claims, and three views that the operating system gives of a
 * process: its areas (/proc/PID/maps), its page faults, and its page tables (/proc/self/pagemap).
 *
 * A claim is a sentence of the lecture with the condition that makes it true here. One that does
 * not hold ends the program with exit code 1, so an example that runs to its end has shown what it
 * says.
 *
 * Nothing here allocates: looking at memory must not change what is looked at.
 */
#ifndef KMEM_EXAMPLES_LECTURE_H
#define KMEM_EXAMPLES_LECTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul /* the library's unit, and that of the page tables here */

/* The title of an example; stdout shows each line at once, also in a child. */
static inline void lecture(const char *title)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%s\n", title);
	for (size_t i = 0; i < strlen(title); i++)
		putchar('=');
	printf("\n\n");
}

#define CLAIM(holds, ...) claim((holds), #holds, __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 5, 6))) static inline void
claim(bool holds, const char *condition, const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf(holds ? "  [true]  " : "  [FALSE] ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	if (holds)
		return;
	printf("%s:%d: not so: %s\n", file, line, condition);
	fflush(stdout);
	_exit(1);
}

/* For what must work before there is anything to show. */
#define MUST(works) claim_works((works), #works, __FILE__, __LINE__)

static inline void claim_works(bool works, const char *what, const char *file, int line)
{
	if (works)
		return;
	printf("%s:%d: did not work: %s (%s)\n", file, line, what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* Valgrind stands between a program and the system, and has a malloc of its own for glibc's. */
static inline bool under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

/* ---- Areas: one line of /proc/PID/maps each ---- */

struct area {
	uintptr_t start, end;
	unsigned long offset;
	char perms[8]; /* r, w, x; p for private, s for shared */
	char name[64]; /* a file, or [heap], [stack], or nothing */
};

#define AREAS_AT_MOST 1024

static struct area *read_areas(pid_t pid, size_t *count) __attribute__((unused));
static struct area *read_areas(pid_t pid, size_t *count)
{
	static struct area areas[2][AREAS_AT_MOST];
	static char text[1 << 18];
	static unsigned int turn; /* the list before this one stays readable */
	struct area *a = areas[turn++ % 2];
	size_t length = 0;
	ssize_t n;
	char path[64], *line = text, *next;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	fd = open(path, O_RDONLY);
	MUST(fd >= 0);
	while ((n = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)n;
	close(fd);
	text[length] = '\0';
	for (*count = 0; *line && *count < AREAS_AT_MOST; line = next + 1, ++*count) {
		next = strchr(line, '\n');
		*next = '\0';
		a[*count].name[0] = '\0';
		MUST(sscanf(line, "%lx-%lx %7s %lx %*s %*s %63[^\n]", &a[*count].start,
			    &a[*count].end, a[*count].perms, &a[*count].offset,
			    a[*count].name) >= 4);
	}
	return a;
}

/* The area that holds @address, or NULL. */
static inline const struct area *area_of(const struct area *areas, size_t count,
					 const void *address)
{
	for (size_t i = 0; i < count; i++) {
		if (areas[i].start <= (uintptr_t)address && (uintptr_t)address < areas[i].end)
			return &areas[i];
	}
	return NULL;
}

static inline void print_area(const struct area *area)
{
	const char *slash = strrchr(area->name, '/');

	printf("  %012lx-%012lx %s %8lu KiB  %s\n", area->start, area->end, area->perms,
	       (area->end - area->start) / 1024, slash ? slash + 1 : area->name);
}

/* ---- Faults and pages ---- */

/* Page faults so far that no disk was needed for. */
static inline long minor_faults(void)
{
	struct rusage usage;

	MUST(!getrusage(RUSAGE_SELF, &usage));
	return usage.ru_minflt;
}

/* How many of @pages pages from @start on are in memory. */
static inline size_t resident(const void *start, size_t pages)
{
	unsigned char in_core[256];
	size_t n, sum = 0;

	for (size_t done = 0; done < pages; done += n) {
		n = pages - done < sizeof(in_core) ? pages - done : sizeof(in_core);
		MUST(!mincore((char *)start + done * PAGE, n * PAGE, in_core));
		for (size_t i = 0; i < n; i++)
			sum += in_core[i] & 1;
	}
	return sum;
}

/* An entry of this process's page table, as the kernel shows it. */
#define PM_PRESENT   (1ull << 63)
#define PM_FILE	     (1ull << 61) /* a page of a file or of shared memory: not this process's own */
#define PM_EXCLUSIVE (1ull << 56) /* no other page table has this page */
#define PM_FRAME     ((1ull << 55) - 1) /* the frame's number; zero unless root asks */

static inline uint64_t pagemap(const void *address)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	MUST(fd >= 0);
	MUST(pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)address / PAGE * sizeof(entry))) ==
	     (ssize_t)sizeof(entry));
	close(fd);
	return entry;
}

/* ---- Children ---- */

/* Waits for @child; whether it ended with exit code 0. */
static inline bool ended_well(pid_t child)
{
	int status;

	MUST(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/*
 * Lets a child do @what; returns how it ended, as waitpid says, and in @said what it wrote to
 * stderr.
 */
static inline int death_of(void (*what)(void), char *said, size_t size)
{
	size_t length = 0;
	int fds[2], status;
	ssize_t n;
	pid_t child;

	MUST(!pipe(fds));
	child = fork();
	MUST(child >= 0);
	if (!child) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		dup2(fds[1], 2);
		what();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], said + length, size - 1 - length)) > 0)
		length += (size_t)n;
	close(fds[0]);
	said[length] = '\0';
	MUST(waitpid(child, &status, 0) == child);
	return status;
}

/* A pipe of one byte: one side says that it got so far, the other waits until it did. */
static inline void say_so(const int pipe_fds[2])
{
	MUST(write(pipe_fds[1], "!", 1) == 1);
}

static inline void wait_for_it(const int pipe_fds[2])
{
	char byte;

	MUST(read(pipe_fds[0], &byte, 1) == 1);
}

/*
 * New pages wait for their place in the kernel's lists with the CPU that touched them first, which
 * counts as a user; a fault looks for those of its own CPU alone, and copies what has another user
 * still.
 */
static inline void stay_on_this_cpu(void)
{
	cpu_set_t this_one;

	CPU_ZERO(&this_one);
	CPU_SET(sched_getcpu(), &this_one);
	MUST(!sched_setaffinity(0, sizeof(this_one), &this_one));
}

#endif
