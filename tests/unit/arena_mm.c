/* SPDX-License-Identifier: MIT */
/*
 * Changing the address space with the record: what the OS did is written down, what it refused is
 * not, and /proc/self/maps agrees. Names, as a kernel that has them would be asked.
 */
#include <errno.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "area.h"
#include "meta.h"
#include "mm.h"
#include "mmap.h"
#include "section.h"
#include "unit_arena.h"

#define MIB  (1UL << 20)
#define SIZE (16 * MIB)

static unsigned long at(const char *p)
{
	return (unsigned long)p;
}

/* One area, of this block: from @start to @end. */
static void expect_area(const char *start, size_t bytes, unsigned long flags, const char *block)
{
	struct vm_area_struct *vma = vma_above(at(start));

	EXPECT(vma != NULL);
	EXPECT_EQ(vma->vm_start, at(start));
	EXPECT_EQ(vma->vm_end, at(start) + bytes);
	EXPECT_EQ(vma->vm_flags & VM_ACCESS, flags);
	EXPECT_EQ(vma->vm_block, at(block));
}

static void expect_nothing(const char *start, size_t bytes)
{
	EXPECT(vma_within(at(start), at(start) + bytes) == NULL);
}

static void test_reserve_commit_unmap(void **state)
{
	char *p = find_hole(SIZE);
	unsigned long calls;

	(void)state;
	errno = EXDEV;
	EXPECT_EQ(mm_reserve_at(p, SIZE), 0);
	expect_area(p, SIZE, VM_NONE, p);
	/* the record knows: the OS is not asked */
	calls = unit_os_calls;
	EXPECT_EQ(mm_reserve_at(p + MIB, MIB), -EEXIST);
	EXPECT_EQ(mm_reserve_at(p - MIB, 2 * MIB), -EEXIST);
	EXPECT_EQ(unit_os_calls, calls);
	EXPECT_EQ(mm_commit(p, MIB), 0);
	expect_area(p, MIB, VM_DATA, p);
	expect_area(p + MIB, SIZE - MIB, VM_NONE, p);
	p[0] = p[MIB - 1] = 1;
	EXPECT_EQ(mm_commit(p + MIB, MIB), 0);
	expect_area(p, 2 * MIB, VM_DATA, p);
	EXPECT_EQ(mm_commit(p + 8 * MIB, MIB), 0);
	expect_area(p + 8 * MIB, MIB, VM_DATA, p);
	expect_record_mapped();
	EXPECT_EQ(mm_unmap(p + 8 * MIB, 4 * MIB), 0);
	expect_nothing(p + 8 * MIB, 4 * MIB);
	EXPECT(!unit_is_mapped(p + 8 * MIB));
	/* another block beside it stays apart */
	EXPECT_EQ(mm_reserve_at(p + 8 * MIB, 4 * MIB), 0);
	expect_area(p + 8 * MIB, 4 * MIB, VM_NONE, p + 8 * MIB);
	expect_record_mapped();
	EXPECT_EQ(mm_unmap(p, SIZE), 0);
	expect_nothing(p, SIZE);
	EXPECT(!unit_is_mapped(p) && !unit_is_mapped(p + SIZE - 1));
	expect_record_mapped();
	EXPECT_EQ(errno, EXDEV);
}

