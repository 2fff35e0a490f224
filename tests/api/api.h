/* SPDX-License-Identifier: MIT */
/*
 * What the programs of this directory share: cmocka, children that may die, and a process that has
 * no memory left to get.
 */
#ifndef KMEM_TESTS_API_H
#define KMEM_TESTS_API_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <valgrind/valgrind.h>

#define KIB 1024UL
#define MIB (1024UL * KIB)

/* In a child, where cmocka's assertions cannot jump: says what does not hold, and ends it. */
#define CHILD_EXPECT(cond)                                                                        \
	do {                                                                                      \
		if (!(cond)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond); \
			_exit(3);                                                                 \
		}                                                                                 \
	} while (0)

/* Keeps the compiler from knowing what a pointer is. */
static inline void *hidden(void *p)
{
	__asm__ volatile("" : "+r"(p));
	return p;
}

/* Runs @fn in a child; its wait status, and what it wrote on stderr, as a string. */
static inline int child_says(void (*fn)(void), char *text, size_t size)
{
	int fd[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };

		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		setrlimit(RLIMIT_CORE, &no_core);
		alarm(200);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while (len < size - 1 && (n = read(fd[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The child comes to its end, with every expectation met. */
static inline void passes_in_child(void (*fn)(void))
{
	char text[4000];
	int status = child_says(fn, text, sizeof(text));

	if (status)
		print_error("the child ended with status %#x and said: %s\n", (unsigned int)status,
			    text);
	assert_int_equal(status, 0);
}

/* The same for one that limits its memory: valgrind would be the first to want some. */
static inline void passes_without_memory(void (*fn)(void))
{
	if (!RUNNING_ON_VALGRIND)
		passes_in_child(fn);
}

/*
 * Runs this program again with KMEM_OPTIONS=@options and @word for an argument: its wait status.
 * Under valgrind as well it is the program itself, without valgrind.
 */
static inline int run_again(const char *options, const char *word)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int status;
	pid_t pid;

	assert_true(len > 0);
	path[len] = '\0';
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("KMEM_OPTIONS", options, 1);
		execl(path, path, word, (char *)NULL);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The child dies by SIGABRT, after a line on stderr that has @words in it. */
static inline void dies_in_child(void (*fn)(void), const char *words)
{
	char text[4000];
	int status = child_says(fn, text, sizeof(text));

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(text, words))
		print_error("the child ended with status %#x and said: %s\n", (unsigned int)status,
			    text);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, words));
}

/* From now on the OS gives this process at most @more bytes beyond what it has. */
static inline void limit_memory(size_t more)
{
	unsigned long pages = 0;
	struct rlimit rlim;
	FILE *f = fopen("/proc/self/statm", "r");

	CHILD_EXPECT(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	rlim.rlim_cur = rlim.rlim_max = pages * (size_t)sysconf(_SC_PAGESIZE) + more;
	CHILD_EXPECT(setrlimit(RLIMIT_AS, &rlim) == 0);
}

/* From now on the process ends at the first system call for memory by this thread. */
static inline void forbid_memory_calls(void)
{
#define MEMORY_CALL(name)                                      \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		MEMORY_CALL(mmap),
		MEMORY_CALL(munmap),
		MEMORY_CALL(mprotect),
		MEMORY_CALL(mremap),
		MEMORY_CALL(madvise),
		MEMORY_CALL(brk),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	CHILD_EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHILD_EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Everything from here on to stderr is kept; api_heard() has it. */
static int api_pipe[2], api_stderr;

static inline void api_listen(void)
{
	assert_int_equal(pipe(api_pipe), 0);
	api_stderr = dup(STDERR_FILENO);
	assert_true(dup2(api_pipe[1], STDERR_FILENO) == STDERR_FILENO);
}

/* What was said since api_listen(), as a string. */
static inline void api_heard(char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	assert_true(dup2(api_stderr, STDERR_FILENO) == STDERR_FILENO);
	close(api_stderr);
	close(api_pipe[1]);
	while (len < size - 1 && (n = read(api_pipe[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(api_pipe[0]);
}

/* Every byte of [p, p + n) is @c. */
static inline bool all_are(const void *p, size_t n, unsigned char c)
{
	const unsigned char *bytes = p;

	return !n || (bytes[0] == c && memcmp(bytes, bytes + 1, n - 1) == 0);
}

#endif
