/* SPDX-License-Identifier: MIT */
/*
 * kmem slabtop: the distribution's own slabtop, on a process.
 *
 * slabtop reads /proc/slabinfo and nothing else. So it is started in a mount namespace of its own,
 * in which a file of ours is mounted there; an ordinary user has the right to that in a user
 * namespace of his own. This process stays outside, where it may read the target, and keeps the
 * file up to date (livefile.h). The file loses its name once it is mounted, and so goes with the
 * last of the two.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "livefile.h"
#include "slabinfo_text.h"
#include "target.h"
#include "tool.h"

#define SLABINFO      "/proc/slabinfo"
#define REFRESH_MS    500
#define END_WAITS     100 /* times, */
#define END_WAIT_MS   20  /* that long, for slabtop to give the terminal back */
#define MESSAGE_BYTES 300

/* ---- In the child: the namespace, then slabtop ---- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* A kernel too old for the file, or one that has its reasons: mount() will tell. */
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return;
	close(fd);
}

/*
 * In a user namespace everybody keeps his number. False, and errno, when there is none to be had.
 */
static bool own_mounts(void)
{
	char *uid = xasprintf("%d %d 1", (int)geteuid(), (int)geteuid());
	char *gid = xasprintf("%d %d 1", (int)getegid(), (int)getegid());

	if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return false;
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", uid);
	write_file("/proc/self/gid_map", gid);
	return true;
}

static _Noreturn void say_and_exit(int say, const char *text, const char *detail)
{
	char *line = xasprintf("%s%s", text, detail);

	_exit(write(say, line, strlen(line)) < 0 ? 126 : 127);
}

/* @say, closed by the exec, carries what went wrong before it. */
static _Noreturn void become_slabtop(const char *file, int say, pid_t parent, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGINT);
	if (getppid() != parent)
		_exit(127);
	if (!own_mounts())
		say_and_exit(say, "no user namespace to be had: ", strerror(errno));
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) ||
	    mount(file, SLABINFO, "none", MS_BIND, NULL))
		say_and_exit(say, "cannot mount over " SLABINFO ": ", strerror(errno));
	execvp("slabtop", argv);
	if (errno == ENOENT)
		say_and_exit(say, "slabtop is not installed (Debian: procps)", "");
	say_and_exit(say, "cannot run slabtop: ", strerror(errno));
}

/* ---- In the parent ---- */

static pid_t slabtop; /* 0 when none runs */
static char *path;    /* of the file, until it is mounted; NULL */

static void sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* Whether slabtop has ended, and then how. */
static bool has_ended(int *status)
{
	if (!slabtop)
		return true;
	if (waitpid(slabtop, status, WNOHANG) != slabtop)
		return false;
	slabtop = 0;
	return true;
}

static void forget_file(void)
{
	if (path)
		unlink(path);
	free(path);
	path = NULL;
}

/* Before any last words: slabtop is asked to give the terminal back. */
static void end_slabtop(void)
{
	int status, i;

	forget_file();
	if (slabtop)
		kill(slabtop, SIGINT);
	for (i = 0; i < END_WAITS && !has_ended(&status); i++)
		sleep_ms(END_WAIT_MS);
	if (slabtop)
		kill(slabtop, SIGKILL);
}

static int make_file(void)
{
	const char *dir = getenv("TMPDIR");
	char *name = xasprintf("%s/kmem-slabinfo.XXXXXX", dir && *dir ? dir : "/tmp");
	int fd = mkostemp(name, O_CLOEXEC);

	if (fd < 0)
		die(KMEM_FAILED, "cannot make %s: %s", name, strerror(errno));
	path = name;
	return fd;
}

static void start(char **argv)
{
	char message[MESSAGE_BYTES];
	pid_t parent = getpid(), child;
	ssize_t len;
	int say[2];

	if (pipe2(say, O_CLOEXEC))
		die(KMEM_FAILED, "no pipe: %s", strerror(errno));
	/* As a shell does: the terminal's signals are for the program that it shows. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	/* Ignored by whoever started us, it would keep from us how slabtop ended. */
	signal(SIGCHLD, SIG_DFL);
	child = fork();
	if (child < 0)
		die(KMEM_FAILED, "cannot fork: %s", strerror(errno));
	if (child == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		become_slabtop(path, say[1], parent, argv);
	}
	slabtop = child;
	close(say[1]);
	len = read(say[0], message, sizeof(message) - 1);
	close(say[0]);
	forget_file();
	if (len <= 0)
		return;
	message[len] = '\0';
	waitpid(slabtop, NULL, 0);
	slabtop = 0;
	die(KMEM_FAILED, "slabtop: %s", message);
}

static void update(struct target *t, struct livefile *file)
{
	char *text = slabinfo_text(t);
	int err = livefile_update(file, text);

	free(text);
	if (err)
		die(KMEM_FAILED, "cannot write the file for slabtop: %s", strerror(err));
}

static int run(const struct command *self, int argc, char **argv)
{
	struct livefile *file;
	struct target *t;
	int fd, status = 0;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_help(self);
		return KMEM_OK;
	}
	if (argc < 2)
		usage_error(self, "a process is wanted");
	t = target_open(argv[1]);
	message_hook = end_slabtop;
	fd = make_file();
	file = livefile_open(fd);
	update(t, file);
	argv[1] = (char *)"slabtop";
	start(argv + 1);
	while (!has_ended(&status)) {
		sleep_ms(REFRESH_MS);
		if (!has_ended(&status) && t->pid)
			update(t, file);
	}
	livefile_close(file);
	close(fd);
	target_close(t);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const struct command command_slabtop = {
	.name = "slabtop",
	.synopsis = "PID|CORE [SLABTOP OPTIONS]",
	.summary = "the system's own slabtop, on a process",
	.help = "Runs slabtop(1) with the caches of the process in the place of the kernel's, in a mount\n"
		"namespace of its own. No privilege is needed where users may have user namespaces.\n"
		"What follows the process goes to slabtop: kmem slabtop 1234 --sort=c --once\n",
	.run = run,
};
