// SPDX-License-Identifier: MIT
/*
 * A plug-in in C++ that is linked with the library; dlopen_host.c loads it.
 *
 * The host is in C, so that operators new and delete are the library's, while malloc is libc's.
 */
#include <cstddef>
#include <new>

extern "C" {
void *plugin_take(std::size_t n);
void plugin_give(void *p);
}

void *plugin_take(std::size_t n)
{
	return n % 2 ? operator new(n) : operator new(n, std::align_val_t(16));
}

void plugin_give(void *p)
{
	operator delete(p);
}
