/* SPDX-License-Identifier: MIT */
/* See mmap.h. */
#include "mmap.h"

#include <errno.h>
#include <sys/mman.h>

#include "bits.h"
#include "mm.h"
#include "os.h"
#include "report.h"
#include "section.h"

#define ADDRESS_END (1UL << ADDRESS_BITS)
#define TRIES	    16		 /* places asked for before the OS says where to look */
#define ROOM	    (64UL << 20) /* that there should be */

#define FIXED	    (MAP_FIXED | MAP_FIXED_NOREPLACE)
#define KNOWN_FLAGS                                                                            \
	(MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | FIXED | MAP_NORESERVE | MAP_LOCKED |       \
	 MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_SYNC | \
	 MAP_32BIT)
#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif

static const char user_name[] = "kmem mmap";

/* ---- What may be asked for ---- */

static bool misaligned(unsigned long value)
{
	return value & (os_page_size() - 1);
}

static int check_request(const struct map_request *r)
{
	/* MAP_SHARED_VALIDATE is both bits, and means a file system's own flags. */
	bool shared = r->flag & MAP_SHARED, private = r->flag & MAP_PRIVATE;
	unsigned long len = align_up(r->len, os_page_size());

	if (!r->len || shared == private || (r->flag & ~(unsigned long)KNOWN_FLAGS) ||
	    (r->prot & ~(unsigned long)(PROT_READ | PROT_WRITE | PROT_EXEC)))
		return -EINVAL;
	if (!len || len > ADDRESS_END)
		return -ENOMEM;
	if (misaligned(r->offset))
		return -EINVAL;
	if (r->offset + len < r->offset)
		return -EOVERFLOW;
	if (!(r->flag & FIXED))
		return 0;
	if (misaligned(r->addr))
		return -EINVAL;
	return r->addr > ADDRESS_END - len ? -ENOMEM : 0;
}

static struct vm_area_struct description(const struct map_request *r)
{
	struct vm_area_struct like = {
		.vm_flags = r->prot, /* PROT_ and VM_ of the same name are the same bit */
		.vm_name = user_name,
		.vm_file = r->file,
		.vm_pgoff = r->file ? r->offset >> PAGE_SHIFT : 0,
		.vm_caller = r->caller,
	};

	like.vm_flags |= r->flag & MAP_SHARED ? VM_SHARED : 0;
	like.vm_flags |= r->flag & MAP_LOCKED ? VM_LOCKED : 0;
	like.vm_flags |= r->flag & MAP_NORESERVE ? VM_NORESERVE : 0;
	return like;
}

_Static_assert(PROT_READ == VM_READ && PROT_WRITE == VM_WRITE && PROT_EXEC == VM_EXEC, "same bits");

/* ---- Asking; all within mm_enter() ---- */

/* @fixed is how @addr is meant: 0 as a hint. */
static long ask(const struct map_request *r, unsigned long addr, unsigned long len, int fixed)
{
	int flags = (int)(r->flag & ~(unsigned long)(FIXED | MAP_ANONYMOUS)) | fixed;
	int fd = (int)((unsigned long)r->file - 1);

	if (!r->file)
		return os_map((void *)addr, len, (int)r->prot, flags | MAP_ANONYMOUS, -1, 0);
	return os_map((void *)addr, len, (int)r->prot, flags, fd, r->offset);
}

static long ask_at(const struct map_request *r, unsigned long addr, unsigned long len)
{
	struct vm_area_struct *vma = vma_within(addr, addr + len);

	if (vma)
		return vma->vm_block ? -EPERM : -EEXIST;
	return ask(r, addr, len, MAP_FIXED_NOREPLACE);
}

/* ---- MAP_FIXED ---- */

/*
 * Calls @fn for each part of [start, end) that is not in the record; ends with the first error, and
 * says in *@stop where that was.
 */
static int for_each_hole(unsigned long start, unsigned long end, unsigned long *stop,
			 int (*fn)(void *addr, size_t size))
{
	struct vm_area_struct *vma = vma_above(start);
	int err = 0;

	while (start < end && !err) {
		unsigned long hole_end = vma ? min_ul(vma->vm_start, end) : end;

		*stop = start;
		if (hole_end > start)
			err = fn((void *)start, hole_end - start);
		start = vma ? vma->vm_end : end;
		vma = vma ? vma->vm_next : NULL;
	}
	if (!err)
		*stop = end;
	return err;
}

static int give_back(void *addr, size_t size)
{
	mm_give_back((unsigned long)addr, size, VM_NORESERVE);
	return 0;
}

static void unmap_holes(unsigned long start, unsigned long end)
{
	unsigned long stop;
	int err = for_each_hole(start, end, &stop, give_back);

	KMEM_ASSERT(!err);
}

/* After a refused move onto [start, end): forgets of its areas what the OS had cleared before. */
static void settle_areas(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma, *next;

	for (vma = vma_above(start); vma && vma->vm_start < end; vma = next) {
		unsigned long from = max_ul(vma->vm_start, start), to = min_ul(vma->vm_end, end);

		next = vma->vm_next;
		if (os_reserve_at((void *)from, to - from))
			continue;
		vma_unmap(from, to);
		mm_give_back(from, to - from, VM_NORESERVE);
	}
}

