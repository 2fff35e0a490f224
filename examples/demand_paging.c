/* SPDX-License-Identifier: MIT */
/*
 * demand_paging - an address costs nothing until it is touched.
 *
 * mmap gives addresses: an area in the memory descriptor, and not one page. The first touch of a
 * page faults; the kernel looks up the area, finds the access allowed, and enters a frame into the
 * page table. A first read gets the one page of zeros that everybody shares; a first write, also
 * after such a read, gets a frame of its own.
 *
 *      area      |  .  .  .  .  .  .  .  .  |   8 pages of addresses, none in memory
 *      write 3   |  W  W  W  .  .  .  .  .  |   3 faults, 3 frames
 *      read 2    |  W  W  W  0  0  .  .  .  |   2 faults, no frame: the page of zeros twice
 *      write 2   |  W  W  W  W  W  .  .  .  |   2 faults more: each gets a frame now
 *
 * malloc builds on that: what it has from the system and has not handed out before is not touched
 * by malloc, and not even by calloc, for pages that nobody has written are zero already.
 */
#include "lecture.h"

#define PAGES ((size_t)1024)

static char *area;
static long faults_before;
static volatile char sink; /* what was read goes somewhere: so nothing can leave the read out */

static void row(const char *what)
{
	printf("  %-42s %5zu  %6ld\n", what, resident(area, PAGES), minor_faults() - faults_before);
}

static void write_pages(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		((volatile char *)area)[i * PAGE] = 1;
}

static void read_pages(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		sink = ((volatile char *)area)[i * PAGE];
}

static void touch_an_area(void)
{
	long before;

	/* One fault brings one page, unless the kernel puts huge pages there: so not here. */
	faults_before = minor_faults();
	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(area != MAP_FAILED);
	(void)madvise(area, PAGES * PAGE, MADV_NOHUGEPAGE);

	printf("  %zu pages of addresses %24s resident  faults\n", PAGES, "");
	row("mmap");
	CLAIM(resident(area, PAGES) == 0, "mapped: %zu KiB of addresses, no page in memory",
	      PAGES * PAGE / 1024);
	CLAIM(minor_faults() - faults_before < (long)PAGES / 4, "and no fault for them");

	write_pages(0, PAGES / 2);
	row("write to the first half");
	CLAIM(resident(area, PAGES) == PAGES / 2, "what was touched is in memory, the rest is not");
	CLAIM(minor_faults() - faults_before >= (long)PAGES / 2, "each touched page took a fault");

	before = minor_faults();
	write_pages(0, PAGES / 2);
	row("write to it again");
	CLAIM(minor_faults() - before < (long)PAGES / 4, "a page that is there takes no fault");

	read_pages(PAGES / 2, PAGES);
	row("read the second half");
	before = minor_faults();
	write_pages(PAGES / 2, PAGES);
	row("write to the second half");
	CLAIM(minor_faults() - before >= (long)PAGES / 2,
	      "a page that was only read faults once more when it is written");

	MUST(!madvise(area, PAGES * PAGE, MADV_DONTNEED));
	row("madvise(MADV_DONTNEED)");
	CLAIM(resident(area, PAGES) == 0, "given back: the addresses stay, the pages go");
	CLAIM(area[0] == 0 && area[PAGE] == 0, "and read as zero, as if for the first time");
}

static void read_then_write_one_page(void)
{
	volatile char *page = area + 8 * PAGE, *other = area + 9 * PAGE;
	uint64_t read_entry, write_entry;

	sink = page[0];
	sink = other[0];
	read_entry = pagemap((char *)page);
	if (!(read_entry & PM_FRAME)) {
		printf("  (the numbers of frames are root's to see)\n");
		return;
	}
	printf("\n  two pages after a read:  frames %llx and %llx\n", read_entry & PM_FRAME,
	       pagemap((char *)other) & PM_FRAME);
	CLAIM((pagemap((char *)other) & PM_FRAME) == (read_entry & PM_FRAME),
	      "two pages that were only read share one frame: the page of zeros");
	page[0] = 1;
	write_entry = pagemap((char *)page);
	printf("  after a write to one:    frames %llx and %llx\n", write_entry & PM_FRAME,
	       pagemap((char *)other) & PM_FRAME);
	CLAIM((write_entry & PM_FRAME) != (read_entry & PM_FRAME),
	      "a write gets a frame of its own");
}

static void touch_what_malloc_gives(void)
{
	size_t size = 2 << 20, pages = size / PAGE;
	char *block = calloc(1, size), *start;
	bool zero = true;

	MUST(block != NULL);
	start = (char *)((uintptr_t)block / PAGE * PAGE);
	printf("\n  calloc(1, 2 MiB): %zu of %zu pages in memory\n", resident(start, pages), pages);
	CLAIM(resident(start, pages) < pages / 4, "calloc wrote no zeros: fresh pages are zero");
	for (size_t i = 0; i < size; i++)
		zero &= !block[i];
	CLAIM(zero, "and they read as zero");
	memset(block, 1, size);
	printf("  memset of it:     %zu of %zu pages in memory\n", resident(start, pages), pages);
	CLAIM(resident(start, pages) == pages, "memory is paid for when it is written");
	free(block);
}

int main(void)
{
	lecture("Demand paging");
	touch_an_area();
	read_then_write_one_page();
	touch_what_malloc_gives();
	return 0;
}
