/* SPDX-License-Identifier: MIT */
/* See os.h. The calls go through syscall(2): nobody's interposed mmap() can call back into us. */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <linux/prctl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bits.h"
#include "fault_attr.h"
#include "lock.h"

#define NODE_BITS 1024 /* the most that any kernel is built for */

#ifndef PR_SET_VMA
#define PR_SET_VMA	     0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000)
#endif

#define RESERVED     (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define PAGES_A_LOOK 1024 /* that os_resident() asks about at a time */

static struct fault_attr fail_os; /* its space is in calls */

static bool batch_purge; /* wanted */

static int set_fail_os(const char *value, size_t len)
{
	return fault_attr_set(&fail_os, value, len);
}

static int set_batch_purge(const char *value, size_t len)
{
	return option_flag(value, len, &batch_purge);
}

static const struct boot_param params[] = {
	{ "fail_os", set_fail_os },
	{ "batch_purge", set_batch_purge },
};

const struct boot_params os_params = { params, ARRAY_SIZE(params) };

/* One system call on memory: -errno or the result, and the program's errno as it was. */
static long os_call(long nr, const void *addr, size_t size, long a, long b, long c, long d)
{
	int saved = errno;
	long ret;

	/* An error that none of the calls has of its own: see settle_target() in mm.c. */
	if (should_fail(&fail_os, 1))
		return -EBUSY;
	ret = syscall(nr, addr, size, a, b, c, d);
	if (ret == -1)
		ret = -errno;
	errno = saved;
	return ret;
}

size_t os_page_size(void)
{
	static size_t cached;
	size_t size = READ_ONCE(cached);

	if (!size) {
		size = getauxval(AT_PAGESZ);
		WRITE_ONCE(cached, size);
	}
	return size;
}

long os_map(void *addr, size_t size, int prot, int flags, int fd, size_t offset)
{
	long got = os_call(SYS_mmap, addr, size, prot, flags, fd, (long)offset);

	if (!(flags & MAP_FIXED_NOREPLACE) || got == (long)addr || os_is_error(got))
		return got;
	/* A kernel before 4.17 takes the address for a hint only. */
	return os_unmap((void *)got, size) < 0 ? -ENOMEM : -EEXIST;
}

int os_reserve_at(void *addr, size_t size)
{
	long got = os_map(addr, size, PROT_NONE, RESERVED | MAP_FIXED_NOREPLACE, -1, 0);

	return os_is_error(got) ? (int)got : 0;
}

uintptr_t os_reserve(size_t size)
{
	long got = os_map(NULL, size, PROT_NONE, RESERVED, -1, 0);

	return os_is_error(got) ? 0 : (uintptr_t)got;
}

int os_commit(void *addr, size_t size)
{
	return (int)os_call(SYS_mprotect, addr, size, PROT_READ | PROT_WRITE, 0, 0, 0);
}

int os_purge(void *addr, size_t size)
{
	return (int)os_call(SYS_madvise, addr, size, MADV_DONTNEED, 0, 0, 0);
}

bool os_can_purge_many(void)
{
	return READ_ONCE(batch_purge) && !lock_alone();
}

unsigned int os_purge_many(const struct iovec *range, unsigned int n)
{
	unsigned int done = 0;
	long bytes;

	if (!os_can_purge_many())
		return 0;
	bytes = os_call(SYS_process_madvise, (void *)PIDFD_SELF, (size_t)range, n, MADV_DONTNEED, 0,
			0);
	/* Before Linux 6.15, or forbidden. */
	if (bytes == -ENOSYS || bytes == -EBADF || bytes == -EPERM)
		WRITE_ONCE(batch_purge, false);
	for (; done < n && bytes >= (long)range[done].iov_len; done++)
		bytes -= (long)range[done].iov_len;
	return done;
}

int os_unmap(void *addr, size_t size)
{
	return (int)os_call(SYS_munmap, addr, size, 0, 0, 0, 0);
}

static int move(void *from, size_t old_size, void *to, size_t new_size, long flags)
{
	long got = os_call(SYS_mremap, from, old_size, (long)new_size,
			   MREMAP_MAYMOVE | MREMAP_FIXED | flags, (long)to, 0);

	return got == (long)to ? 0 : (int)got;
}

