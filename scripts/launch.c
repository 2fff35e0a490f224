/*
 * launch: start a program on libkmem, wait for it, say how it went.
 *
 *	launch LIBKMEM.SO PROGRAM [ARGS]
 *
 * This is the second half of ./run, which replaces itself with it.  It is a C
 * program, not a few lines of shell, for two reasons.  The library must be
 * preloaded into the program and into nothing else, so the variable is set
 * between fork and exec.  And whoever sends a signal to ./run means the
 * program: there is one process between the two, and it forwards.
 *
 * Standard input, output and error are the program's own; the summary goes to
 * standard error when the program is gone.  The launcher then ends the way the
 * program did, by the same exit code or by the same signal.
 *
 * The busiest caches come from the slabinfo file that the library writes when
 * a process exits.  A process that leaves by _exit, by a signal, or that never
 * loaded the library (static, set-uid) leaves none, and that is not an error.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CACHES 4096 /* lines of slabinfo looked at */
#define TOP	   5	/* caches shown */

struct cache {
	char name[64];
	unsigned long active, objects, size;
};

static volatile sig_atomic_t child;
static char temp_dir[PATH_MAX];

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
	va_list arguments;

	fputs("run: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/*
 * The kernel sends a terminal's signals to every process of the group, so the
 * program has had those; only what another process sent to us is passed on.
 */
static void forward(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (child > 0 && info->si_code <= 0)
		kill(child, number);
	errno = saved;
}

static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM };
#define N_FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))

/*
 * A signal that our parent ignores (nohup) stays ignored, here and in the
 * program.  The rest is held back until the program has its own handlers.
 */
static void catch_signals(void)
{
	struct sigaction action = { .sa_sigaction = forward, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction old;

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < N_FORWARDED; i++) {
		if (sigaction(forwarded[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(forwarded[i], &action, NULL);
	}
}

/* The values of two variables, in a buffer that is never freed: exec is next. */
static char *joined(const char *first, char separator, const char *second)
{
	char *text = NULL;

	if (!second || !*second)
		return strdup(first);
	if (asprintf(&text, "%s%c%s", first, separator, second) < 0)
		return NULL;
	return text;
}

/* Does KMEM_OPTIONS name a slabinfo file of the user's own?  Then it is copied to path. */
static int users_slabinfo(const char *options, char path[PATH_MAX])
{
	const char *word = options;

	while (word && *word) {
		size_t length = strcspn(word, " ");

		if (strncmp(word, "slabinfo=", 9) == 0 && length - 9 < PATH_MAX) {
			memcpy(path, word + 9, length - 9);
			path[length - 9] = 0;
			return 1;
		}
		word += length + strspn(word + length, " ");
	}
	return 0;
}

/*
 * Both lists, of libraries and of options, are split at blanks and the first at
 * colons too: a directory with such a name is reached by a link without one.
 */
static const char *plain_name(const char *library)
{
	static char link_name[PATH_MAX + 16];

	if (!strpbrk(library, " :"))
		return library;
	snprintf(link_name, sizeof(link_name), "%s/libkmem.so", temp_dir);
	return symlink(library, link_name) == 0 ? link_name : library;
}

/* The child's half: environment, then exec.  Returns only on failure. */
static void start(const char *library, char **argv)
{
	char unused[PATH_MAX], slabinfo[PATH_MAX + 16];
	const char *options = getenv("KMEM_OPTIONS");
	char *preload = joined(plain_name(library), ':', getenv("LD_PRELOAD"));

	if (!preload || setenv("LD_PRELOAD", preload, 1))
		return;
	if (!users_slabinfo(options, unused)) {
		char *both;

		snprintf(slabinfo, sizeof(slabinfo), "slabinfo=%s/%%p", temp_dir);
		both = joined(slabinfo, ' ', options);
		if (!both || setenv("KMEM_OPTIONS", both, 1))
			return;
	}
	execvp(argv[0], argv);
}

/* Fork and exec; exits with the shell's 126 or 127 when there is no such program. */
static pid_t launch(const char *library, char **argv)
{
	sigset_t all, old;
	int report[2], error = 0;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) != 0)
		return -1;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		/* exec drops handlers, but one must not run before it. */
		for (size_t i = 0; i < N_FORWARDED; i++) {
			struct sigaction action;

			sigaction(forwarded[i], NULL, &action);
			if (action.sa_handler != SIG_IGN)
				signal(forwarded[i], SIG_DFL);
		}
		sigprocmask(SIG_SETMASK, &old, NULL);
		start(library, argv);
		error = errno;
		if (write(report[1], &error, sizeof(error)) < 0)
			_exit(126);
		_exit(127);
	}
	child = pid;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(report[1]);
	if (pid > 0 && read(report[0], &error, sizeof(error)) == sizeof(error)) {
		waitpid(pid, NULL, 0);
		rmdir(temp_dir);
		complain("%s: %s", argv[0], strerror(error));
		exit(error == ENOENT ? 127 : 126);
	}
	close(report[0]);
	return pid;
}

/* Largest first, by the bytes that the cache's objects take. */
static int by_total(const void *left, const void *right)
{
	const struct cache *a = left, *b = right;
	unsigned long x = a->objects * a->size, y = b->objects * b->size;

	return (x < y) - (x > y);
}

