/*
 * faults VICTIM LIBRARY [PART...]: runs each part of VICTIM (see victim.c) while calls of the
 * library to the operating system fail.
 *
 * First one call at a time: fail_os=1,100,N,1 lets N calls pass and fails the next, for N from 0
 * until the program has no such call left. How many calls there are is counted with ptrace in a run
 * without failures: every mmap, munmap, mremap, madvise and mprotect of the process, libc's and the
 * dynamic linker's among them, which is more than enough. Then at random, fail_os=1,P,0,-1, and in
 * patterns, every Kth call. A victim must never crash, hang or find a byte wrong.
 *
 * That failures were injected at all shows in the number of refused allocations, which is printed,
 * and must not be 0 for a part.
 */
#include "stress.h"
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#define VICTIM_SECONDS 60
#define MOST_CALLS     3000

static const char *victim, *library;

/* What victims write on stderr, a new file for each; shown in part when one ends badly. */
static int errors = -1;

static void show_errors(void)
{
	char text[600];
	off_t size = lseek(errors, 0, SEEK_END);
	off_t from = size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0;
	ssize_t n = pread(errors, text, sizeof(text), from);

	if (n > 0 && write(1, text, (size_t)n) != n)
		_exit(98);
}

/* Starts the victim; its stdout comes through *out. */
static pid_t run(const char *part, const char *options, int served, int traced, int *out)
{
	int ends[2];
	pid_t pid;

	CHECK(!pipe(ends), "pipe");
	CHECK(!ftruncate(errors, 0) && !lseek(errors, 0, SEEK_SET), "truncate");
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (pid) {
		close(ends[1]);
		*out = ends[0];
		return pid;
	}
	dup2(ends[1], 1);
	dup2(errors, 2);
	close(ends[0]);
	close(ends[1]);
	setenv("LD_PRELOAD", library, 1);
	setenv("KMEM_OPTIONS", options, 1);
	if (served)
		setenv("VICTIM_SERVED", "1", 1);
	alarm(VICTIM_SECONDS);
	if (traced && ptrace(PTRACE_TRACEME, 0, 0, 0))
		_exit(126);
	execl(victim, victim, part, NULL);
	_exit(127);
}

/* Reads "refused N" and the end of the victim; complains and returns -1 where it ended badly. */
static long result(pid_t pid, int out, const char *part, const char *options)
{
	char text[200] = "";
	ssize_t n = 0, got;
	int status;
	long count = -1;

	while (n < (ssize_t)sizeof(text) - 1 &&
	       (got = read(out, text + n, sizeof(text) - 1 - n)) > 0)
		n += got;
	close(out);
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	    sscanf(text, "refused %ld", &count) == 1)
		return count;
	if (WIFSIGNALED(status))
		say(1, "FAIL: %s with KMEM_OPTIONS=%s: signal %d%s\n", part, options,
		    WTERMSIG(status), WTERMSIG(status) == SIGALRM ? " (hung)" : "");
	else
		say(1, "FAIL: %s with KMEM_OPTIONS=%s: exit code %d\n", part, options,
		    WEXITSTATUS(status));
	show_errors();
	return -1;
}

static int asks_for_memory(long number)
{
	return number == SYS_mmap || number == SYS_munmap || number == SYS_mremap ||
	       number == SYS_madvise || number == SYS_process_madvise || number == SYS_mprotect;
}

/* The memory calls of a run without failures; 0 where ptrace is not allowed. */
static size_t count_calls(const char *part)
{
	size_t calls = 0;
	int out, status;
	pid_t pid = run(part, "", 1, 1, &out), got;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
		close(out);
		return 0;
	}
	ptrace(PTRACE_SETOPTIONS, pid, 0,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
		       PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	while ((got = waitpid(-1, &status, __WALL)) > 0) {
		int signo = 0;

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (got == pid)
				CHECK(WIFEXITED(status) && !WEXITSTATUS(status),
				      "%s fails without failures: 0x%x", part, status);
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info info;

			if (ptrace(PTRACE_GET_SYSCALL_INFO, got, sizeof(info), &info) > 0 &&
			    info.op == PTRACE_SYSCALL_INFO_ENTRY)
				calls += asks_for_memory((long)info.entry.nr);
		} else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
			signo = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, got, 0, signo);
	}
	close(out);
	return calls;
}

/* One run; adds to *refused, returns whether it was good. */
static int one(const char *part, const char *options, int served, size_t *refused)
{
	int out;
	pid_t pid = run(part, options, served, 0, &out);
	long count = result(pid, out, part, options);

	if (count < 0)
		return 0;
	*refused += (size_t)count;
	return 1;
}

static size_t attack(const char *part)
{
	static const int percents[] = { 1, 5, 20, 50, 80, 95 };
	size_t calls = count_calls(part), runs = 0, bad = 0, refused = 0, by_one;
	char options[64];

	say(1, "%s: %zu memory calls without failures\n", part, calls);
	CHECK(calls, "ptrace is not allowed here: the calls cannot be counted");
	CHECK(calls <= MOST_CALLS, "%s makes %zu calls: choose a smaller one", part, calls);
	for (size_t n = 0; n <= calls; n++, runs++) {
		snprintf(options, sizeof(options), "fail_os=1,100,%zu,1", n);
		bad += !one(part, options, 1, &refused);
	}
	by_one = refused;
	for (size_t i = 0; i < ARRAY_SIZE(percents); i++)
		for (int repeat = 0; repeat < 4; repeat++, runs++) {
			/* where most calls fail nothing is owed, but that it ends well */
			snprintf(options, sizeof(options), "fail_os=1,%d,%d,-1", percents[i],
				 repeat * 5);
			bad += !one(part, options, percents[i] <= 20, &refused);
		}
	for (int every = 2; every <= 5; every++, runs++) {
		snprintf(options, sizeof(options), "fail_os=%d,100,0,-1", every);
		bad += !one(part, options, 0, &refused);
	}
	/* from some point on nothing works any more; not even the first call, at 0 */
	for (size_t n = 0; n <= calls; n += 1 + calls / 8, runs++) {
		snprintf(options, sizeof(options), "fail_os=1,100,%zu,-1", n);
		bad += !one(part, options, 0, &refused);
	}
	say(1, "%s: %s: %zu runs, %zu allocations refused (%zu by one failure)\n",
	    bad ? "FAIL" : "PASS", part, runs, refused, by_one);
	if (!refused) {
		say(1, "FAIL: %s: no allocation was ever refused: were there failures?\n", part);
		bad++;
	}
	return bad;
}

int main(int argc, char **argv)
{
	size_t bad = 0;

	CHECK(argc > 3, "usage: faults VICTIM LIBRARY PART...");
	errors = memfd_create("errors", MFD_CLOEXEC);
	CHECK(errors >= 0, "memfd_create");
	victim = argv[1];
	library = argv[2];
	for (int i = 3; i < argc; i++)
		bad += attack(argv[i]);
	return bad != 0;
}