int os_move(void *from, size_t size, void *to)
{
	static bool unsupported; /* before Linux 5.7, under valgrind */
	int err;

	if (READ_ONCE(unsupported))
		return -EINVAL;
	err = move(from, size, to, size, MREMAP_DONTUNMAP);
	if (err == -EINVAL)
		WRITE_ONCE(unsupported, true);
	return err;
}

int os_move_grow(void *from, size_t old_size, void *to, size_t new_size)
{
	return move(from, old_size, to, new_size, 0);
}

int os_extend(void *addr, size_t old_size, size_t new_size)
{
	long got = os_call(SYS_mremap, addr, old_size, (long)new_size, 0, 0, 0);

	return got == (long)addr ? 0 : (int)got;
}

long os_resident(const void *addr, size_t size)
{
	size_t page = os_page_size(), step = PAGES_A_LOOK * page, done, i;
	unsigned char in_memory[PAGES_A_LOOK];
	long nr = 0;

	for (done = 0; done < size; done += step) {
		size_t bytes = size - done < step ? size - done : step;
		int err = (int)os_call(SYS_mincore, (const char *)addr + done, bytes,
				       (long)in_memory, 0, 0, 0);

		if (err)
			return err;
		for (i = 0; i < (bytes + page - 1) / page; i++)
			nr += in_memory[i] & 1;
	}
	return nr;
}

void os_name(const void *addr, size_t size, const char *name)
{
	static bool unsupported; /* before Linux 5.17, or built without */
	int saved = errno;

	if (READ_ONCE(unsupported))
		return;
	if (syscall(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, addr, size, name) == -1 &&
	    errno != ENOMEM && errno != EBADF)
		WRITE_ONCE(unsupported, true);
	errno = saved;
}

void os_advise_huge(void *addr, size_t size, bool huge)
{
	int saved = errno;

	syscall(SYS_madvise, addr, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	errno = saved;
}

void os_populate(void *addr, size_t size)
{
	static bool unknown;
	int saved = errno;

	if (!READ_ONCE(unknown) && syscall(SYS_madvise, addr, size, MADV_POPULATE_WRITE) &&
	    errno == EINVAL)
		WRITE_ONCE(unknown, true);
	errno = saved;
}

unsigned long os_nodes(void)
{
	/* The kernel wants room for every node it was built for, and fills in what there is. */
	unsigned long mask[NODE_BITS / BITS_PER_LONG] = { 0 };
	int saved = errno;
	long err = syscall(SYS_get_mempolicy, NULL, mask, NODE_BITS, NULL, MPOL_F_MEMS_ALLOWED);

	errno = saved;
	return err || !mask[0] ? 1 : mask[0];
}

void os_bind(void *addr, size_t size, int node)
{
	unsigned long mask[2] = { 1UL << node, 0 };
	int saved = errno;

	/* The last bit of the mask is not looked at, so one more is said to be there. */
	syscall(SYS_mbind, addr, size, MPOL_PREFERRED, mask, BITS_PER_LONG + 1, 0);
	errno = saved;
}

unsigned long os_memory_limit(void)
{
	static const int which[] = { RLIMIT_AS, RLIMIT_DATA };
	unsigned long limit = ULONG_MAX;
	int saved = errno;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(which); i++) {
		struct rlimit rlim;

		if (getrlimit(which[i], &rlim) == 0 && rlim.rlim_cur != RLIM_INFINITY &&
		    rlim.rlim_cur < limit)
			limit = rlim.rlim_cur;
	}
	errno = saved;
	return limit;
}

long os_read_file(const char *path, char *text, size_t size)
{
	int saved = errno;
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), len = -1;

	if (fd >= 0) {
		len = syscall(SYS_read, fd, text, size - 1);
		syscall(SYS_close, fd);
		len = len > 0 ? len : 0;
		text[len] = '\0';
	}
	errno = saved;
	return len;
}

uint64_t os_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void os_nap(long ns)
{
	const struct timespec nap = { .tv_nsec = ns };
	int saved = errno;

	syscall(SYS_nanosleep, &nap, NULL);
	errno = saved;
}

uint64_t os_thread_us(void)
{
	struct timespec now = { 0, 0 };
	int saved = errno;

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &now);
	errno = saved;
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
