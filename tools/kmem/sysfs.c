/* SPDX-License-Identifier: MIT */
/*
 * kmem sysfs: what /sys/kernel/slab has of the kernel's caches, of a program's: a directory for
 * each cache, with a file for each attribute, printed or written.
 *
 * Every attribute is made by one function that writes its value as the kernel does; NULL makes
 * those that the kernel has for writing only. Counters are explained in stats.h. Attributes that
 * the kernel has not are at the end of the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "look.h"
#include "stats.h"

#define VALUE_SIZE  512
#define MAX_ALIASES (1u << 16)

struct cache_dir {
	const struct target *target;
	const struct cache_view *view;
	struct cache_stats stats;
	char name[CACHE_NAME_MAX + 16]; /* of the directory */
	char (*alias)[CACHE_NAME_MAX + 1];
	size_t nr_aliases;
};

struct attribute {
	const char *name;
	void (*value)(const struct cache_dir *dir, struct out *out); /* NULL: empty */
};

/* ---- Values ---- */

#define NUMBER(attribute, expression)                                               \
	static void value_##attribute(const struct cache_dir *dir, struct out *out) \
	{                                                                           \
		const struct kmem_cache *s = &dir->view->cache;                     \
                                                                                    \
		(void)s;                                                            \
		out_printf(out, "%lu", (unsigned long)(expression));                \
	}

#define FLAG(attribute, flag) NUMBER(attribute, (s->flags & (flag)) != 0)

NUMBER(aliases, dir->nr_aliases)
NUMBER(align, s->align)
NUMBER(min_partial, s->max_empty)
NUMBER(object_size, s->object_size)
NUMBER(objs_per_slab, s->objects)
NUMBER(order, s->order)
NUMBER(sheaf_capacity, s->single ? 0 : s->sheaf_capacity)
NUMBER(slab_size, s->size)
FLAG(destroy_by_rcu, SLAB_TYPESAFE_BY_RCU)
FLAG(hwcache_align, SLAB_HWCACHE_ALIGN)
FLAG(poison, SLAB_POISON)
FLAG(reclaim_account, SLAB_RECLAIM_ACCOUNT)
FLAG(red_zone, SLAB_RED_ZONE)
FLAG(sanity_checks, SLAB_CONSISTENCY_CHECKS)
FLAG(store_user, SLAB_STORE_USER)
FLAG(trace, SLAB_TRACE)
NUMBER(objects_in_sheaves, dir->view->objects_in_slots)
NUMBER(objects_in_barns, dir->view->objects_in_barns)

#define COUNTER(attribute) NUMBER(attribute, dir->stats.attribute)
CACHE_COUNTERS(COUNTER)

/* The sum over the nodes, then what each has that has any: "12 N0=10 N1=2". */
static void by_node(const struct cache_dir *dir, struct out *out,
		    unsigned long (*of)(const struct cache_dir *dir,
					const struct kmem_cache_node *node))
{
	unsigned long sum = 0, part;
	size_t i;

	for (i = 0; i < dir->view->nr_nodes; i++)
		sum += of(dir, &dir->view->node[i]);
	out_printf(out, "%lu", sum);
	for (i = 0; i < dir->view->nr_nodes; i++) {
		part = of(dir, &dir->view->node[i]);
		if (part)
			out_printf(out, " N%u=%lu", (unsigned int)i, part);
	}
}

