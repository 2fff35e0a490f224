/* SPDX-License-Identifier: MIT */
/*
 * The operating system, as this library sees it: address space by the page.
 *
 * os.c is the only file that asks the kernel for memory. Every call may be refused, at any time and
 * for reasons of the kernel's own (limits, commit accounting, the number of mappings, seccomp), so
 * every call says so and changes nothing when it was. None touches errno.
 *
 * `fail_os=interval,probability,space,times` refuses calls on purpose, in the manner of the
 * kernel's fail_page_alloc: after `space` calls every `interval`-th fails with `probability`
 * percent, `times` times at most (-1: no limit).
 */
#ifndef KMEM_OS_H
#define KMEM_OS_H

#include <sys/uio.h>

#include "compiler.h"
#include "options.h"

/* Whether what a call returned as an address is a negative errno. */
static inline bool os_is_error(long ret)
{
	return ret < 0 && ret > -4096;
}

/* Bytes of a page of the running kernel: 4, 16 or 64 KiB. */
size_t os_page_size(void);

/* Reserves @size bytes without access at exactly @addr; -EEXIST when something is there already. */
int os_reserve_at(void *addr, size_t size) __must_check;

/* Reserves @size bytes without access wherever the kernel likes; 0 when it refuses. */
uintptr_t os_reserve(size_t size);

/*
 * mmap(2), for others than the library: the address, or a negative errno. With MAP_FIXED_NOREPLACE
 * -EEXIST when something is there, whatever the age of the kernel.
 */
long os_map(void *addr, size_t size, int prot, int flags, int fd, size_t offset) __must_check;

/* Pages of the running kernel in [addr, addr + size) that are in memory; a negative errno. */
long os_resident(const void *addr, size_t size);

/* Makes reserved memory readable and writable; it reads as zero. */
int os_commit(void *addr, size_t size) __must_check;

/* Gives the pages back and keeps the addresses: they read as zero from now on. */
int os_purge(void *addr, size_t size) __must_check;

/*
 * The same for @n ranges in one call: each call interrupts all CPUs that threads of the process run
 * on, which costs more than all the rest. Returns how many are gone, from the first on; the others
 * are for os_purge(). 0 unless `batch_purge=1`, since process_madvise() is newer than many a
 * seccomp filter, some of which kill whoever makes a call that they do not know; and for a process
 * with one thread.
 */
unsigned int os_purge_many(const struct iovec *range, unsigned int n);
bool os_can_purge_many(void);

/* Gives up pages and addresses. */
int os_unmap(void *addr, size_t size) __must_check;

/*
 * Moves the pages of [from, from + size) to @to, which is mapped and is replaced. The source stays
 * mapped and reads as zero from now on.
 */
int os_move(void *from, size_t size, void *to) __must_check;

/* Moves the whole mapping to @to, which is mapped and is replaced; the source is unmapped. */
int os_move_grow(void *from, size_t old_size, void *to, size_t new_size) __must_check;

/* Grows a mapping in place; -ENOMEM when something is in the way. */
int os_extend(void *addr, size_t old_size, size_t new_size) __must_check;

/*
 * The name that /proc/PID/maps shows for anonymous memory. A kernel that has no names is asked
 * once; what is refused otherwise stays without.
 */
void os_name(const void *addr, size_t size, const char *name);

/* Whether memory that is touched for the first time should come as huge pages: advice. */
void os_advise_huge(void *addr, size_t size, bool huge);

/* Faults in pages that will be written to: advice. */
void os_populate(void *addr, size_t size);

/* The NUMA nodes that this process may have memory of, a bit each; 1 where that cannot be told. */
unsigned long os_nodes(void);

/* Pages of this range that are yet to be had come from @node as long as it has any: advice. */
void os_bind(void *addr, size_t size, int node);

/* RLIMIT_AS or RLIMIT_DATA, whichever is lower, in bytes; ULONG_MAX when there is none. */
unsigned long os_memory_limit(void);

/*
 * The beginning of a file, up to @size - 1 bytes and terminated. How many they are; 0 when it
 * cannot be read, -1 when it cannot be opened. Keeps errno.
 */
long os_read_file(const char *path, char *text, size_t size);

/* Milliseconds of a coarse clock that only moves forward. */
uint64_t os_clock_ms(void);

/* Less than a second; shorter if a signal comes. No thread is cancelled meanwhile. Keeps errno. */
void os_nap(long ns);

/* Microseconds that the calling thread has run; a system call. */
uint64_t os_thread_us(void);

extern const struct boot_params os_params;

#endif
