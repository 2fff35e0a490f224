/* SPDX-License-Identifier: MIT */
/* See limit.h. */
#include "limit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bits.h"
#include "options.h"
#include "os.h"

#define PATH_BYTES 512	/* a longer path is taken for a file that is not there */
#define TEXT_BYTES 4096 /* of a file; what is behind is not looked at */
#define CPU_WORDS  128	/* 8192 CPUs */
#define NEAR	   16	/* a limit is near when a sixteenth of it is left */

struct limits limits = { .cpus = UINT_MAX, .memory_bytes = ULONG_MAX };

static const char *root = "";

/* ---- Files ---- */

struct path {
	char text[PATH_BYTES];
	size_t len;
	bool too_long;
};

static void path_add(struct path *path, const char *text, size_t len)
{
	if (path->len + len >= sizeof(path->text)) {
		path->too_long = true;
		return;
	}
	memcpy(path->text + path->len, text, len);
	path->len += len;
	path->text[path->len] = '\0';
}

/* The text of root/@a/@b, terminated; false when it cannot be read. */
static bool read_file(const struct path *a, const char *b, char text[TEXT_BYTES])
{
	struct path path = { .len = 0 };

	path_add(&path, root, strlen(root));
	path_add(&path, a->text, a->len);
	path_add(&path, b, strlen(b));
	if (path.too_long || a->too_long)
		return false;
	/* The kernel fills a page at once, and that is all there is room for. */
	return os_read_file(path.text, text, TEXT_BYTES) > 0;
}

/* The number at the start of @text; ULONG_MAX for anything else, as for "max". */
static unsigned long number(const char *text)
{
	size_t digits = 0;
	long value;

	while (text[digits] >= '0' && text[digits] <= '9')
		digits++;
	return option_number(text, digits, &value) == 0 ? (unsigned long)value : ULONG_MAX;
}

static unsigned long read_number(const struct path *dir, const char *name)
{
	char text[TEXT_BYTES];

	return read_file(dir, name, text) ? number(text) : ULONG_MAX;
}

/*
 * Not by strcspn(): each process would have the part of libc that it lies in, 48 KiB, for this
 * alone.
 */
static const char *line_end(const char *text)
{
	return strchrnul(text, '\n');
}

static const char *next_line(const char *text)
{
	const char *end = line_end(text);

	return end + (*end != 0);
}

/* The number behind @key at the start of a line; 0 when there is none. */
static unsigned long read_keyed(const struct path *dir, const char *name, const char *key)
{
	size_t len = strlen(key);
	char text[TEXT_BYTES];
	const char *line;

	if (!read_file(dir, name, text))
		return 0;
	for (line = text; *line; line = next_line(line))
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return number(line + len + 1);
	return 0;
}

/* ---- Which cgroup ---- */

struct cgroup {
	struct path dir;
	size_t top; /* length of dir where it is the root cgroup */
	bool found, v1;
};

/* Whether @name is one of the words, separated by commas, of [list, end). */
static bool has_word(const char *list, const char *end, const char *name)
{
	size_t len = strlen(name);

	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		const char *word_end = comma ? comma : end;

		if ((size_t)(word_end - list) == len && memcmp(list, name, len) == 0)
			return true;
		list = word_end + 1;
	}
	return false;
}

/*
 * The cgroup that controls @controller. A line of @text is "id:controllers:path"; version 2 has an
 * empty list of controllers, and has those that no other line names.
 */
static void find_cgroup(const char *text, const char *controller, struct cgroup *cgroup)
{
	static const char base[] = "/sys/fs/cgroup";
	const char *line, *where = NULL;

	*cgroup = (struct cgroup){ .found = false };
	for (line = text; *line && !cgroup->v1; line = next_line(line)) {
		const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

		if (!path)
			break;
		cgroup->v1 = has_word(list + 1, path, controller);
		if (cgroup->v1 || path == list + 1)
			where = path + 1;
	}
	if (!where)
		return;
	path_add(&cgroup->dir, base, strlen(base));
	if (cgroup->v1) {
		path_add(&cgroup->dir, "/", 1);
		path_add(&cgroup->dir, controller, strlen(controller));
	}
	cgroup->top = cgroup->dir.len;
	path_add(&cgroup->dir, where, (size_t)(line_end(where) - where));
	if (cgroup->dir.text[cgroup->dir.len - 1] == '/')
		cgroup->dir.text[--cgroup->dir.len] = '\0';
	cgroup->found = !cgroup->dir.too_long;
}

