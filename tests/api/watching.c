/* SPDX-License-Identifier: MIT */
/*
 * Whoever looks at the caches from within keeps nobody waiting: neither by reading slowly, nor by
 * looking at a moment when locks may not be waited for.
 */
#include "api.h"

#include <fcntl.h>
#include <kmem/mm.h>
#include <kmem/slab.h>
#include <kmem/slabinfo.h>
#include <kmem/vma.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#define CACHES 1200

static struct kmem_cache *caches[CACHES];

static void make_caches(void)
{
	char name[20];
	int i;

	for (i = 0; i < CACHES; i++) {
		snprintf(name, sizeof(name), "watched-%d", i);
		caches[i] = kmem_cache_create(name, 64, 0, SLAB_NO_MERGE, NULL);
		assert_non_null(caches[i]);
	}
}

static void end_caches(void)
{
	int i;

	for (i = 0; i < CACHES; i++)
		if (caches[i])
			assert_int_equal(kmem_cache_destroy(caches[i]), 0);
}

static void *write_all(void *fd)
{
	int err = kmem_slabinfo_write(*(int *)fd);

	close(*(int *)fd);
	return (void *)(intptr_t)err;
}

static void wait_until_full(int fd)
{
	struct pollfd to = { fd, POLLOUT, 0 };

	while (poll(&to, 1, 0) != 0)
		usleep(1000);
}

static void use_everything(void)
{
	static void *objects[20000];
	struct kmem_cache *s;
	pid_t child;
	size_t i;

	s = kmem_cache_create("meanwhile", 80, 0, SLAB_NO_MERGE, NULL);
	assert_non_null(s);
	assert_int_equal(kmem_cache_destroy(s), 0);
	/* one that is among those still to be written */
	assert_int_equal(kmem_cache_destroy(caches[CACHES - 10]), 0);
	caches[CACHES - 10] = NULL;
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = malloc(3000);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		free(objects[i]);
	malloc_trim(0);
	child = fork();
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* All rows are whole, each cache has one, in the order they were made. */
static void read_all(int fd)
{
	char line[400], name[40];
	FILE *f = fdopen(fd, "r");
	int next = 0, nr;

	while (fgets(line, sizeof(line), f)) {
		assert_non_null(strchr(line, '\n'));
		if (sscanf(line, "%39s", name) != 1 || sscanf(name, "watched-%d", &nr) != 1)
			continue;
		next += next == CACHES - 10;
		assert_int_equal(nr, next);
		assert_non_null(strstr(line, " : slabdata "));
		next++;
	}
	assert_int_equal(next, CACHES);
	fclose(f);
}

static void a_slow_reader_stops_nobody(void **state)
{
	pthread_t writer;
	void *err;
	int fd[2];

	(void)state;
	make_caches();
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_all, &fd[1]), 0);
	wait_until_full(fd[1]);
	use_everything();
	read_all(fd[0]);
	pthread_join(writer, &err);
	assert_null(err);
	end_caches();
}

static void *destroy_in_use(void *cache)
{
	return (void *)(intptr_t)kmem_cache_destroy(cache);
}

/* Nor does who reads what is said of objects in use. */
static void a_slow_reader_of_complaints_stops_nobody(void **state)
{
	struct kmem_cache *s = kmem_cache_create("in-use", 100, 0, SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL), *err;
	static const char much[65536];
	pthread_t thread;
	char text[4096];

	(void)state;
	make_caches();
	api_listen();
	/* full: whoever writes waits from now on */
	assert_int_equal(fcntl(api_pipe[1], F_SETFL, O_NONBLOCK), 0);
	while (write(api_pipe[1], much, sizeof(much)) > 0)
		;
	while (write(api_pipe[1], much, 1) > 0)
		;
	assert_int_equal(fcntl(api_pipe[1], F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, destroy_in_use, s), 0);
	/* it writes while it holds nothing */
	usleep(100000);
	use_everything();
	while (read(api_pipe[0], text, sizeof(text)) == sizeof(text) && text[sizeof(text) - 1] == 0)
		;
	pthread_join(thread, &err);
	api_heard(text, sizeof(text));
	assert_int_equal((intptr_t)err, -EBUSY);
	kmem_cache_free(s, object);
	assert_int_equal(kmem_cache_destroy(s), 0);
	end_caches();
}

