# what: gdb: breakpoints, a watchpoint, calls of malloc in the program, a core file, python
# set: full
# limit: 300
# needs: gdb gcc
#
# Debugger and program both run on the library, and the debugger calls the program's malloc and free
# by hand, between two instructions of its choice.
# shellcheck shell=bash

cat >small.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node { struct node *next; char *name; int n; };
static struct node *list;

static void push(int n)
{
	struct node *node = malloc(sizeof(*node));
	char name[32];

	snprintf(name, sizeof(name), "node %d", n);
	node->name = strdup(name);
	node->n = n;
	node->next = list;
	list = node;
}

static void *other(void *arg)
{
	free(arg);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	int sum = 0;

	for (int i = 0; i < 20; i++)
		push(i);
	pthread_create(&thread, NULL, other, strdup("freed elsewhere"));
	pthread_join(thread, NULL);
	for (struct node *node = list, *next; node; node = next) {
		next = node->next;
		sum += node->n;
		free(node->name);
		free(node);
	}
	printf("sum %d\n", sum);
	return 0;
}
C
cat >commands <<'GDB'
set pagination off
set confirm off
set print address off
set print thread-events off
set debuginfod enabled off
break push if n == 5
run
backtrace
print n
print *list
print list->next->name
print ((char *(*)(const char *))strdup)("from gdb")
call ((void (*)(void *))free)(((void *(*)(unsigned long))malloc)(100))
set $short = ((char *(*)(const char *))strdup)("short")
print ((char *(*)(void *, unsigned long))realloc)($short, 5000)
watch list
continue
delete
break other
continue
print (char *)arg
info line other
delete
python print(sum(int(gdb.parse_and_eval("list->n")) + i for i in range(1000)))
generate-core-file core.made
continue
GDB
cat >commands.core <<'GDB'
set print address off
set debuginfod enabled off
print list->name
print list->next->next->name
print list->n
GDB
clean() {
	grep -aE -v 'libthread_db|^\[|^Saved|^warning|^Core was|^Program terminated|^#0|^$' |
		sed -E 's/process [0-9]+/process N/; s/0x[0-9a-f]+/0x/g; s/LWP [0-9]+/LWP N/'
}
gcc -g -O0 -pthread -o small small.c
gdb -nx -batch -x commands ./small 2>gdb.log </dev/null | clean
gdb -nx -batch -x commands.core ./small core.made 2>gdb-core.log </dev/null | clean
gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'info functions pus' -ex 'ptype struct node' ./small | clean
probe_bound gdb -nx -batch -ex 'python print(1)'
probe_bound ./small