/* Read a slabinfo 2.1 file; the number of caches that hold objects, 0 if there is no file. */
static size_t read_slabinfo(const char *path, struct cache *caches)
{
	FILE *file = fopen(path, "re");
	char line[512];
	size_t n = 0;

	if (!file)
		return 0;
	while (n < MAX_CACHES && fgets(line, sizeof(line), file)) {
		struct cache *c = &caches[n];

		if (line[0] != '#' &&
		    sscanf(line, "%63s %lu %lu %lu", c->name, &c->active, &c->objects, &c->size) ==
			    4 &&
		    c->objects)
			n++;
	}
	fclose(file);
	return n;
}

/*
 * Of the files in our directory, one per process that exited: the program's, or
 * the largest if the program itself left none (a shell, say, that leaves by _exit).
 */
static pid_t pick_process(pid_t program, struct cache *caches, int *others)
{
	unsigned long most = 0;
	pid_t best = 0;
	DIR *dir = opendir(temp_dir);
	struct dirent *entry;

	*others = 0;
	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX + NAME_MAX + 2];
		unsigned long total = 0;
		size_t n;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", temp_dir, entry->d_name);
		n = read_slabinfo(path, caches);
		for (size_t i = 0; i < n; i++)
			total += caches[i].objects * caches[i].size;
		if (!n)
			continue;
		(*others)++;
		if (best != program && (pid == program || total > most)) {
			best = pid;
			most = total;
		}
	}
	if (dir)
		closedir(dir);
	return best;
}

/* The user's "slabinfo=PATH", with %p read as the library reads it. */
static void expand_pid(char path[PATH_MAX], pid_t pid)
{
	char *mark = strstr(path, "%p"), tail[PATH_MAX];

	if (!mark)
		return;
	strcpy(tail, mark + 2);
	snprintf(mark, (size_t)(path + PATH_MAX - mark), "%d%s", (int)pid, tail);
}

static void show_caches(pid_t program, const char *name)
{
	static struct cache caches[MAX_CACHES];
	char path[PATH_MAX + 16];
	pid_t pid = program;
	int processes = 1;
	size_t n;

	if (users_slabinfo(getenv("KMEM_OPTIONS"), path)) {
		expand_pid(path, program);
	} else {
		pid = pick_process(program, caches, &processes);
		snprintf(path, sizeof(path), "%s/%d", temp_dir, (int)pid);
	}
	n = pid ? read_slabinfo(path, caches) : 0;
	if (!n) {
		complain("no cache statistics: %s allocated nothing, did not leave by exit(),"
			 " or is static or set-uid",
			 name);
		return;
	}
	qsort(caches, n, sizeof(*caches), by_total);
	if (pid == program)
		complain("busiest caches of %s when it ended:", name);
	else
		complain("busiest caches of process %d, the largest of %d started by %s:", (int)pid,
			 processes, name);
	fprintf(stderr, "  %-20s %10s %10s %10s %12s\n", "cache", "objects", "in use", "size",
		"total KiB");
	for (size_t i = 0; i < n && i < TOP; i++)
		fprintf(stderr, "  %-20s %10lu %10lu %10lu %12.1f\n", caches[i].name,
			caches[i].objects, caches[i].active, caches[i].size,
			(double)caches[i].objects * (double)caches[i].size / 1024);
}

static void remove_temp_dir(void)
{
	DIR *dir = opendir(temp_dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(temp_dir);
}

static void make_temp_dir(void)
{
	const char *base = getenv("TMPDIR");

	if (!base || !*base || strpbrk(base, " :%") || strlen(base) > PATH_MAX - 64)
		base = "/tmp";
	snprintf(temp_dir, sizeof(temp_dir), "%s/kmem-run.XXXXXX", base);
	if (!mkdtemp(temp_dir)) {
		complain("cannot make a directory in %s: %s", base, strerror(errno));
		exit(126);
	}
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	struct rusage usage;
	struct rlimit no_core = { 0, 0 };
	char **program = argv + 2;
	char how[64];
	pid_t pid;
	int status;

	if (argc < 3) {
		complain("usage: launch LIBKMEM.SO PROGRAM [ARGS]");
		return 125;
	}
	make_temp_dir();
	catch_signals();
	clock_gettime(CLOCK_MONOTONIC, &from);
	pid = launch(argv[1], program);
	if (pid < 0) {
		complain("cannot start %s: %s", program[0], strerror(errno));
		rmdir(temp_dir);
		return 126;
	}
	while (wait4(pid, &status, 0, &usage) < 0) {
		if (errno != EINTR)
			return 126;
	}
	child = 0;
	clock_gettime(CLOCK_MONOTONIC, &to);

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by SIG%s",
			 sigabbrev_np(WTERMSIG(status)) ?: "?");
	else
		snprintf(how, sizeof(how), "ended with exit code %d", WEXITSTATUS(status));
	complain("%s %s after %.2f s, peak memory %.1f MiB", program[0], how,
		 (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
		 (double)usage.ru_maxrss / 1024);
	show_caches(pid, program[0]);
	remove_temp_dir();

	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	return WEXITSTATUS(status);
}