#define BY_NODE(attribute, expression)                                               \
	static unsigned long of_node_##attribute(const struct cache_dir *dir,        \
						 const struct kmem_cache_node *node) \
	{                                                                            \
		const struct kmem_cache *s = &dir->view->cache;                      \
		struct node_sum sum = node_sum(node);                                \
                                                                                     \
		(void)s;                                                             \
		return (expression);                                                 \
	}                                                                            \
	static void value_##attribute(const struct cache_dir *dir, struct out *out)  \
	{                                                                            \
		by_node(dir, out, of_node_##attribute);                              \
	}

BY_NODE(objects, sum.nr_inuse)
/*
 * Those of classes that share slabs have none; of shared ones it is what full ones may have at
 * least.
 */
BY_NODE(objects_partial,
	sum.nr_slabs ? sum.nr_inuse - min_ul(sum.nr_inuse, sum.nr_full * s->objects) : 0)
BY_NODE(partial, sum.nr_partial)
BY_NODE(slabs, sum.nr_slabs)
BY_NODE(total_objects, node_capacity(s, &sum))

/* Where the constructor is: the file that it came from and how far into it; nothing without one. */
static void value_ctor(const struct cache_dir *dir, struct out *out)
{
	const struct kmem_cache *s = &dir->view->cache;
	uintptr_t ctor = s->ctor ? (uintptr_t)s->ctor : (uintptr_t)s->old_ctor;
	size_t i;

	for (i = 0; i < dir->target->nr_mappings; i++) {
		const struct mapping *m = &dir->target->mappings[i];

		if (ctor >= m->start && ctor < m->end && m->path[0]) {
			out_printf(out, "%s+0x%lx", m->path, ctor - m->start + m->offset);
			return;
		}
	}
	if (ctor)
		out_printf(out, "0x%lx", ctor);
}

#define ATTRIBUTE(name) { #name, value_##name },

static const struct attribute attributes[] = {
	/* clang-format off */
	ATTRIBUTE(aliases) ATTRIBUTE(align)
	CACHE_COUNTERS(ATTRIBUTE)
	ATTRIBUTE(ctor) ATTRIBUTE(destroy_by_rcu) ATTRIBUTE(hwcache_align) ATTRIBUTE(min_partial)
	ATTRIBUTE(object_size) ATTRIBUTE(objects) ATTRIBUTE(objects_partial)
	ATTRIBUTE(objs_per_slab) ATTRIBUTE(order) ATTRIBUTE(partial) ATTRIBUTE(poison)
	ATTRIBUTE(reclaim_account) ATTRIBUTE(red_zone) ATTRIBUTE(sanity_checks)
	ATTRIBUTE(sheaf_capacity)
	{ "shrink", NULL },
	ATTRIBUTE(slab_size) ATTRIBUTE(slabs) ATTRIBUTE(store_user) ATTRIBUTE(total_objects)
	ATTRIBUTE(trace)
	{ "validate", NULL },
	ATTRIBUTE(objects_in_sheaves) ATTRIBUTE(objects_in_barns)
	/* clang-format on */
};

#define NR_ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

/* The value without its newline, terminated. */
static void get_value(const struct cache_dir *dir, size_t i, char value[VALUE_SIZE])
{
	struct out out;

	out_init(&out, -1, value, VALUE_SIZE - 1);
	if (attributes[i].value)
		attributes[i].value(dir, &out);
	value[out.len] = '\0';
}

/* ---- Directories ---- */

/* The other names of a cache; the walk ends where the list makes no sense. */
static void read_aliases(struct target *t, struct cache_dir *dir)
{
	uintptr_t head = dir->view->address + offsetof(struct kmem_cache, aliases);
	uintptr_t at = (uintptr_t)dir->view->cache.aliases.next, before = head;
	struct cache_name name;

	while (at != head && dir->nr_aliases < MAX_ALIASES) {
		if (!target_read_struct(t, at - offsetof(struct cache_name, list), &name) ||
		    (uintptr_t)name.list.prev != before) {
			target_note_change(t, "the aliases of %s", dir->view->name);
			return;
		}
		dir->alias = xrealloc(dir->alias, dir->nr_aliases + 1, sizeof(*dir->alias));
		name.text[CACHE_NAME_MAX] = '\0';
		strcpy(dir->alias[dir->nr_aliases++], name.text);
		before = at;
		at = (uintptr_t)name.list.next;
	}
}

/* As the name of a file, which is what the target says and may be anything. */
static void clean_name(char *name)
{
	char *p;

	for (p = name; *p; p++)
		if (*p == '/')
			*p = '!';
	if (name[0] == '.')
		name[0] = '!';
}

/* Caches may share a name, directories may not: the second is NAME:2. */
static void name_dir(struct cache_dir *dirs, size_t nr)
{
	struct cache_dir *dir = &dirs[nr];
	unsigned int times = 1;
	size_t i;

	for (i = 0; i < nr; i++)
		times += !strcmp(dirs[i].view->name, dir->view->name);
	snprintf(dir->name, sizeof(dir->name), "%s", dir->view->name);
	if (times > 1)
		snprintf(dir->name, sizeof(dir->name), "%s:%u", dir->view->name, times);
	clean_name(dir->name);
}

static struct cache_dir *make_dirs(struct target *t, const struct caches *caches)
{
	struct cache_dir *dirs = xrealloc(NULL, caches->nr, sizeof(*dirs));
	size_t i, k;

	for (i = 0; i < caches->nr; i++) {
		dirs[i] = (struct cache_dir){
			.target = t,
			.view = &caches->cache[i],
			.stats = cache_stats(&caches->cache[i]),
		};
		read_aliases(t, &dirs[i]);
		name_dir(dirs, i);
		for (k = 0; k < dirs[i].nr_aliases; k++)
			clean_name(dirs[i].alias[k]);
	}
	return dirs;
}

static void free_dirs(struct cache_dir *dirs, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		free(dirs[i].alias);
	free(dirs);
}

/* ---- Output ---- */

static void print(const struct cache_dir *dir)
{
	char value[VALUE_SIZE];
	size_t i;

	for (i = 0; i < NR_ATTRIBUTES; i++) {
		if (!attributes[i].value)
			continue;
		get_value(dir, i, value);
		printf("%s/%s:%s%s\n", dir->name, attributes[i].name, value[0] ? " " : "", value);
	}
	for (i = 0; i < dir->nr_aliases; i++)
		printf("%s -> %s\n", dir->alias[i], dir->name);
}

static _Noreturn void cannot_write(const char *name)
{
	die(KMEM_FAILED, "cannot write %s: %s", name, strerror(errno));
}

static void write_attribute(int fd, const char *name, const char *value)
{
	int file = openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (file < 0 || (value[0] && dprintf(file, "%s\n", value) < 0) || close(file))
		cannot_write(name);
}

/* A directory below @parent, new or there already. */
static int open_dir(int parent, const char *name)
{
	int fd;

	if (mkdirat(parent, name, 0755) && errno != EEXIST)
		cannot_write(name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		cannot_write(name);
	return fd;
}

static void write_dir(int root, const struct cache_dir *dir)
{
	int fd = open_dir(root, dir->name);
	char value[VALUE_SIZE];
	size_t i;

	for (i = 0; i < NR_ATTRIBUTES; i++) {
		get_value(dir, i, value);
		write_attribute(fd, attributes[i].name, value);
	}
	close(fd);
	for (i = 0; i < dir->nr_aliases; i++)
		if (symlinkat(dir->name, root, dir->alias[i]) && errno != EEXIST)
			cannot_write(dir->alias[i]);
}

/* A value as JSON: a number where it is one; with nodes the sum, and each node's part beside it. */
static void add_value(struct json_object *object, const char *name, const char *value)
{
	struct json_object *nodes;
	char *end, *key;
	unsigned long sum = strtoul(value, &end, 10), node, part;
	int len;

	if (end == value || (*end && *end != ' ')) {
		json_add_string(object, name, value);
		return;
	}
	json_add_number(object, name, sum);
	if (*end != ' ')
		return;
	key = xasprintf("%s_by_node", name);
	nodes = json_add_object(object, key);
	free(key);
	for (; sscanf(end, " N%lu=%lu%n", &node, &part, &len) == 2; end += len) {
		char number[24];

		snprintf(number, sizeof(number), "%lu", node);
		json_add_number(nodes, number, part);
	}
}

static void print_json(const struct target *t, const struct cache_dir *dirs, size_t nr)
{
	struct json_object *object = json_begin(t), *array = json_add_array(object, "caches");
	char value[VALUE_SIZE];
	size_t i, k;

	for (i = 0; i < nr; i++) {
		struct json_object *row = json_append_object(array), *names;

		json_add_string(row, "name", dirs[i].view->name);
		for (k = 0; k < NR_ATTRIBUTES; k++) {
			if (!attributes[k].value)
				continue;
			get_value(&dirs[i], k, value);
			add_value(row, attributes[k].name, value);
		}
		names = json_add_array(row, "alias_names");
		for (k = 0; k < dirs[i].nr_aliases; k++)
			json_append_string(names, dirs[i].alias[k]);
	}
	json_end(t, object);
}

/* ---- Command ---- */

static int run(const struct command *self, int argc, char **argv)
{
	const char *output = NULL;
	const struct look_flag flags[] = { { "output", NULL, &output }, { NULL, NULL, NULL } };
	struct cache_dir *dirs;
	struct caches caches;
	struct target *t;
	size_t i;
	bool json;
	int root;

	t = look(self, argc, argv, &json, flags);
	if (json && output)
		usage_error(self, "--output is for files, not for JSON");
	caches_read(t, &caches);
	dirs = make_dirs(t, &caches);
	if (json)
		print_json(t, dirs, caches.nr);
	root = output ? open_dir(AT_FDCWD, output) : -1;
	for (i = 0; i < caches.nr && !json; i++)
		if (output)
			write_dir(root, &dirs[i]);
		else
			print(&dirs[i]);
	if (output)
		close(root);
	free_dirs(dirs, caches.nr);
	caches_free(&caches);
	target_close(t);
	return KMEM_OK;
}

const struct command command_sysfs = {
	.name = "sysfs",
	.synopsis = "[--json | --output DIR] PID|CORE",
	.summary = "the attributes of each cache, as in /sys/kernel/slab",
	.help = "Prints CACHE/ATTRIBUTE: VALUE for each attribute that the kernel shows of a cache, and\n"
		"ALIAS -> CACHE for each other name of one. Values are in the kernel's form; what is\n"
		"counted by node has the sum first, as in \"12 N0=10 N1=2\".\n"
		"\n"
		"As in the kernel, objects counts those in use and those that lie in sheaves: in threads'\n"
		"(objects_in_sheaves) and in barns (objects_in_barns). A hit is not counted: alloc_fastpath\n"
		"and free_fastpath are estimated from the objects that threads' sheaves got and gave; what\n"
		"is freed and taken again out of one sheaf is not in them.\n"
		"min_partial is how many empty slabs a lane keeps at least. ctor is a file and a place in\n"
		"it.\n"
		"\n"
		"  --output DIR  writes the files CACHE/ATTRIBUTE below DIR, and symbolic links for\n"
		"                aliases\n"
		"  --json        the same as JSON\n",
	.run = run,
};
