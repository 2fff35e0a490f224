/*
 * Every name by which libc lets a program ask for memory, looked up at run time.
 *
 * Some of them are newer than the libc that the tests are built with (free_sized), some are older
 * than its headers (cfree), some were never in a header (__libc_malloc). A block may be taken by
 * one name and freed by another, so they must all lead to the same allocator.
 */
#include "outside.h"
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* keep after the headers that it needs */
#include <cmocka.h>

static const char *const names[] = {
	"malloc",
	"free",
	"calloc",
	"realloc",
	"reallocarray",
	"aligned_alloc",
	"posix_memalign",
	"memalign",
	"valloc",
	"pvalloc",
	"malloc_usable_size",
	"free_sized",
	"free_aligned_sized",
	"cfree",
	"mallinfo",
	"mallinfo2",
	"mallopt",
	"malloc_trim",
	"malloc_stats",
	"malloc_info",
	"__libc_malloc",
	"__libc_free",
	"__libc_calloc",
	"__libc_realloc",
	"__libc_memalign",
	"__libc_valloc",
	"__libc_pvalloc",
	"__posix_memalign",
};

static void *find(const char *name)
{
	void *sym = dlsym(RTLD_DEFAULT, name);

	if (!sym)
		fail_msg("no symbol %s", name);
	return sym;
}

static void all_of_one_object(void **state)
{
	Dl_info ours, info;
	int strays = 0;

	(void)state;
	assert_int_not_equal(dladdr(find("malloc"), &ours), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		void *sym = dlsym(RTLD_DEFAULT, names[i]);

		if (!sym || !dladdr(sym, &info) || info.dli_fbase != ours.dli_fbase) {
			say(2, "%s: %s\n", names[i], sym ? info.dli_fname : "not found");
			strays++;
		}
	}
	assert_int_equal(strays, 0);
}

static void sized_frees(void **state)
{
	void (*sized)(void *, size_t) = (void (*)(void *, size_t))find("free_sized");
	void (*aligned_sized)(void *, size_t, size_t) =
		(void (*)(void *, size_t, size_t))find("free_aligned_sized");

	(void)state;
	for (size_t size = 0; size < 5 * MIB; size = size * 2 + 1) {
		sized(malloc(size), size);
		sized(calloc(1, size), size);
		sized(realloc(malloc(3), size + 1), size + 1);
		for (size_t alignment = 16; alignment <= 2 * MIB; alignment *= 8) {
			aligned_sized(aligned_alloc(alignment, size), alignment, size);
			/*
			 * What realloc() returns is aligned as by malloc(), and lies where malloc()
			 * puts such a size.
			 */
			sized(realloc(aligned_alloc(alignment, size), size + 1), size + 1);
		}
	}
	sized(NULL, 0);
	sized(NULL, 100);
	aligned_sized(NULL, 64, 100);
	errno = 4711;
	sized(malloc(100), 100);
	assert_int_equal(errno, 4711);
}

static void cfree_frees(void **state)
{
	void (*old_free)(void *) = (void (*)(void *))find("cfree");
	size_t before = rss_kib();

	(void)state;
	for (int i = 0; i < 3000; i++) {
		char *p = malloc(MIB);

		assert_non_null(p);
		for (size_t k = 0; k < MIB; k += 4096)
			p[k] = 1;
		old_free(p);
	}
	old_free(NULL);
	assert_true(rss_kib() < before + 64 * KIB);
}

static void libc_names_are_the_same_allocator(void **state)
{
	void *(*l_malloc)(size_t) = (void *(*)(size_t))find("__libc_malloc");
	void (*l_free)(void *) = (void (*)(void *))find("__libc_free");
	void *(*l_calloc)(size_t, size_t) = (void *(*)(size_t, size_t))find("__libc_calloc");
	void *(*l_realloc)(void *, size_t) = (void *(*)(void *, size_t))find("__libc_realloc");
	void *(*l_memalign)(size_t, size_t) = (void *(*)(size_t, size_t))find("__libc_memalign");
	void *(*l_valloc)(size_t) = (void *(*)(size_t))find("__libc_valloc");
	void *(*l_pvalloc)(size_t) = (void *(*)(size_t))find("__libc_pvalloc");
	int (*p_memalign)(void **, size_t, size_t) =
		(int (*)(void **, size_t, size_t))find("__posix_memalign");

	(void)state;
	for (size_t size = 1; size < 3 * MIB; size = size * 2 + 1) {
		unsigned char *p = l_malloc(size);
		void *q = NULL;

		assert_non_null(p);
		assert_true(malloc_usable_size(p) >= size);
		fill(p, size, 1);
		p = realloc(p, size + 100);
		p = l_realloc(p, size * 2);
		assert_non_null(p);
		assert_int_equal(first_wrong(p, size, 1), size);
		free(p);

		p = l_calloc(size, 1);
		assert_non_null(p);
		assert_int_equal(first_nonzero(p, size), size);
		free(p);

		l_free(malloc(size));
		l_free(calloc(size, 1));
		l_free(NULL);

		p = l_memalign(256, size);
		assert_non_null(p);
		assert_true(is_aligned(p, 256));
		free(p);
		p = l_valloc(size);
		assert_non_null(p);
		assert_true(is_aligned(p, 4096));
		free(p);
		p = l_pvalloc(size);
		assert_non_null(p);
		assert_true(is_aligned(p, 4096));
		free(p);
		assert_int_equal(p_memalign(&q, 1024, size), 0);
		assert_true(is_aligned(q, 1024));
		l_free(q);
	}
}

/* What libc itself allocates is freed by the program, and the other way round. */
static void blocks_of_libc_functions(void **state)
{
	char *line = NULL, *text = NULL, *dup, *path;
	size_t room = 0, length = 0;
	FILE *f;

	(void)state;
	dup = strdup("a string of some length");
	assert_non_null(dup);
	free(dup);
	assert_true(asprintf(&text, "%0*d", 40000, 1) == 40000);
	free(text);
	path = realpath("/proc/self/../self/..", NULL);
	assert_non_null(path);
	free(path);
	f = open_memstream(&text, &length);
	assert_non_null(f);
	for (int i = 0; i < 20000; i++)
		fprintf(f, "line %d\n", i);
	assert_int_equal(fclose(f), 0);
	f = fmemopen(text, length, "r");
	assert_non_null(f);
	line = malloc(1);
	room = 1;
	for (int i = 0; i < 20000; i++)
		assert_true(getline(&line, &room, f) > 0);
	assert_string_equal(line, "line 19999\n");
	fclose(f);
	free(line);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_one_object),
		cmocka_unit_test(sized_frees),
		cmocka_unit_test(cfree_frees),
		cmocka_unit_test(libc_names_are_the_same_allocator),
		cmocka_unit_test(blocks_of_libc_functions),
	};

	require_provider();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
