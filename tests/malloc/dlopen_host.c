/*
 * A program on libc's malloc that loads, while running, a plug-in that brings the library with it.
 *
 * The library then starts late: after main began, with threads already there that were made without
 * it, and with libc's malloc in use on the other side. Its thread-local pointer must find room in
 * the static TLS of all threads. In the first part the plug-in's calls resolve to libc's malloc, as
 * the search order wants, and the library is called through the plug-in's handle. In the second
 * part the plug-in is loaded with RTLD_DEEPBIND, so that its own calls reach the library; in the
 * third it is one in C++, whose operators are the library's while malloc is still libc's. At the
 * end it is unloaded while threads live that used it: their end must not run code that is gone.
 */
#include "outside.h"
#include <pthread.h>

#define THREADS 6

static void *(*take)(size_t);
static void (*give)(void *);
static pthread_barrier_t loaded, used, unloaded;

static void use(uint64_t seed)
{
	void *held[64] = { 0 };

	for (size_t i = 0; i < 20000; i++) {
		size_t n = i * 31 % (i % 50 ? 3000 : 100000);
		size_t slot = i % ARRAY_SIZE(held);

		give(held[slot]);
		held[slot] = take(n);
		CHECK(held[slot], "no memory");
		fill(held[slot], n < 64 ? n : 64, seed + i);
	}
	for (size_t slot = 0; slot < ARRAY_SIZE(held); slot++)
		give(held[slot]);
}

static void *thread(void *arg)
{
	free(malloc(100));
	pthread_barrier_wait(&loaded);
	use((uintptr_t)arg);
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&unloaded);
	free(malloc(100));
	return NULL;
}

static void *late_thread(void *arg)
{
	use((uintptr_t)arg);
	return NULL;
}

static const char *owner(void *function)
{
	Dl_info info;
	const char *slash;

	CHECK(dladdr(function, &info), "no object at %p", function);
	slash = strrchr(info.dli_fname, '/');
	return slash ? slash + 1 : info.dli_fname;
}

int main(int argc, char **argv)
{
	int deep = argc > 2 && !strcmp(argv[2], "deepbind");
	int its_own = argc > 2; /* functions of the plug-in are called, and not malloc and free */
	pthread_t threads[THREADS], late;
	void *handle;

	CHECK(argc > 1, "usage: dlopen_host PLUGIN [deepbind|operators]");
	CHECK(strncmp(owner(dlsym(RTLD_DEFAULT, "malloc")), "libkmem", 7), "host is on libkmem");
	pthread_barrier_init(&loaded, NULL, THREADS + 1);
	pthread_barrier_init(&used, NULL, THREADS + 1);
	pthread_barrier_init(&unloaded, NULL, THREADS + 1);
	for (size_t t = 0; t < THREADS; t++)
		CHECK(!pthread_create(&threads[t], NULL, thread, (void *)t), "thread");

	handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | (deep ? RTLD_DEEPBIND : 0));
	CHECK(handle, "%s", dlerror());
	if (its_own) {
		take = (void *(*)(size_t))dlsym(handle, "plugin_take");
		give = (void (*)(void *))dlsym(handle, "plugin_give");
	} else {
		take = (void *(*)(size_t))dlsym(handle, "malloc");
		give = (void (*)(void *))dlsym(handle, "free");
		CHECK(!strncmp(owner((void *)take), "libkmem", 7), "malloc of the handle is %s's",
		      owner((void *)take));
	}
	CHECK(take && give, "symbols");
	pthread_barrier_wait(&loaded);
	use(1000);
	CHECK(!pthread_create(&late, NULL, late_thread, NULL), "thread");
	CHECK(!pthread_join(late, NULL), "join");
	pthread_barrier_wait(&used);
	CHECK(!dlclose(handle), "%s", dlerror());
	pthread_barrier_wait(&unloaded);
	for (size_t t = 0; t < THREADS; t++)
		CHECK(!pthread_join(threads[t], NULL), "join");

	/* and once more from the start */
	handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | (deep ? RTLD_DEEPBIND : 0));
	CHECK(handle, "%s", dlerror());
	take = (void *(*)(size_t))dlsym(handle, its_own ? "plugin_take" : "malloc");
	give = (void (*)(void *))dlsym(handle, its_own ? "plugin_give" : "free");
	use(2000);
	CHECK(!dlclose(handle), "%s", dlerror());
	puts("PASS");
	return 0;
}
