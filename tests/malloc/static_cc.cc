/*
 * A C++ program that links the archive; see static_c.c. Its exceptions, strings and threads come
 * from libstdc++, whose own operator new must not be linked as well.
 */
#include "outside.h"
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static const size_t block = 208;
static const size_t blocks = 1000;

struct alignas(128) Wide {
	char bytes[128];
};

static void work(int t)
{
	std::map<int, std::string> map;

	for (int i = 0; i < 3000; i++)
		map[i * 13 % 997] += std::string(i % 70, static_cast<char>('a' + t));
	for (auto &[key, value] : map)
		for (char c : value)
			CHECK(c == 'a' + t, "key %d", key);
	try {
		throw std::runtime_error(std::string(300, 'e'));
	} catch (const std::exception &e) {
		CHECK(strlen(e.what()) == 300, "what");
	}
}

int main()
{
	static std::vector<void *> kept;
	std::vector<std::thread> threads;
	bool thrown = false;

	for (size_t i = 0; i < blocks; i++)
		kept.push_back(operator new(block));
	for (int t = 0; t < 4; t++)
		threads.emplace_back(work, t);
	for (auto &t : threads)
		t.join();
	Wide *wide = new Wide[3];
	CHECK(is_aligned(opaque(wide), 128), "%p", static_cast<void *>(wide));
	delete[] wide;
	try {
		free(opaque(operator new(opaque_size(PTRDIFF_MAX))));
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	CHECK(thrown, "no bad_alloc");
	CHECK(!operator new(opaque_size(PTRDIFF_MAX), std::nothrow), "not refused");
	puts("PASS");
	return 0;
}
