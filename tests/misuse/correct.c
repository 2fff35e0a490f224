/*
 * Everything here is allowed, and must not be taken for misuse.
 *
 * The checks that catch the other programs of this directory would be worth nothing if they also
 * stopped a program that does nothing wrong: a free by another thread than the one that allocated,
 * the same address handed out again and again, sizes at the edges for the sized forms, frees of
 * NULL, of aligned blocks, and late ones. The test demands exit code 0 and silence.
 */
#include "misuse.h"
#include <sys/wait.h>

#define ROUNDS 20000
#define SLOTS  256

static void *exchange[SLOTS];

/* Takes, gives and passes on, with the other threads doing the same to the same slots. */
static void *passes_on(void *arg)
{
	uint64_t random = (uintptr_t)arg + 1;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t r = random_next(&random);
		size_t n = r % 16 ? r % 700 : r % 90000;
		void *p = must(malloc(n));

		p = __atomic_exchange_n(&exchange[r >> 32 & (SLOTS - 1)], p, __ATOMIC_ACQ_REL);
		if (r % 5 == 0 && p)
			p = must(realloc(p, n / 2 + 1));
		free(p);
	}
	return NULL;
}

static void same_address_again(void)
{
	for (size_t size = 1; size < 4 * MIB; size = size * 2 + 1)
		for (int i = 0; i < 2000; i++)
			free(must(malloc(size)));
}

static void sized_forms(void)
{
	void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
	void (*aligned)(void *, size_t, size_t) =
		(void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");

	CHECK(sized && aligned, "no sized forms");
	for (size_t size = 0; size < 70000; size += 1 + size / 50) {
		sized(must(malloc(size)), size);
		sized(must(calloc(3, size)), 3 * size);
		sized(must(realloc(must(malloc(size / 2)), size + 1)), size + 1);
		for (size_t a = 16; a <= 65536; a *= 4)
			aligned(must(aligned_alloc(a, size)), a, size);
	}
	sized(NULL, 5);
	aligned(NULL, 64, 5);
}

static void edges_of_blocks(void)
{
	for (size_t a = 16; a <= MIB; a *= 2) {
		char *p = must(aligned_alloc(a, a + 1));

		memset(p, 1, malloc_usable_size(p));
		p = must(realloc(p, 3 * a));
		memset(p, 2, malloc_usable_size(p));
		free(p);
		free(must(valloc(a)));
		free(must(pvalloc(a)));
	}
	for (int i = 0; i < 1000; i++) {
		free(NULL);
		CHECK(!malloc_usable_size(NULL), "NULL has a size");
		opaque(realloc(must(malloc(100)), opaque_size(0)));
		free(must(malloc(opaque_size(0))));
	}
}

static void *takes(void *arg)
{
	void **p = arg;

	for (int i = 0; i < SLOTS; i++)
		p[i] = must(malloc((size_t)i * 200));
	return NULL;
}

static void *gives(void *arg)
{
	void **p = arg;

	for (int i = 0; i < SLOTS; i++)
		free(p[i]);
	return NULL;
}

int main(void)
{
	void *held[SLOTS];
	pthread_t t[4];
	int status;
	pid_t pid;

	same_address_again();
	sized_forms();
	edges_of_blocks();
	for (int round = 0; round < 20; round++) {
		in_thread(takes, held);
		malloc_trim(0);
		in_thread(gives, held);
		malloc_trim(0);
	}
	for (uintptr_t i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, passes_on, (void *)i), "thread");
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL), "join");
	takes(held);
	pid = fork();
	CHECK(pid >= 0, "fork");
	gives(held);
	for (int i = 0; i < SLOTS; i++)
		free(exchange[i]);
	malloc_trim(0);
	if (pid)
		CHECK(waitpid(pid, &status, 0) == pid && !status, "child: 0x%x", status);
	return 0;
}