/*
 * In the place of areas of our own: mapped elsewhere first, where all that can be wrong with it
 * comes out, and moved there. The holes between are reserved, so that nobody else's mapping is
 * replaced.
 */
static long replace(const struct map_request *r, unsigned long len)
{
	unsigned long start = r->addr, end = start + len, stop;
	long err = for_each_hole(start, end, &stop, os_reserve_at), got;

	if (err) {
		unmap_holes(start, stop);
		return err;
	}
	got = ask(r, 0, len, 0);
	if (os_is_error(got)) {
		unmap_holes(start, end);
		return got;
	}
	err = os_move_grow((void *)got, len, (void *)start, len);
	if (!err) {
		vma_unmap(start, end);
		return (long)start;
	}
	mm_give_back((unsigned long)got, len, r->prot | VM_NORESERVE);
	unmap_holes(start, end);
	settle_areas(start, end);
	return err;
}

static long map_fixed(const struct map_request *r, unsigned long len)
{
	struct vm_area_struct *vma = vma_within(r->addr, r->addr + len);

	if (!vma || !(r->flag & MAP_FIXED))
		return ask_at(r, r->addr, len);
	for (; vma && vma->vm_start < r->addr + len; vma = vma->vm_next)
		if (vma->vm_block)
			return -EPERM;
	return replace(r, len);
}

/* ---- Holes ---- */

/* The end of the highest hole of the record that ends at or below @end and has @len; 0 for none. */
static unsigned long hole_below(unsigned long end, unsigned long len)
{
	struct vm_area_struct *vma = vma_below(end);

	for (; vma && vma->vm_end + len > end; vma = vma->vm_prev)
		end = vma->vm_start;
	/* The lower half is for programs and their heaps, which grow. */
	return end >= kmem_mm.mmap_base / 2 + len ? end : 0;
}

/* In a hole below mmap_base; -EEXIST when somebody was in all those that were tried. */
static long map_below_base(const struct map_request *r, unsigned long len)
{
	unsigned long end = kmem_mm.mmap_base;
	long got = -EEXIST;
	int tries;

	for (tries = 0; tries < TRIES && got == -EEXIST; tries++) {
		end = hole_below(end, len);
		if (!end)
			break;
		end -= len;
		got = ask_at(r, end, len);
	}
	return got;
}

/* Begins anew where the OS has room for more than this one. */
static bool move_base(unsigned long len)
{
	unsigned long size = max_ul(len, ROOM), addr = mm_probe_locked(size);

	if (!addr)
		return false;
	kmem_mm.mmap_base = addr + size;
	return true;
}

static long map_anywhere(const struct map_request *r, unsigned long len)
{
	unsigned long addr = align_up(r->addr, os_page_size());
	long got = -EEXIST;

	if (r->addr && addr <= ADDRESS_END - len)
		got = ask_at(r, addr, len);
	if (!os_is_error(got))
		return got;
	if (r->flag & MAP_32BIT)
		return ask(r, 0, len, 0);
	got = map_below_base(r, len);
	if (got == -EEXIST && move_base(len))
		got = map_below_base(r, len);
	return got == -EEXIST ? ask(r, 0, len, 0) : got;
}

/* ---- The two calls ---- */

unsigned long mmap_user(const struct map_request *r)
{
	unsigned long len = align_up(r->len, os_page_size());
	struct vm_area_struct like = description(r);
	long got = check_request(r);

	if (got)
		return (unsigned long)got;
	if (!mm_enter())
		return (unsigned long)-EAGAIN;
	/* One for the area, one should it replace the middle of another. */
	if (!vma_prepare(2))
		got = -ENOMEM;
	else
		got = r->flag & FIXED ? map_fixed(r, len) : map_anywhere(r, len);
	if (!os_is_error(got)) {
		vma_map(&like, (unsigned long)got, (unsigned long)got + len);
		if (!r->file && !(r->flag & MAP_SHARED))
			os_name((void *)got, len, user_name);
	}
	mm_leave();
	return (unsigned long)got;
}

/* Unmaps run after run of adjacent areas; what is between is not ours. */
static int unmap_runs(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;
	int err = 0;

	while (!err && (vma = vma_within(start, end))) {
		unsigned long from = max_ul(vma->vm_start, start), to;

		while (vma->vm_next && vma->vm_next->vm_start == vma->vm_end)
			vma = vma->vm_next;
		to = min_ul(vma->vm_end, end);
		err = os_unmap((void *)from, to - from);
		if (!err)
			vma_unmap(from, to);
		start = to;
	}
	return err;
}

int munmap_user(unsigned long start, size_t len)
{
	unsigned long end = start + align_up(len, os_page_size());
	struct vm_area_struct *vma;
	int err = 0;

	if (misaligned(start) || end <= start || end > ADDRESS_END)
		return -EINVAL;
	if (!mm_enter())
		return -EAGAIN;
	for (vma = vma_above(start); vma && vma->vm_start < end; vma = vma->vm_next)
		if (vma->vm_block)
			err = -EPERM;
	if (!err && vma_unmap_splits(start, end) && !vma_prepare(1))
		err = -ENOMEM;
	if (!err)
		err = unmap_runs(start, end);
	mm_leave();
	return err;
}
