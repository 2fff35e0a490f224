/*
 * Threads that allocate all the time, for tools that look at a process while it runs.
 *
 * Each of four threads keeps a few thousand strings and vectors, replaces some of them again and
 * again, and hands some to the next thread. Says "ready" once all have theirs; stays until killed.
 */
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

static std::mutex shelf_lock;
static std::vector<std::string> shelf;
static std::atomic<int> nr_ready;

static void work(unsigned int seed)
{
	std::vector<std::string> strings(4000);
	std::vector<std::vector<int>> lists(400);
	unsigned long turn = 0;

	for (;; turn++) {
		seed = seed * 1664525u + 1013904223u;
		std::string text(seed % 2000 + 1, 'x');
		if (seed >> 28 == 0) {
			std::lock_guard<std::mutex> guard(shelf_lock);
			if (shelf.size() < 1000)
				shelf.push_back(text);
			else
				shelf[(seed >> 8) % 1000].swap(text);
		}
		strings[(seed >> 8) % strings.size()].swap(text);
		lists[turn % lists.size()].assign(seed % 3000, 1);
		if (turn == 20000)
			nr_ready++;
	}
}

int main()
{
	std::vector<std::thread> threads;

	for (unsigned int i = 0; i < 4; i++)
		threads.emplace_back(work, i + 1);
	while (nr_ready < 4)
		std::this_thread::yield();
	puts("ready");
	fflush(stdout);
	threads[0].join();
}
