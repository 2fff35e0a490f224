/*
 * A plug-in that is linked with the library; dlopen_host.c loads it.
 */
#include "outside.h"

void *plugin_take(size_t n);
void plugin_give(void *p);

void *plugin_take(size_t n)
{
	return malloc(n);
}

void plugin_give(void *p)
{
	free(p);
}
