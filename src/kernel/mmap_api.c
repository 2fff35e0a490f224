/* SPDX-License-Identifier: MIT */
/*
 * The address space by the kernel's names: see kmem/vma.h.
 *
 * Whoever holds mmap_lock is in a slow path of the allocator (cpu_enter()): should the caller or a
 * signal handler allocate meanwhile, it is refused what would need other locks, which all come
 * before this one.
 */
#include <errno.h>
#include <kmem/vma.h>
#include <string.h>

#include "cpu.h"
#include "format.h"
#include "mm.h"
#include "mmap.h"
#include "os.h"

struct mm_struct *current_mm(void)
{
	return &kmem_mm;
}

/* ---- The lock ---- */

void mmap_write_lock(struct mm_struct *mm __unused)
{
	struct kmem_cpu *cpu = cpu_enter();

	lock_acquire(&mmap_lock);
	if (cpu)
		mmap_holder = cpu;
}

void mmap_write_unlock(struct mm_struct *mm __unused)
{
	struct kmem_cpu *cpu = NULL;

	if (!lock_is_mine(&mmap_lock))
		return;
	if (!mmap_lock.depth) {
		cpu = mmap_holder;
		mmap_holder = NULL;
	}
	lock_release(&mmap_lock);
	if (cpu)
		cpu_leave(cpu);
}

void mmap_read_lock(struct mm_struct *mm)
{
	mmap_write_lock(mm);
}

void mmap_read_unlock(struct mm_struct *mm)
{
	mmap_write_unlock(mm);
}

/* ---- Looking ---- */

/* Of the fields at one moment; false when there is no area above @addr. */
static bool copy_vma(unsigned long addr, struct vm_area_struct *copy)
{
	struct vm_area_struct *vma;

	mmap_read_lock(&kmem_mm);
	vma = mm_is_changing() ? NULL : vma_above(addr);
	if (vma)
		*copy = *vma;
	mmap_read_unlock(&kmem_mm);
	return vma;
}

struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = mm_is_changing() ? NULL : vma_above(addr);
	mmap_read_unlock(mm);
	return vma;
}

struct vm_area_struct *find_vma_prev(struct mm_struct *mm, unsigned long addr,
				     struct vm_area_struct **prev)
{
	struct vm_area_struct *vma = NULL;

	*prev = NULL;
	mmap_read_lock(mm);
	if (!mm_is_changing()) {
		vma = vma_above(addr);
		*prev = vma ? vma->vm_prev : vma_below(addr);
	}
	mmap_read_unlock(mm);
	return vma;
}

struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, unsigned long start,
					     unsigned long end)
{
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = mm_is_changing() ? NULL : vma_within(start, end);
	mmap_read_unlock(mm);
	return vma;
}

struct vm_area_struct *vma_find(struct vma_iterator *vmi, unsigned long max)
{
	struct vm_area_struct *vma;

	mmap_read_lock(vmi->mm);
	vma = mm_is_changing() ? NULL : vma_within(vmi->addr, max);
	if (vma)
		vmi->addr = vma->vm_end;
	mmap_read_unlock(vmi->mm);
	return vma;
}

struct vm_area_struct *vma_next(struct vma_iterator *vmi)
{
	return vma_find(vmi, ~0UL);
}

unsigned long get_mm_rss(struct mm_struct *mm __unused)
{
	struct vm_area_struct vma = { .vm_end = 0 };
	unsigned long pages = 0;

	while (copy_vma(vma.vm_end, &vma)) {
		long nr = vma.vm_flags & VM_ACCESS ?
				  os_resident((void *)vma.vm_start, vma.vm_end - vma.vm_start) :
				  0;

		/* Unmapped since: nothing of it is in memory. */
		if (nr > 0)
			pages += (unsigned long)nr * (os_page_size() >> PAGE_SHIFT);
	}
	return pages;
}

/* ---- /proc/vmallocinfo ---- */

int vmallocinfo_print(int fd)
{
	struct vm_area_struct vma = { .vm_end = 0 };
	char buf[1024];
	struct out out;

	if (fd < 0)
		return -EBADF;
	out_init(&out, fd, buf, sizeof(buf));
	while (copy_vma(vma.vm_end, &vma))
		vmallocinfo_print_row(&out, &vma);
	return out_flush(&out);
}

/* ---- Mapping ---- */

static unsigned long map(const struct map_request *r)
{
	unsigned long addr;

	mmap_write_lock(&kmem_mm);
	addr = mmap_user(r);
	mmap_write_unlock(&kmem_mm);
	return addr;
}

unsigned long do_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flag, unsigned long offset)
{
	return map(&(struct map_request){ .file = file,
					  .addr = addr,
					  .len = len,
					  .prot = prot,
					  .flag = flag,
					  .offset = offset,
					  .caller = __builtin_return_address(0) });
}

unsigned long vm_mmap(struct file *file, unsigned long addr, unsigned long len, unsigned long prot,
		      unsigned long flag, unsigned long offset)
{
	return map(&(struct map_request){ .file = file,
					  .addr = addr,
					  .len = len,
					  .prot = prot,
					  .flag = flag,
					  .offset = offset,
					  .caller = __builtin_return_address(0) });
}

int vm_munmap(unsigned long start, size_t len)
{
	int err;

	mmap_write_lock(&kmem_mm);
	err = munmap_user(start, len);
	mmap_write_unlock(&kmem_mm);
	return err;
}

int do_munmap(struct mm_struct *mm __unused, unsigned long start, size_t len)
{
	return vm_munmap(start, len);
}
