/* SPDX-License-Identifier: MIT */
/* What the threads hold together: approximate while they run. */
#include "cpu.h"
#include "kmalloc.h"

/* Of every state there is. */
#define for_each_cpu(cpu, i)                     \
	for ((i) = 0; (i) < NR_CPU_LISTS; (i)++) \
		list_for_each_entry(cpu, cpu_lists[i], list)

unsigned long cpus_objects(const struct kmem_cache *s)
{
	struct kmem_cpu *cpu;
	unsigned long nr = 0;
	unsigned int i;

	lock_acquire(&cpus_lock);
	for_each_cpu(cpu, i)
		nr += slot_objects(cache_slot(cpu, s));
	lock_release(&cpus_lock);
	return nr;
}

/* By a page that may be another's by now, in a descriptor that stays: it is looked at twice. */
struct kept_sum cpus_kept(void)
{
	struct kept_sum sum = { 0, 0 };
	struct kmem_cpu *cpu;
	unsigned int i;

	lock_acquire(&cpus_lock);
	for_each_cpu(cpu, i) {
		const struct page *page = READ_ONCE(cpu->kept);
		unsigned int nr = page ? READ_ONCE(page->nr_pages) : 0;

		if (page && READ_ONCE(cpu->kept) == page) {
			sum.blocks++;
			sum.pages += min_ul(nr, HOT_LARGEST);
		}
	}
	lock_release(&cpus_lock);
	return sum;
}

unsigned long cpus_resting_bytes(void)
{
	const struct list_head *resting = cpu_lists[CPUS_RESTING];
	struct kmem_cpu *cpu;
	unsigned long bytes = 0;
	unsigned int class;

	if (!cpus_resting())
		return 0;
	lock_acquire(&cpus_lock);
	list_for_each_entry(cpu, resting, list)
		for (class = 1; class < NR_KMALLOC_CLASSES; class ++)
			bytes += (unsigned long)slot_objects(&cpu->slot[class]) *
				 kmem_caches[class]->size;
	lock_release(&cpus_lock);
	return bytes;
}