#define FREED 100

static void *freed_by_handler[FREED];

static void free_all(int sig)
{
	int i;

	(void)sig;
	for (i = 0; i < FREED; i++)
		free(freed_by_handler[i]);
}

static void *print_zones(void *fd)
{
	return (void *)(intptr_t)buddyinfo_print(*(int *)fd);
}

/*
 * With many nodes the text is written in several pieces: in no slow path, where handlers free
 * little.
 */
static void a_slow_reader_of_zones_is_in_no_slow_path(void **state)
{
	struct sigaction act = { .sa_handler = free_all, .sa_flags = SA_RESTART };
	static const char much[65536];
	char text[4096], rest[4096];
	pthread_t thread;
	void *err;
	int i, fd[2];

	(void)state;
	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < FREED; i++)
		freed_by_handler[i] = malloc(2000);
	for (i = 0; i < (int)num_online_nodes(); i++)
		assert_non_null(alloc_pages_node(i, GFP_KERNEL, 0));
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], much, sizeof(much)), sizeof(much));
	api_listen();
	assert_int_equal(pthread_create(&thread, NULL, print_zones, &fd[1]), 0);
	usleep(100000);
	pthread_kill(thread, SIGUSR1);
	usleep(100000);
	for (i = 0; i < (int)(sizeof(much) / sizeof(rest)); i++)
		assert_int_equal(read(fd[0], rest, sizeof(rest)), sizeof(rest));
	pthread_join(thread, &err);
	api_heard(text, sizeof(text));
	assert_null(err);
	assert_string_equal(text, "");
	close(fd[0]);
	close(fd[1]);
}

static int stop(struct kmem_cache *s, const char *name, bool alias, void *arg)
{
	(void)s;
	(void)name;
	(void)alias;
	(void)arg;
	return 1;
}

static int stop_at_slab(const struct kmem_slab_info *slab, void *arg)
{
	(void)slab;
	(void)arg;
	return 1;
}

/* The lock of the record of mappings is inside all others: who holds it may wait for none. */
static void nothing_is_waited_for_under_the_record_s_lock(void **state)
{
	struct kmem_cache *s = kmem_cache_create("held", 100, 0, SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL);
	struct slabinfo info;
	int fd = open("/dev/null", O_WRONLY), errors[5];
	struct mallinfo2 m;

	(void)state;
	mmap_read_lock(current_mm());
	errors[0] = kmem_slabinfo_write(fd);
	errors[1] = kmem_cache_for_each(stop, NULL);
	errors[2] = kmem_cache_for_each_slab(s, stop_at_slab, NULL);
	errors[3] = buddyinfo_print(fd);
	errors[4] = zoneinfo_print(fd);
	get_slabinfo(s, &info);
	m = mallinfo2();
	mmap_read_unlock(current_mm());
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		assert_int_equal(errors[i], -EBUSY);
	assert_true(info.active_objs >= 1 && info.num_objs >= info.active_objs);
	assert_true(m.arena >= m.uordblks && m.uordblks > 0);
	/* and without it all is as always */
	assert_int_equal(kmem_slabinfo_write(fd), 0);
	assert_int_equal(kmem_cache_for_each(stop, NULL), 1);
	assert_int_equal(kmem_cache_for_each_slab(s, stop_at_slab, NULL), 1);
	close(fd);
	kmem_cache_free(s, object);
	assert_int_equal(kmem_cache_destroy(s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_reader_stops_nobody),
		cmocka_unit_test(a_slow_reader_of_complaints_stops_nobody),
		cmocka_unit_test(a_slow_reader_of_zones_is_in_no_slow_path),
		cmocka_unit_test(nothing_is_waited_for_under_the_record_s_lock),
	};

	alarm(250);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