/* Those of this process: one file names them all. */
static void find_cgroups(struct cgroup *cpu, struct cgroup *memory)
{
	const struct path none = { .len = 0 };
	char text[TEXT_BYTES];

	if (!read_file(&none, "/proc/self/cgroup", text))
		text[0] = '\0';
	find_cgroup(text, "cpu", cpu);
	find_cgroup(text, "memory", memory);
}

/*
 * One up; false at the root. Where a container sees its host's paths, only some of them are there.
 */
static bool parent(struct cgroup *cgroup)
{
	if (cgroup->dir.len <= cgroup->top)
		return false;
	while (cgroup->dir.text[--cgroup->dir.len] != '/')
		;
	cgroup->dir.text[cgroup->dir.len] = '\0';
	return true;
}

/* ---- Limits ---- */

static unsigned long memory_of(const struct cgroup *cgroup)
{
	char text[TEXT_BYTES];
	unsigned long max;

	if (cgroup->v1)
		return read_number(&cgroup->dir, "/memory.limit_in_bytes");
	/* The kernel makes both files or neither. */
	if (!read_file(&cgroup->dir, "/memory.max", text))
		return ULONG_MAX;
	max = number(text);
	return read_file(&cgroup->dir, "/memory.high", text) ? min_ul(max, number(text)) : max;
}

static unsigned long memory_limit(struct cgroup *cgroup)
{
	static const int which[] = { RLIMIT_AS, RLIMIT_DATA, RLIMIT_RSS };
	unsigned long limit = ULONG_MAX;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(which); i++) {
		struct rlimit rlim;

		if (getrlimit((__rlimit_resource_t)which[i], &rlim) == 0 &&
		    rlim.rlim_cur != RLIM_INFINITY)
			limit = min_ul(limit, rlim.rlim_cur);
	}
	if (cgroup->found)
		do
			limit = min_ul(limit, memory_of(cgroup));
		while (parent(cgroup));
	/* What version 1 has instead of "max" is as good as no limit. */
	return limit >= LONG_MAX >> 1 ? ULONG_MAX : limit;
}

/* The CPUs that @cgroup may use the time of, rounded up. */
static unsigned long quota_of(const struct cgroup *cgroup)
{
	unsigned long quota = ULONG_MAX, period = ULONG_MAX;
	char text[TEXT_BYTES];

	if (cgroup->v1) {
		/* -1 is no limit, and no number here. */
		quota = read_number(&cgroup->dir, "/cpu.cfs_quota_us");
		if (quota != ULONG_MAX)
			period = read_number(&cgroup->dir, "/cpu.cfs_period_us");
	} else if (read_file(&cgroup->dir, "/cpu.max", text) && strchr(text, ' ')) {
		quota = number(text);
		period = number(strchr(text, ' ') + 1);
	}
	if (quota == ULONG_MAX || period == ULONG_MAX || !period)
		return UINT_MAX;
	return quota / period + (quota % period != 0);
}

static unsigned long cpu_limit(struct cgroup *cgroup)
{
	unsigned long mask[CPU_WORDS], cpus = 0;
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	long i;

	for (i = 0; i < bytes / (long)sizeof(long); i++)
		cpus += hweight_long(mask[i]);
	if (!cpus)
		cpus = UINT_MAX;
	if (cgroup->found)
		do
			cpus = min_ul(cpus, quota_of(cgroup));
		while (parent(cgroup));
	return max_ul(cpus, 1);
}

void limits_init(const char *where)
{
	struct cgroup cpu, memory;
	int saved = errno;

	root = where;
	find_cgroups(&cpu, &memory);
	limits.cpus = (unsigned int)cpu_limit(&cpu);
	limits.memory_bytes = memory_limit(&memory);
	errno = saved;
}

/* ---- Pressure ---- */

static bool is_near(const struct cgroup *cgroup)
{
	const struct path *dir = &cgroup->dir;
	unsigned long high =
		read_number(dir, cgroup->v1 ? "/memory.limit_in_bytes" : "/memory.high");
	unsigned long used, droppable;

	if (high >= LONG_MAX >> 1)
		return false;
	used = read_number(dir, cgroup->v1 ? "/memory.usage_in_bytes" : "/memory.current");
	droppable = read_keyed(dir, "/memory.stat",
			       cgroup->v1 ? "total_inactive_file" : "inactive_file");
	return used != ULONG_MAX && used > droppable && used - droppable >= high - high / NEAR;
}

bool limits_pressure(void)
{
	struct cgroup cpu, memory;
	int saved = errno;
	bool near = false;

	find_cgroups(&cpu, &memory);
	if (memory.found)
		do
			near = is_near(&memory);
		while (!near && parent(&memory));
	errno = saved;
	return near;
}
