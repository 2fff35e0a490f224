/*
 * Every form of operator new and delete, as C++17 has them.
 *
 * All forms must lead to the same allocator, since a block may be taken by one and given back by
 * another that the compiler chose (sized or not). When memory is short the new-handler is called
 * and may make room; without one, or when it gives up, bad_alloc is thrown, and the nothrow forms
 * turn any bad_alloc into a null pointer.
 */
#include "outside.h"
#include <list>
#include <malloc.h>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

static size_t in_use()
{
	struct mallinfo2 mi = mallinfo2();

	return mi.uordblks + mi.hblkhd;
}

static void *checked(void *p, size_t size, size_t alignment)
{
	CHECK(p, "no memory for %zu", size);
	CHECK(is_aligned(p, alignment), "%p of %zu is not aligned to %zu", p, size, alignment);
	CHECK(malloc_usable_size(p) >= size, "%p of %zu has %zu", p, size, malloc_usable_size(p));
	memset(p, 0x5a, size);
	return opaque(p);
}

/* Each new with each delete that the standard lets meet it. */
static void every_form()
{
	const std::nothrow_t &nt = std::nothrow;

	for (size_t n = 0; n < 3 * MIB; n = n * 2 + 1) {
		operator delete(checked(operator new(n), n, 16));
		operator delete(checked(operator new(n), n, 16), n);
		operator delete(checked(operator new(n), n, 16), nt);
		operator delete(checked(operator new(n, nt), n, 16), nt);
		operator delete(checked(operator new(n, nt), n, 16));
		operator delete(checked(operator new(n, nt), n, 16), n);
		operator delete[](checked(operator new[](n), n, 16));
		operator delete[](checked(operator new[](n), n, 16), n);
		operator delete[](checked(operator new[](n), n, 16), nt);
		operator delete[](checked(operator new[](n, nt), n, 16), nt);
		operator delete[](checked(operator new[](n, nt), n, 16), n);
		free(checked(operator new(n), n, 16));
		operator delete(malloc(n));

		for (size_t a = 1; a <= 64 * KIB; a *= 2) {
			std::align_val_t al{ a };

			operator delete(checked(operator new(n, al), n, a), al);
			operator delete(checked(operator new(n, al), n, a), n, al);
			operator delete(checked(operator new(n, al), n, a), al, nt);
			operator delete(checked(operator new(n, al, nt), n, a), al, nt);
			operator delete(checked(operator new(n, al, nt), n, a), n, al);
			operator delete[](checked(operator new[](n, al), n, a), al);
			operator delete[](checked(operator new[](n, al), n, a), n, al);
			operator delete[](checked(operator new[](n, al), n, a), al, nt);
			operator delete[](checked(operator new[](n, al, nt), n, a), al, nt);
			operator delete[](checked(operator new[](n, al, nt), n, a), n, al);
		}
	}
	operator delete(nullptr);
	operator delete (nullptr, size_t{ 10 });
	operator delete(nullptr, nt);
	operator delete (nullptr, std::align_val_t{ 64 });
	operator delete (nullptr, size_t{ 10 }, std::align_val_t{ 64 });
	operator delete (nullptr, std::align_val_t{ 64 }, nt);
	operator delete[](nullptr);
	operator delete[](nullptr, size_t{ 10 });
	operator delete[](nullptr, nt);
	operator delete[](nullptr, std::align_val_t{ 64 });
	operator delete[](nullptr, size_t{ 10 }, std::align_val_t{ 64 });
	operator delete[](nullptr, std::align_val_t{ 64 }, nt);

	void *a = operator new(0), *b = operator new(0);
	CHECK(a && b && a != b, "new(0) is no unique pointer");
	operator delete(a);
	operator delete(b);
}

struct alignas(64) Line {
	char bytes[64];
};
struct alignas(4096) Page {
	char bytes[4096];
};

static void over_aligned_types()
{
	for (int n = 1; n < 100; n++) {
		Line *line = new Line[n];
		Page *page = new Page;

		CHECK(is_aligned(line, 64), "%p", (void *)line);
		CHECK(is_aligned(page, 4096), "%p", (void *)page);
		delete[] line;
		delete page;
	}
	std::vector<Line> lines(1000);
	CHECK(is_aligned(lines.data(), 64), "%p", (void *)lines.data());
	auto shared = std::make_shared<Page>();
	CHECK(is_aligned(shared.get(), 4096), "%p", (void *)shared.get());
}

static const size_t too_large[] = { (size_t)PTRDIFF_MAX, (size_t)1 << 62, SIZE_MAX,
				    SIZE_MAX - 4096 };

/* All eight forms of new; throwing ones return only if they did not throw. */
static void *take(int form, size_t n)
{
	const std::align_val_t al{ 256 };

	n = opaque_size(n);
	switch (form) {
	case 0:
		return operator new(n);
	case 1:
		return operator new[](n);
	case 2:
		return operator new(n, al);
	case 3:
		return operator new[](n, al);
	case 4:
		return operator new(n, std::nothrow);
	case 5:
		return operator new[](n, std::nothrow);
	case 6:
		return operator new(n, al, std::nothrow);
	default:
		return operator new[](n, al, std::nothrow);
	}
}

