/*
 * slabinfo=PATH: what is written at exit, read row by row.
 *
 * The file is version 2.1 of the kernel's, and programs read it by position. So each row is taken
 * apart by scanf, put together again by the kernel's own format, and must come out the same, byte
 * for byte. Then the figures must agree with one another, and with what the program held when it
 * ended: the test runs itself as a child that leaves blocks behind. %p in PATH is the process id.
 */
#include "outside.h"
#include <sys/wait.h>

#define ROW_FORMAT "%-17s %6lu %6lu %6u %4u %4d : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu"

static const char header_1[] = "slabinfo - version: 2.1\n";
static const char header_2[] =
	"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : "
	"tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> "
	"<sharedavail>\n";

struct row {
	char name[129];
	unsigned long active_objs, num_objs, active_slabs, num_slabs, sharedavail;
	unsigned int objsize, objperslab, limit, batchcount, sharedfactor;
	int pagesperslab;
};

/* What the child leaves live: count blocks of size, to be found in the cache of class bytes. */
static const struct {
	size_t size, count, class;
} left[] = {
	{ 10, 700, 16 },    { 100, 1000, 112 },	  { 129, 300, 160 },   { 1000, 500, 1024 },
	{ 5000, 40, 5120 }, { 20000, 10, 20480 }, { 32768, 5, 32768 },
};

static void child(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		for (size_t k = 0; k < left[i].count; k++) {
			void *p = opaque(malloc(left[i].size));

			CHECK(p, "no memory");
			memset(p, 1, left[i].size);
		}
	for (size_t n = 1; n < 200000; n += 1 + n / 10)
		free(malloc(n));
	exit(0);
}

static void check_row(const char *line, struct row *r)
{
	char again[400];
	int fields = sscanf(line,
			    "%128s %lu %lu %u %u %d : tunables %u %u %u : slabdata %lu %lu %lu",
			    r->name, &r->active_objs, &r->num_objs, &r->objsize, &r->objperslab,
			    &r->pagesperslab, &r->limit, &r->batchcount, &r->sharedfactor,
			    &r->active_slabs, &r->num_slabs, &r->sharedavail);

	CHECK(fields == 12, "%d fields in: %s", fields, line);
	snprintf(again, sizeof(again), ROW_FORMAT "\n", r->name, r->active_objs, r->num_objs,
		 r->objsize, r->objperslab, r->pagesperslab, r->limit, r->batchcount,
		 r->sharedfactor, r->active_slabs, r->num_slabs, r->sharedavail);
	CHECK(!strcmp(line, again), "not the kernel's format:\n%sbut\n%s", line, again);
	CHECK(r->active_objs <= r->num_objs, "%s: more active objects than objects", r->name);
	CHECK(r->active_slabs <= r->num_slabs, "%s: more active slabs than slabs", r->name);
	/* Those beyond a page lie in the slabs of kmalloc-units. */
	if (r->objsize > 4096) {
		CHECK(!r->num_slabs && r->num_objs == r->active_objs, "%s: slabs", r->name);
	} else {
		CHECK(r->num_objs == r->num_slabs * r->objperslab, "%s: objects of other slabs",
		      r->name);
		CHECK(r->active_objs <= r->active_slabs * r->objperslab, "%s: active objects",
		      r->name);
	}
	CHECK((size_t)r->objsize * r->objperslab <= (size_t)r->pagesperslab * 4096,
	      "%s: objects do not fit into a slab", r->name);
}

static void check_file(const char *path)
{
	struct row rows[400];
	size_t count = 0;
	char line[600];
	FILE *f = fopen(path, "r");

	CHECK(f, "%s was not written", path);
	CHECK(fgets(line, sizeof(line), f) && !strcmp(line, header_1), "first line: %s", line);
	CHECK(fgets(line, sizeof(line), f) && !strcmp(line, header_2), "second line: %s", line);
	while (fgets(line, sizeof(line), f)) {
		CHECK(count < ARRAY_SIZE(rows), "too many rows");
		check_row(line, &rows[count]);
		for (size_t i = 0; i < count; i++)
			CHECK(strcmp(rows[i].name, rows[count].name), "%s twice", rows[i].name);
		count++;
	}
	fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		char name[40];
		size_t k = 0;

		snprintf(name, sizeof(name), "kmalloc-%zu", left[i].class);
		while (k < count && strcmp(rows[k].name, name))
			k++;
		CHECK(k < count, "no row of %s", name);
		CHECK(rows[k].objsize == left[i].class, "%s: objects of %u", name, rows[k].objsize);
		CHECK(rows[k].active_objs >= left[i].count, "%s: %lu active, %zu were left", name,
		      rows[k].active_objs, left[i].count);
		/* objects in sheaves count as active, as in the kernel; there are only so many */
		CHECK(rows[k].active_objs <= left[i].count + 600, "%s: %lu active, %zu were left",
		      name, rows[k].active_objs, left[i].count);
	}
	printf("PASS: %zu rows\n", count);
}

int main(int argc, char **argv)
{
	char directory[] = "/tmp/kmem-slabinfo-XXXXXX";
	char option[100], path[100];
	int status;
	pid_t pid;

	require_provider();
	if (argc > 1)
		child();
	CHECK(mkdtemp(directory), "mkdtemp");
	snprintf(option, sizeof(option), "slabinfo=%s/info.%%p.txt", directory);
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid) {
		setenv("KMEM_OPTIONS", option, 1);
		execl("/proc/self/exe", argv[0], "child", NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "child: 0x%x", status);
	snprintf(path, sizeof(path), "%s/info.%d.txt", directory, (int)pid);
	check_file(path);
	unlink(path);
	CHECK(!rmdir(directory), "other files were left in %s", directory);
	return 0;
}
