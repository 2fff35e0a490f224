/* SPDX-License-Identifier: MIT */
/* See vma.h. */
#include "vma.h"

#include <bsd/sys/tree.h>

#include "bits.h"
#include "meta.h"
#include "os.h"
#include "page.h"
#include "report.h"

#define NR_FIRST   32		/* descriptors before any chunk is mapped: a few sections' worth */
#define CHUNK_SIZE (64UL << 10) /* a multiple of every OS page size */

struct mm_struct kmem_mm;
struct lock mmap_lock = LOCK_INIT(RANK_MM);
void *mmap_holder;

_Static_assert(sizeof(struct vm_area_struct) <= 128, "two cache lines");

static int by_address(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	return a->vm_start < b->vm_start ? -1 : a->vm_start > b->vm_start;
}

RB_GENERATE_STATIC(vma_tree, vm_area_struct, vm_rb, by_address)

/* ---- Descriptors; mmap_lock ---- */

static const char chunk_name[] = "kmem vma";

static struct vm_area_struct first[NR_FIRST] __aligned(64);
static struct vm_area_struct *unused = first, *unused_end = first + NR_FIRST; /* never used yet */
static struct vm_area_struct *spare;					      /* by vm_next */
static unsigned long nr_spare, nr_descriptors = NR_FIRST;

static struct vm_area_struct *take_descriptor(void)
{
	struct vm_area_struct *vma = spare;

	if (!vma) {
		KMEM_ASSERT(unused < unused_end);
		return unused++;
	}
	spare = vma->vm_next;
	nr_spare--;
	return vma;
}

static void give_descriptor(struct vm_area_struct *vma)
{
	vma->vm_next = spare;
	spare = vma;
	nr_spare++;
}

/* The chunk records itself, with its own first descriptors. */
static void record_chunk(const struct vm_area_struct *like)
{
	unsigned long data = like->vm_block + META_GUARD, guard = data + CHUNK_SIZE;

	vma_map(like, like->vm_block, guard + META_GUARD);
	vma_set_flags(data, guard, VM_DATA | VM_NORESERVE);
}

static bool new_chunk(void)
{
	size_t whole = META_GUARD + CHUNK_SIZE + META_GUARD;
	uintptr_t start = os_reserve(whole);
	char *data = (char *)start + META_GUARD;
	const struct vm_area_struct like = {
		.vm_flags = VM_NORESERVE,
		.vm_name = chunk_name,
		.vm_block = start,
	};

	if (!start)
		return false;
	if (os_commit(data, CHUNK_SIZE)) {
		/* Recorded, if that is to be had: not given back it is ours. */
		if (os_unmap((void *)start, whole) && (spare || unused < unused_end))
			vma_map(&like, start, start + whole);
		return false;
	}
	while (unused < unused_end)
		give_descriptor(unused++);
	unused = (struct vm_area_struct *)data;
	unused_end = unused + CHUNK_SIZE / sizeof(*unused);
	nr_descriptors += CHUNK_SIZE / sizeof(*unused);
	record_chunk(&like);
	os_name((void *)start, whole, chunk_name);
	return true;
}

bool vma_prepare(unsigned int nr)
{
	return likely(nr_spare + (unsigned long)(unused_end - unused) >= nr) || new_chunk();
}

unsigned long vma_pool_size(void)
{
	return READ_ONCE(nr_descriptors);
}

/* ---- Finding ---- */

struct vm_area_struct *vma_above(unsigned long addr)
{
	struct vm_area_struct *vma = RB_ROOT(&kmem_mm.mm_rb), *found = NULL;

	while (vma) {
		if (vma->vm_end <= addr) {
			vma = RB_RIGHT(vma, vm_rb);
			continue;
		}
		found = vma;
		if (vma->vm_start <= addr)
			break;
		vma = RB_LEFT(vma, vm_rb);
	}
	return found;
}

struct vm_area_struct *vma_below(unsigned long addr)
{
	struct vm_area_struct *vma = RB_ROOT(&kmem_mm.mm_rb), *found = NULL;

	while (vma) {
		if (vma->vm_start >= addr) {
			vma = RB_LEFT(vma, vm_rb);
			continue;
		}
		found = vma;
		vma = RB_RIGHT(vma, vm_rb);
	}
	return found;
}

struct vm_area_struct *vma_within(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vma_above(start);

	return vma && vma->vm_start < end ? vma : NULL;
}

