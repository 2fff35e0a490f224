/* SPDX-License-Identifier: MIT */
/*
 * A running process as a target. It is neither stopped nor asked: process_vm_readv(2) reads its
 * memory, or /proc/PID/mem where that call is filtered out. Both want the right to trace it.
 *
 * Everything in /proc is reached through one open directory, which goes on meaning this process
 * when its number is given to another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "target.h"
#include "tool.h"

struct process {
	int dir; /* /proc/PID */
	int mem; /* /proc/PID/mem once it was needed; -1 */
	bool no_readv;
	char *text; /* of /proc/PID/maps; the paths point into it */
};

static size_t read_mem(struct process *p, uintptr_t addr, void *buf, size_t len)
{
	ssize_t got;

	if (p->mem < 0)
		p->mem = openat(p->dir, "mem", O_RDONLY | O_CLOEXEC);
	if (p->mem < 0)
		return 0;
	got = pread(p->mem, buf, len, (off_t)addr);
	return got > 0 ? (size_t)got : 0;
}

static size_t process_read(struct target *t, uintptr_t addr, void *buf, size_t len)
{
	struct process *p = t->private;
	struct iovec local = { buf, len }, remote = { (void *)addr, len };
	ssize_t got;

	if (p->no_readv)
		return read_mem(p, addr, buf, len);
	got = process_vm_readv(t->pid, &local, 1, &remote, 1, 0);
	if (got < 0 && (errno == ENOSYS || errno == EPERM)) {
		size_t by_mem = read_mem(p, addr, buf, len);

		p->no_readv = by_mem != 0;
		return by_mem;
	}
	return got > 0 ? (size_t)got : 0;
}

/* The whole of a file in /proc/PID, terminated; NULL, and errno, when it cannot be had. */
static char *read_all(int dir, const char *name)
{
	size_t len = 0, room = 1 << 16;
	char *text = xrealloc(NULL, 1, room);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	while (fd >= 0 && (got = read(fd, text + len, room - len - 1)) > 0) {
		len += (size_t)got;
		if (room - len < 1 << 14)
			text = xrealloc(text, room *= 2, 1);
	}
	if (got < 0) {
		int err = errno;

		free(text);
		text = NULL;
		errno = err;
	} else {
		text[len] = '\0';
	}
	if (fd >= 0) {
		int err = errno;

		close(fd);
		errno = err;
	}
	return text;
}

static bool parse_line(char *line, struct mapping *m)
{
	unsigned long start, end, offset;
	int path = 0;

	if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %n", &start, &end, m->access, &offset, &path) <
		    4 ||
	    !path)
		return false;
	m->start = start;
	m->end = end;
	m->offset = offset;
	m->path = line + path;
	return true;
}

/* False, and errno, when the mappings cannot be read; they are none in a process that has ended. */
static bool read_mappings(struct target *t)
{
	struct process *p = t->private;
	char *text = read_all(p->dir, "maps"), *line, *next;
	size_t nr = 0;

	if (!text)
		return false;
	free(p->text);
	p->text = text;
	for (line = text; *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		if (nr % 256 == 0)
			t->mappings = xrealloc(t->mappings, nr + 256, sizeof(*t->mappings));
		nr += parse_line(line, &t->mappings[nr]);
	}
	t->nr_mappings = nr;
	errno = ESRCH;
	return nr != 0;
}

static void process_close(struct target *t)
{
	struct process *p = t->private;

	close(p->dir);
	if (p->mem >= 0)
		close(p->mem);
	free(p->text);
	free(p);
}

static const struct target_ops process_ops = { process_read, read_mappings, process_close };

/* Whether this user may read the process's memory: some page of it can be. */
static bool may_read(struct target *t)
{
	char byte;

	for (size_t i = 0; i < t->nr_mappings; i++)
		if (t->mappings[i].access[0] == 'r' &&
		    target_read(t, t->mappings[i].start, &byte, 1))
			return true;
	return false;
}

static _Noreturn void refused(const char *what)
{
	die(KMEM_REFUSED,
	    "%s: the process may not be read (another user's, or kernel.yama.ptrace_scope)", what);
}

struct target *target_open_process(const char *what, pid_t pid)
{
	struct target *t = xrealloc(NULL, 1, sizeof(*t));
	struct process *p = xrealloc(NULL, 1, sizeof(*p));
	char *path = xasprintf("/proc/%d", (int)pid);

	*p = (struct process){ .dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .mem = -1 };
	*t = (struct target){ .name = what, .pid = pid, .ops = &process_ops, .private = p };
	free(path);
	if (!pid || p->dir < 0)
		die(KMEM_GONE, "%s: no such process", what);
	if (!read_mappings(t)) {
		if (errno == EACCES || errno == EPERM)
			refused(what);
		die(KMEM_GONE, "%s: the process has ended, or is one of the kernel's", what);
	}
	if (!may_read(t)) {
		if (!target_is_alive(t))
			die(KMEM_GONE, "%s: the process ended", what);
		refused(what);
	}
	return t;
}