/* What is not in the record is not unmapped: it is another's. */
static void test_unmap_of_others(void **state)
{
	char *p = mmap(NULL, MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long calls = unit_os_calls;

	(void)state;
	EXPECT_EQ(mm_unmap(p, MIB), 0);
	EXPECT_EQ(unit_os_calls, calls);
	EXPECT(unit_is_mapped(p));
	EXPECT_EQ(mm_reserve_at(p, MIB), -EEXIST);
	expect_nothing(p, MIB);
	munmap(p, MIB);
}

static void test_extend(void **state)
{
	char *p = find_hole(SIZE), *wall = p + 4 * MIB;

	(void)state;
	EXPECT_EQ(mm_reserve_at(p, MIB), 0);
	EXPECT_EQ(mm_commit(p, MIB), 0);
	mm_name(p, MIB, "test");
	EXPECT_EQ(mm_extend(p, MIB, 2 * MIB), 0);
	expect_area(p, 2 * MIB, VM_DATA, p);
	EXPECT(strcmp(vma_above(at(p))->vm_name, "test") == 0);
	EXPECT(mmap(wall, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == wall);
	EXPECT_EQ(mm_extend(p, 2 * MIB, 5 * MIB), -ENOMEM);
	expect_area(p, 2 * MIB, VM_DATA, p);
	expect_record_mapped();
	munmap(wall, 4096);
	EXPECT_EQ(mm_unmap(p, 2 * MIB), 0);
	/* over what somebody unmapped who should not have: the OS is right */
	EXPECT_EQ(mm_reserve_at(p, MIB), 0);
	EXPECT_EQ(mm_commit(p, MIB), 0);
	EXPECT_EQ(mm_reserve_at(p + MIB, MIB), 0);
	EXPECT_EQ(munmap(p + MIB, MIB), 0);
	EXPECT_EQ(mm_extend(p, MIB, 3 * MIB), 0);
	expect_area(p, 3 * MIB, VM_DATA, p);
	expect_record_mapped();
	EXPECT_EQ(mm_unmap(p, 3 * MIB), 0);
	/* nothing there to extend */
	EXPECT_EQ(mm_extend(p, MIB, 2 * MIB), -EFAULT);
}

static void test_move(void **state)
{
	char *p = find_hole(SIZE), *to = p + SIZE / 2;

	(void)state;
	EXPECT_EQ(mm_reserve_at(p, 2 * MIB), 0);
	EXPECT_EQ(mm_commit(p, MIB), 0);
	EXPECT_EQ(mm_reserve_at(to, 4 * MIB), 0);
	unit_fill(p, MIB, 1);
	if (unit_on_valgrind()) {
		EXPECT(mm_move(p, MIB, to) < 0);
		expect_area(to, 4 * MIB, VM_NONE, to);
	} else {
		EXPECT_EQ(mm_move(p, MIB, to), 0);
		expect_area(to, MIB, VM_DATA, to);
		expect_area(to + MIB, 3 * MIB, VM_NONE, to);
		EXPECT(unit_holds(to, MIB, 1) && unit_is_zero(p, MIB));
	}
	expect_area(p, MIB, VM_DATA, p);
	expect_record_mapped();
	unit_fill(p, MIB, 2);
	EXPECT_EQ(mm_move_grow(p, MIB, to, 4 * MIB), 0);
	expect_area(p + MIB, MIB, VM_NONE, p);
	expect_nothing(p, MIB);
	expect_area(to, 4 * MIB, VM_DATA, to);
	EXPECT(unit_holds(to, MIB, 2));
	expect_record_mapped();
	EXPECT_EQ(mm_unmap(p, SIZE), 0);
}

/* ---- Refused ---- */

static int refused_errno, moves_to_come;
static char *foreign; /* what somebody else maps meanwhile */

static int refuse_all(long nr, unsigned long args[6])
{
	(void)nr;
	(void)args;
	return refused_errno;
}

static void test_refused(void **state)
{
	char *p = find_hole(SIZE), *to = p + SIZE / 2;
	unsigned long hash;

	(void)state;
	EXPECT_EQ(mm_reserve_at(p, 4 * MIB), 0);
	EXPECT_EQ(mm_commit(p, MIB), 0);
	EXPECT_EQ(mm_reserve_at(to, 4 * MIB), 0);
	hash = record_hash(at(p), at(p) + SIZE);
	unit_os_hook = refuse_all;
	refused_errno = EBUSY;
	errno = EXDEV;
	EXPECT_EQ(mm_reserve_at(p + 5 * MIB, MIB), -EBUSY);
	EXPECT_EQ(mm_commit(p + MIB, MIB), -EBUSY);
	EXPECT_EQ(mm_unmap(p, MIB), -EBUSY);
	EXPECT_EQ(mm_unmap(p + MIB, MIB), -EBUSY);
	EXPECT_EQ(mm_extend(p, MIB, 5 * MIB), -EBUSY);
	EXPECT(mm_move(p, MIB, to) < 0);
	EXPECT_EQ(mm_move_grow(p, MIB, to, 4 * MIB), -EBUSY);
	unit_os_hook = NULL;
	EXPECT_EQ(errno, EXDEV);
	EXPECT_EQ(record_hash(at(p), at(p) + SIZE), hash);
	expect_record_mapped();
	EXPECT_EQ(mm_unmap(p, SIZE), 0);
}

/* A kernel that clears the target of a move and then refuses it. */
static int clear_and_refuse(long nr, unsigned long args[6])
{
	if (nr != SYS_mremap || !moves_to_come--)
		return 0;
	EXPECT(munmap((void *)args[4], args[2]) == 0);
	if (foreign)
		EXPECT(mmap(foreign, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		       foreign);
	return ENOMEM;
}

static void test_move_that_clears(void **state)
{
	char *p = find_hole(SIZE), *to = p + SIZE / 2;

	(void)state;
	EXPECT_EQ(mm_reserve_at(p, 4 * MIB), 0);
	EXPECT_EQ(mm_commit(p, 4 * MIB), 0);
	unit_fill(p, MIB, 5);
	EXPECT_EQ(mm_reserve_at(to, 4 * MIB), 0);
	EXPECT_EQ(mm_commit(to, 4 * MIB), 0);
	unit_os_hook = clear_and_refuse;
	moves_to_come = 1;
	/* reserved anew: ours, though without access */
	EXPECT_EQ(mm_move_grow(p, MIB, to, 4 * MIB), -ENOMEM);
	expect_area(p, 4 * MIB, VM_DATA, p);
	expect_area(to, 4 * MIB, VM_NONE, to);
	EXPECT(unit_holds(p, MIB, 5));
	expect_record_mapped();
	/* somebody was quicker: no longer ours, and not touched */
	foreign = to + MIB;
	moves_to_come = 1;
	EXPECT_EQ(mm_move_grow(p, MIB, to, 4 * MIB), -ENOMEM);
	unit_os_hook = NULL;
	expect_nothing(to, 4 * MIB);
	EXPECT_EQ(mm_unmap(to, 4 * MIB), 0);
	EXPECT(unit_is_mapped(foreign));
	EXPECT(!unit_is_mapped(to));
	expect_record_mapped();
	munmap(foreign, 4096);
	foreign = NULL;
	EXPECT_EQ(mm_unmap(p, 4 * MIB), 0);
}

/* Without a descriptor there is no question to the OS, and no change. */
static void test_no_descriptors(void **state)
{
	char *p = find_hole(SIZE), *to = p + SIZE / 2;
	unsigned long hash, far = 1UL << 44;
	const struct vm_area_struct like = { .vm_flags = VM_NONE };
	unsigned int n = 0;

	(void)state;
	EXPECT_EQ(mm_reserve_at(p, 4 * MIB), 0);
	EXPECT_EQ(mm_commit(p, MIB), 0);
	EXPECT_EQ(mm_reserve_at(to, 4 * MIB), 0);
	refused_errno = ENOMEM;
	unit_os_hook = refuse_all;
	for (; vma_prepare(1); n++)
		vma_map(&like, far + n * MIB, far + n * MIB + MIB / 2);
	hash = record_hash(at(p), at(p) + SIZE);
	/* what is asked for to get more descriptors is refused; nothing else is asked for */
	unit_os_hook = refuse_all;
	EXPECT_EQ(mm_reserve_at(p + 5 * MIB, MIB), -ENOMEM);
	EXPECT_EQ(mm_commit(p + MIB, MIB), -ENOMEM);
	EXPECT_EQ(mm_unmap(p + 2 * MIB, MIB), -ENOMEM);
	EXPECT_EQ(mm_extend(p, 4 * MIB, 5 * MIB), -ENOMEM);
	EXPECT_EQ(mm_move(p, MIB, to), -ENOMEM);
	EXPECT_EQ(mm_move_grow(p, MIB, to, 4 * MIB), -ENOMEM);
	mm_name(p, 2 * MIB, "test");
	EXPECT_EQ(record_hash(at(p), at(p) + SIZE), hash);
	unit_os_hook = NULL;
	/* giving up whole blocks, or their ends, needs none */
	EXPECT_EQ(mm_unmap(p + 3 * MIB, MIB), 0);
	EXPECT_EQ(mm_unmap(to, 4 * MIB), 0);
	EXPECT_EQ(mm_unmap(p, 3 * MIB), 0);
	expect_nothing(p, SIZE);
	vma_unmap(far, far + n * MIB);
	expect_record_mapped();
}

/* In a signal handler within another change. */
static void test_nested(void **state)
{
	char *p = find_hole(SIZE);

	(void)state;
	EXPECT_EQ(mm_reserve_at(p, MIB), 0);
	EXPECT(mm_enter());
	EXPECT(mm_is_changing());
	EXPECT(!mm_enter());
	EXPECT_EQ(mm_reserve_at(p + MIB, MIB), -EAGAIN);
	EXPECT_EQ(mm_commit(p, MIB), -EAGAIN);
	EXPECT_EQ(mm_unmap(p, MIB), -EAGAIN);
	EXPECT_EQ(mm_extend(p, MIB, 2 * MIB), -EAGAIN);
	EXPECT_EQ(mm_move(p, MIB, p), -EAGAIN);
	EXPECT_EQ(mm_move_grow(p, MIB, p, MIB), -EAGAIN);
	mm_name(p, MIB, "test");
	EXPECT(lock_is_mine(&mmap_lock));
	mm_leave();
	EXPECT(!mm_is_changing() && !lock_is_mine(&mmap_lock));
	expect_area(p, MIB, VM_NONE, p);
	EXPECT(vma_above(at(p))->vm_name == NULL);
	EXPECT_EQ(mm_unmap(p, MIB), 0);
}

/* ---- At random, with failures ---- */

#define PIECES 24
#define PIECE  (256UL << 10)

static void test_trace(void **state)
{
	char *p = find_hole(PIECES * PIECE);
	uint64_t rng = unit_seed(0x33aa);
	unsigned int step, steps = unit_steps(4000);

	(void)state;
	options_parse("fail_os=1,20,0,-1", &os_params, 1);
	for (step = 0; step < steps; step++) {
		unsigned int from = unit_below(&rng, PIECES);
		size_t bytes =
			(1 + unit_below(&rng, PIECES - from < 6 ? PIECES - from : 6)) * PIECE;
		unsigned long before = record_hash(at(p), at(p) + PIECES * PIECE);
		char *addr = p + from * PIECE;
		int err;

		switch (unit_below(&rng, 5)) {
		case 0:
		case 1:
			err = mm_reserve_at(addr, bytes);
			break;
		case 2:
			/* of what is reserved only: the OS would refuse the rest half way */
			if (!vma_above(at(addr)) || vma_above(at(addr))->vm_start > at(addr) ||
			    vma_above(at(addr))->vm_end < at(addr) + bytes)
				continue;
			err = mm_commit(addr, bytes);
			break;
		case 3:
			err = mm_unmap(addr, bytes);
			break;
		default:
			if (from + 1 + bytes / PIECE > PIECES || !vma_above(at(addr)) ||
			    vma_above(at(addr))->vm_start != at(addr) ||
			    vma_above(at(addr))->vm_end != at(addr) + PIECE)
				continue;
			err = mm_extend(addr, PIECE, PIECE + bytes);
			break;
		}
		EXPECT(!err || before == record_hash(at(p), at(p) + PIECES * PIECE));
		if (step % 16 == 0)
			expect_record_mapped();
		else
			expect_record_sound();
	}
	options_parse("fail_os=1,0,0,0", &os_params, 1);
	expect_record_mapped();
	EXPECT_EQ(mm_unmap(p, PIECES * PIECE), 0);
}

/* ---- Whole ---- */

/* Bytes of anonymous memory that the process has mapped, but for what has a name of its own. */
static unsigned long anonymous_bytes(void)
{
	static char maps[1 << 20];
	unsigned long sum = 0, from, to;
	char path[100];
	const char *p;

	read_maps(maps, sizeof(maps));
	for (p = maps; *p; p = strchr(p, '\n') + 1) {
		int fields = sscanf(p, "%lx-%lx %*s %*s %*s %*s%*[ ]%99[^\n]", &from, &to, path);

		if (fields == 2 || strncmp(path, "[anon:kmem", 10) == 0)
			sum += to - from;
	}
	return sum;
}

/*
 * Everything that the arena maps, and nothing else, is recorded; whatever of it the OS refuses. In
 * a child, where nobody else maps meanwhile.
 */
static void map_everything(void *options)
{
	unsigned long before = anonymous_bytes() - kmem_mm.total_vm * 4096;
	struct meta_pool pool = META_POOL_INIT("test", 5000);
	struct section *section[3];
	char *area[6] = { NULL };
	uint64_t rng = 17;
	unsigned int step, n;

	options_parse(options, &os_params, 1);
	for (n = 0; n < ARRAY_SIZE(section); n++)
		section[n] = section_create(MIB);
	for (step = 0; step < 400; step++) {
		size_t bytes = (1 + unit_below(&rng, 40000)) * 4096ul;

		n = unit_below(&rng, ARRAY_SIZE(area));
		if (!area[n])
			area[n] = area_alloc(bytes, 4096);
		else if (unit_below(&rng, 3))
			EXPECT_EQ(area_free(section_of(area[n]), area[n]), 0), area[n] = NULL;
		else
			area[n] = area_resize(section_of(area[n]), bytes) ?: area[n];
		n = unit_below(&rng, ARRAY_SIZE(section));
		if (!section[n])
			section[n] = section_create(MIB);
		else if (section[n]->nr_online < section[n]->nr_pages && unit_below(&rng, 4))
			EXPECT(section_online(section[n], 16) <= 0);
		else if (section_destroy(section[n]) == 0)
			section[n] = NULL;
		meta_alloc(&pool);
		mmap_user(&(struct map_request){
			.len = bytes, .prot = PROT_READ | PROT_WRITE, .flag = MAP_PRIVATE });
		if (step % 20 == 0) {
			expect_record_mapped();
			EXPECT_EQ(anonymous_bytes() - kmem_mm.total_vm * 4096, before);
		}
	}
	EXPECT_EQ(anonymous_bytes() - kmem_mm.total_vm * 4096, before);
}

static void test_everything_is_recorded(void **state)
{
	static const char *const options[] = { "fail_os=1,0,0,0", "fail_os=1,10,0,-1",
					       "fail_os=1,50,100,-1", "fail_os=3,100,10,-1" };
	unsigned int i;

	(void)state;
	/* these map as they please */
	if (UNIT_SANITIZE || unit_on_valgrind())
		skip();
	for (i = 0; i < ARRAY_SIZE(options); i++)
		unit_passes(map_everything, (void *)(uintptr_t)options[i]);
}

/* ---- Names ---- */

static int prctl_errno;
static unsigned int prctl_calls;
static unsigned long prctl_args[5];

static int name_hook(unsigned long args[6])
{
	prctl_calls++;
	memcpy(prctl_args, args, sizeof(prctl_args));
	return prctl_errno;
}

static void names(void *arg)
{
	static const char name[] = "kmem test";
	char *p = find_hole(SIZE);

	(void)arg;
	unit_prctl_hook = name_hook;
	errno = EXDEV;
	EXPECT_EQ(mm_reserve_at(p, MIB), 0);
	EXPECT_EQ(prctl_calls, 0);
	mm_name(p, MIB, name);
	EXPECT_EQ(prctl_calls, 1);
	EXPECT(prctl_args[0] == PR_SET_VMA && prctl_args[1] == PR_SET_VMA_ANON_NAME);
	EXPECT(prctl_args[2] == at(p) && prctl_args[3] == MIB && prctl_args[4] == at(name));
	EXPECT(vma_above(at(p))->vm_name == name);
	/* no memory for the name, or not anonymous: asked again the next time */
	prctl_errno = ENOMEM;
	mm_name(p, MIB, name);
	prctl_errno = EBADF;
	mm_name(p, MIB, name);
	EXPECT_EQ(prctl_calls, 3);
	/* a kernel without names is not asked again; the record has them all the same */
	prctl_errno = EINVAL;
	mm_name(p, MIB, name);
	EXPECT_EQ(prctl_calls, 4);
	mm_name(p, MIB, "other");
	EXPECT_EQ(prctl_calls, 4);
	EXPECT(strcmp(vma_above(at(p))->vm_name, "other") == 0);
	EXPECT_EQ(errno, EXDEV);
	unit_prctl_hook = NULL;
	EXPECT_EQ(mm_unmap(p, MIB), 0);
}

/* First of all: what is found out is kept. */
static void test_names(void **state)
{
	(void)state;
	unit_passes(names, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_reserve_commit_unmap),
		cmocka_unit_test(test_unmap_of_others),
		cmocka_unit_test(test_extend),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_move_that_clears),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_everything_is_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
