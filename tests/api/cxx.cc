/* SPDX-License-Identifier: MIT */
/*
 * The public headers in C++17: see languages.h. And that objects of new and of kmalloc() are of one
 * kind, in containers, too.
 */
/* First: current.h's current is a macro, and a name in these. */
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "languages.h"

namespace {

/* An allocator of the standard's kind, by kmalloc(). */
template <typename T> struct kmalloc_allocator {
	using value_type = T;

	kmalloc_allocator() = default;
	template <typename U> explicit kmalloc_allocator(const kmalloc_allocator<U> &)
	{
	}

	T *allocate(size_t n)
	{
		void *object = kmalloc_array(n, sizeof(T), GFP_KERNEL);

		if (!object)
			throw std::bad_alloc();
		return static_cast<T *>(object);
	}

	void deallocate(T *object, size_t)
	{
		kfree(object);
	}

	bool operator==(const kmalloc_allocator &) const
	{
		return true;
	}

	bool operator!=(const kmalloc_allocator &) const
	{
		return false;
	}
};

struct kfree_deleter {
	void operator()(void *object) const
	{
		kfree(object);
	}
};

} // namespace

int main()
{
	std::vector<int, kmalloc_allocator<int>> numbers;
	std::unique_ptr<char, kfree_deleter> text(kstrdup("owned", GFP_KERNEL));

	static_assert(std::is_same<decltype(kmalloc(1, GFP_KERNEL)), void *>::value, "as in C");
	use_all();
	for (int i = 0; i < 100000; i++)
		numbers.push_back(i);
	EXPECT(numbers[99999] == 99999);
	EXPECT(strcmp(text.get(), "owned") == 0);
	kfree(new int(7));
	::operator delete(kmalloc(100, GFP_KERNEL));
	return 0;
}