/* ---- One area ---- */

/* Adds an area to the totals, or takes it off: before and after every change of one. */
static void account(const struct vm_area_struct *vma, long sign)
{
	unsigned long pages = vma_pages(vma) * (unsigned long)sign;
	unsigned long flags = vma->vm_flags;

	WRITE_ONCE(kmem_mm.total_vm, kmem_mm.total_vm + pages);
	if ((flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		WRITE_ONCE(kmem_mm.data_vm, kmem_mm.data_vm + pages);
	if (!(flags & VM_ACCESS))
		WRITE_ONCE(kmem_mm.reserved_vm, kmem_mm.reserved_vm + pages);
	if (flags & VM_LOCKED)
		WRITE_ONCE(kmem_mm.locked_vm, kmem_mm.locked_vm + pages);
	if (kmem_mm.total_vm > kmem_mm.hiwater_vm)
		WRITE_ONCE(kmem_mm.hiwater_vm, kmem_mm.total_vm);
}

static void link_vma(struct vm_area_struct *vma)
{
	struct vm_area_struct *prev = vma_below(vma->vm_start);
	struct vm_area_struct *next = prev ? prev->vm_next : kmem_mm.mmap;

	vma->vm_prev = prev;
	vma->vm_next = next;
	*(prev ? &prev->vm_next : &kmem_mm.mmap) = vma;
	if (next)
		next->vm_prev = vma;
	vma_tree_RB_INSERT(&kmem_mm.mm_rb, vma);
	WRITE_ONCE(kmem_mm.map_count, kmem_mm.map_count + 1);
	account(vma, 1);
	KMEM_ASSERT(vma_is_valid(vma));
}

static void unlink_vma(struct vm_area_struct *vma)
{
	account(vma, -1);
	*(vma->vm_prev ? &vma->vm_prev->vm_next : &kmem_mm.mmap) = vma->vm_next;
	if (vma->vm_next)
		vma->vm_next->vm_prev = vma->vm_prev;
	vma_tree_RB_REMOVE(&kmem_mm.mm_rb, vma);
	WRITE_ONCE(kmem_mm.map_count, kmem_mm.map_count - 1);
	give_descriptor(vma);
}

/* Where the order stays as it is, an area may change its ends where it stands in the tree. */
static void set_ends(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	account(vma, -1);
	if (vma->vm_file)
		vma->vm_pgoff += (start - vma->vm_start) >> PAGE_SHIFT;
	vma->vm_start = start;
	vma->vm_end = end;
	account(vma, 1);
}

/* Whether an area ends before @addr and another one starts there afterwards: if one contains it. */
static void split_at(unsigned long addr)
{
	struct vm_area_struct *vma = vma_above(addr), *upper;

	if (!vma || vma->vm_start >= addr)
		return;
	upper = take_descriptor();
	*upper = *vma;
	if (upper->vm_file)
		upper->vm_pgoff += (addr - vma->vm_start) >> PAGE_SHIFT;
	upper->vm_start = addr;
	set_ends(vma, vma->vm_start, addr);
	link_vma(upper);
}

/* Two mappings of a file may be of two files by one number: they stay as they were mapped. */
static bool may_merge(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	return a->vm_end == b->vm_start && a->vm_flags == b->vm_flags && a->vm_name == b->vm_name &&
	       a->vm_block == b->vm_block && !a->vm_file && !b->vm_file;
}

/* What @vma is part of afterwards. */
static struct vm_area_struct *merge_with_prev(struct vm_area_struct *vma)
{
	struct vm_area_struct *prev = vma->vm_prev;
	unsigned long end = vma->vm_end;

	if (!prev || !may_merge(prev, vma))
		return vma;
	unlink_vma(vma);
	set_ends(prev, prev->vm_start, end);
	return prev;
}

static void merge_with_both(struct vm_area_struct *vma)
{
	vma = merge_with_prev(vma);
	if (vma->vm_next)
		merge_with_prev(vma->vm_next);
}

/* ---- The record ---- */

void vma_map(const struct vm_area_struct *like, unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = take_descriptor();

	*vma = *like;
	vma->vm_mm = &kmem_mm;
	vma->vm_start = start;
	vma->vm_end = end;
	link_vma(vma);
	merge_with_both(vma);
}

bool vma_unmap_splits(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vma_above(start);

	return vma && vma->vm_start < start && vma->vm_end > end;
}

void vma_unmap(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma, *next;

	if (vma_unmap_splits(start, end))
		split_at(end);
	for (vma = vma_above(start); vma && vma->vm_start < end; vma = next) {
		next = vma->vm_next;
		if (vma->vm_start < start)
			set_ends(vma, vma->vm_start, start);
		else if (vma->vm_end > end)
			set_ends(vma, end, vma->vm_end);
		else
			unlink_vma(vma);
	}
}

void vma_set_flags(unsigned long start, unsigned long end, unsigned long flags)
{
	struct vm_area_struct *vma;

	split_at(start);
	split_at(end);
	for (vma = vma_above(start); vma && vma->vm_start < end; vma = vma->vm_next) {
		account(vma, -1);
		vma->vm_flags = flags;
		account(vma, 1);
		vma = merge_with_prev(vma);
	}
	if (vma)
		merge_with_prev(vma);
}

void vma_set_name(unsigned long start, unsigned long end, const char *name)
{
	struct vm_area_struct *vma;

	split_at(start);
	split_at(end);
	for (vma = vma_above(start); vma && vma->vm_start < end; vma = vma->vm_next) {
		vma->vm_name = name;
		vma = merge_with_prev(vma);
	}
	if (vma)
		merge_with_prev(vma);
}

/* ---- Walkers ---- */

bool vma_is_valid(const struct vm_area_struct *vma)
{
	const struct vm_area_struct *prev = vma->vm_prev, *next = vma->vm_next;

	KMEM_ASSERT(vma->vm_mm == &kmem_mm);
	KMEM_ASSERT(vma->vm_start < vma->vm_end);
	KMEM_ASSERT(((vma->vm_start | vma->vm_end) & (os_page_size() - 1)) == 0);
	KMEM_ASSERT((prev ? prev->vm_next : kmem_mm.mmap) == vma);
	KMEM_ASSERT(!prev || prev->vm_end <= vma->vm_start);
	KMEM_ASSERT(!next || (next->vm_prev == vma && next->vm_start >= vma->vm_end));
	return true;
}

/* The tree below @vma: linked both ways, no red one below a red one; its black height. */
static int check_tree(const struct vm_area_struct *vma)
{
	int left, right;

	if (!vma)
		return 1;
	left = check_tree(RB_LEFT(vma, vm_rb));
	right = check_tree(RB_RIGHT(vma, vm_rb));
	KMEM_ASSERT(left == right);
	KMEM_ASSERT(!RB_LEFT(vma, vm_rb) || RB_PARENT(RB_LEFT(vma, vm_rb), vm_rb) == vma);
	KMEM_ASSERT(!RB_RIGHT(vma, vm_rb) || RB_PARENT(RB_RIGHT(vma, vm_rb), vm_rb) == vma);
	KMEM_ASSERT(RB_COLOR(vma, vm_rb) == RB_BLACK || !RB_PARENT(vma, vm_rb) ||
		    RB_COLOR(RB_PARENT(vma, vm_rb), vm_rb) == RB_BLACK);
	return left + (RB_COLOR(vma, vm_rb) == RB_BLACK);
}

bool mm_is_valid(void)
{
	unsigned long total = 0, data = 0, reserved = 0, locked = 0;
	struct vm_area_struct *vma;
	int count = 0;

	lock_acquire(&mmap_lock);
	check_tree(RB_ROOT(&kmem_mm.mm_rb));
	for (vma = kmem_mm.mmap; vma; vma = vma->vm_next, count++) {
		unsigned long pages = vma_pages(vma);

		KMEM_ASSERT(vma_is_valid(vma));
		KMEM_ASSERT(vma_above(vma->vm_start) == vma);
		KMEM_ASSERT(!vma->vm_prev || !may_merge(vma->vm_prev, vma));
		total += pages;
		data += (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE ? pages : 0;
		reserved += vma->vm_flags & VM_ACCESS ? 0 : pages;
		locked += vma->vm_flags & VM_LOCKED ? pages : 0;
	}
	KMEM_ASSERT(count == kmem_mm.map_count);
	KMEM_ASSERT(total == kmem_mm.total_vm && total <= kmem_mm.hiwater_vm);
	KMEM_ASSERT(data == kmem_mm.data_vm && reserved == kmem_mm.reserved_vm);
	KMEM_ASSERT(locked == kmem_mm.locked_vm);
	lock_release(&mmap_lock);
	return true;
}
