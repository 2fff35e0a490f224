/* SPDX-License-Identifier: MIT */
/* See mm.h. */
#include "mm.h"

#include <errno.h>

#include "bits.h"
#include "os.h"
#include "report.h"

static bool changing; /* mmap_lock, and by its holder alone */

bool mm_enter(void)
{
	lock_acquire(&mmap_lock);
	if (unlikely(changing)) {
		lock_release(&mmap_lock);
		return false;
	}
	changing = true;
	barrier();
	return true;
}

void mm_leave(void)
{
	barrier();
	changing = false;
	lock_release(&mmap_lock);
}

bool mm_is_changing(void)
{
	return changing;
}

/* As mm_enter(), with @nr descriptors at hand: 0 or a negative errno. */
static int enter_with(unsigned int nr)
{
	if (!mm_enter())
		return -EAGAIN;
	if (likely(vma_prepare(nr)))
		return 0;
	mm_leave();
	return -ENOMEM;
}

unsigned long mm_end(const void *addr, size_t size)
{
	return align_up((unsigned long)addr + size, os_page_size());
}

void mm_give_back(unsigned long start, size_t size, unsigned long flags)
{
	const struct vm_area_struct like = {
		.vm_flags = flags,
		.vm_name = "kmem lost",
		.vm_block = start,
	};

	if (likely(os_unmap((void *)start, size) == 0))
		return;
	if (vma_prepare(1))
		vma_map(&like, start, mm_end((void *)start, size));
	else
		kmem_report("the OS does not take the addresses 0x%lx back", start);
}

uintptr_t mm_probe_locked(size_t size)
{
	uintptr_t addr = os_reserve(size);

	if (addr)
		mm_give_back(addr, size, VM_NORESERVE);
	return addr;
}

uintptr_t mm_probe(size_t size)
{
	uintptr_t addr;

	if (!mm_enter())
		return 0;
	addr = mm_probe_locked(size);
	mm_leave();
	return addr;
}

int mm_reserve_at(void *addr, size_t size)
{
	unsigned long start = (unsigned long)addr, end = mm_end(addr, size);
	struct vm_area_struct like = { .vm_flags = VM_NORESERVE, .vm_block = start };
	int err = enter_with(1);

	if (err)
		return err;
	err = vma_within(start, end) ? -EEXIST : os_reserve_at(addr, size);
	if (!err)
		vma_map(&like, start, end);
	mm_leave();
	return err;
}

int mm_commit(void *addr, size_t size)
{
	int err = enter_with(2);

	if (err)
		return err;
	err = os_commit(addr, size);
	if (!err)
		vma_set_flags((unsigned long)addr, mm_end(addr, size), VM_DATA | VM_NORESERVE);
	mm_leave();
	return err;
}

int mm_unmap(void *addr, size_t size)
{
	unsigned long start = (unsigned long)addr, end = mm_end(addr, size);
	int err = 0;

	if (!mm_enter())
		return -EAGAIN;
	if (vma_within(start, end)) {
		if (vma_unmap_splits(start, end) && !vma_prepare(1))
			err = -ENOMEM;
		else
			err = os_unmap(addr, size);
		if (!err)
			vma_unmap(start, end);
	}
	mm_leave();
	return err;
}

/*
 * After a move to @to was refused with @err. Only two errors surely come before anything was done.
 * Otherwise the target may be cleared: what can be reserved anew was, and is ours again.
 */
static void settle_target(void *to, size_t size, int err)
{
	unsigned long start = (unsigned long)to, end = mm_end(to, size);

	if (err == -EINVAL || err == -EBUSY)
		return;
	if (os_reserve_at(to, size) == 0)
		vma_set_flags(start, end, VM_NORESERVE);
	else
		vma_unmap(start, end);
}

int mm_move(void *from, size_t size, void *to)
{
	int err = enter_with(2);

	if (err)
		return err;
	err = os_move(from, size, to);
	if (err)
		settle_target(to, size, err);
	else
		vma_set_flags((unsigned long)to, mm_end(to, size), VM_DATA | VM_NORESERVE);
	mm_leave();
	return err;
}

int mm_move_grow(void *from, size_t old_size, void *to, size_t new_size)
{
	int err = enter_with(3);

	if (err)
		return err;
	err = os_move_grow(from, old_size, to, new_size);
	if (err) {
		settle_target(to, new_size, err);
	} else {
		vma_unmap((unsigned long)from, mm_end(from, old_size));
		vma_set_flags((unsigned long)to, mm_end(to, new_size), VM_DATA | VM_NORESERVE);
	}
	mm_leave();
	return err;
}

int mm_extend(void *addr, size_t old_size, size_t new_size)
{
	unsigned long end = mm_end(addr, old_size), new_end = mm_end(addr, new_size);
	struct vm_area_struct *vma, like;
	int err = enter_with(2);

	if (err)
		return err;
	vma = vma_within(end - 1, end);
	err = vma ? os_extend(addr, old_size, new_size) : -EFAULT;
	if (!err) {
		like = *vma;
		vma_unmap(end, new_end);
		vma_map(&like, end, new_end);
	}
	mm_leave();
	return err;
}

void mm_name(void *addr, size_t size, const char *name)
{
	if (enter_with(2))
		return;
	vma_set_name((unsigned long)addr, mm_end(addr, size), name);
	os_name(addr, size, name);
	mm_leave();
}