static bool throws(int form)
{
	return form < 4;
}

static void bad_alloc_or_null()
{
	for (int form = 0; form < 8; form++)
		for (size_t n : too_large) {
			bool thrown = false;
			void *p = &thrown;

			try {
				p = take(form, n);
			} catch (const std::bad_alloc &e) {
				thrown = true;
				CHECK(e.what()[0], "bad_alloc says nothing");
			}
			CHECK(thrown == throws(form), "form %d, size %zu", form, n);
			CHECK(thrown || !p, "form %d, size %zu: %p", form, n, p);
		}
}

static int handler_calls;

struct Enough : std::bad_alloc {
	const char *what() const noexcept override
	{
		return "enough";
	}
};

static void handler_that_throws()
{
	if (++handler_calls == 3)
		throw Enough();
}

static void handler_that_steps_down()
{
	handler_calls++;
	std::set_new_handler(nullptr);
}

static void handlers_that_give_up()
{
	for (int form = 0; form < 8; form++) {
		bool enough = false, plain = false;
		void *p = nullptr;

		handler_calls = 0;
		std::set_new_handler(handler_that_throws);
		try {
			p = take(form, too_large[0]);
		} catch (const Enough &) {
			enough = true;
		}
		CHECK(!p && enough == throws(form), "form %d", form);
		CHECK(handler_calls == 3, "form %d: %d calls", form, handler_calls);

		handler_calls = 0;
		std::set_new_handler(handler_that_steps_down);
		try {
			p = take(form, too_large[0]);
		} catch (const std::bad_alloc &) {
			plain = true;
		}
		CHECK(!p && plain == throws(form), "form %d", form);
		CHECK(handler_calls == 1, "form %d: %d calls", form, handler_calls);
	}
	std::set_new_handler(nullptr);
}

/* The classic: a reserve is kept, and given up when memory is short. */
static char *reserve;

static void handler_that_makes_room()
{
	handler_calls++;
	if (!reserve)
		throw Enough();
	delete[] reserve;
	reserve = nullptr;
}

static int room_is_made(int form)
{
	const size_t n = 100 * MIB;
	struct rlimit limit;
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0, "fork");
	if (pid) {
		CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
		return status;
	}
	handler_calls = 0;
	reserve = new char[n];
	memset(reserve, 1, n);
	limit.rlim_cur = limit.rlim_max = vm_kib() * KIB + 30 * MIB;
	CHECK(!setrlimit(RLIMIT_AS, &limit), "setrlimit");
	std::set_new_handler(handler_that_makes_room);
	char *p = static_cast<char *>(take(form, n - MIB));
	CHECK(p, "form %d: nothing after the handler made room", form);
	CHECK(handler_calls == 1, "form %d: %d calls", form, handler_calls);
	memset(p, 2, n - MIB);
	_exit(0);
}

static void handlers_that_make_room()
{
	for (int form = 0; form < 8; form++) {
		int status = room_is_made(form);

		CHECK(status == 0, "form %d: status 0x%x", form, status);
	}
}

struct Thrower {
	char bytes[5000];
	explicit Thrower(int when)
	{
		bytes[0] = 1;
		if (when)
			throw std::runtime_error("in the constructor");
	}
};

/* A constructor that throws: what was taken for the object is given back. */
static void exceptions_through()
{
	size_t before, after;
	int caught = 0;

	for (int round = 0; round < 2; round++) {
		malloc_trim(0);
		before = in_use();
		for (int i = 0; i < 20000; i++) {
			try {
				std::string s(1000 + i % 3000, 'x');
				std::unique_ptr<Thrower> good(new Thrower(0));
				Thrower *t = new Thrower(1);
				delete t;
			} catch (const std::runtime_error &) {
				caught++;
			}
		}
		malloc_trim(0);
		after = in_use();
	}
	CHECK(caught == 40000, "caught %d", caught);
	CHECK(after <= before, "in use: %zu before, %zu after", before, after);
}

static void containers_and_threads()
{
	std::vector<std::thread> threads;

	for (int t = 0; t < 4; t++)
		threads.emplace_back([t] {
			std::map<int, std::string> map;
			std::list<std::vector<int>> list;

			for (int i = 0; i < 5000; i++) {
				map[i * 7919 % 5003] = std::string(i % 300, 'a' + t);
				list.emplace_back(i % 200, i);
				if (i % 3 == 0)
					list.pop_front();
			}
			for (auto &[key, value] : map)
				for (char c : value)
					CHECK(c == 'a' + t, "key %d", key);
			for (auto &v : list)
				for (int x : v)
					CHECK(x % 200 == (int)v.size(), "%d", x);
			try {
				throw std::runtime_error(std::string(10000, 'q'));
			} catch (const std::exception &e) {
				CHECK(strlen(e.what()) == 10000, "what");
			}
		});
	for (auto &t : threads)
		t.join();
}

int main()
{
	require_provider();
	every_form();
	over_aligned_types();
	bad_alloc_or_null();
	handlers_that_give_up();
	handlers_that_make_room();
	exceptions_through();
	containers_and_threads();
	puts("PASS");
	return 0;
}
