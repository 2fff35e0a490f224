/* SPDX-License-Identifier: MIT */
/*
 * NUMA nodes: memory has places, and some are nearer than others.
 *
 * Each node has zones of its own (struct pglist_data, as in the kernel), and a thread takes pages
 * from the node of the processor it runs on. Nearly every process sees one node. Then nr_node_ids
 * is 1, node 0 is described by a constant, and asking for the own node costs one load and no call.
 *
 * The nodes are counted once, in the library's constructor; what was allocated before lies on node
 * 0, and stays right there: a page's section says where it belongs. Where the machine has several,
 * the sections are bound to theirs as a preference, and the kernel does the rest. `numa=fake=N`
 * makes N nodes anywhere, with processor c on node c % N, bound to nothing; `numa=off` makes one.
 *
 * Nodes do not go away. Node numbers may have gaps: NODE_DATA() of such a one is NULL.
 */
#ifndef KMEM_NUMA_H
#define KMEM_NUMA_H

#include "options.h"
#include "zone.h"

#define LOCAL_DISTANCE	10
#define REMOTE_DISTANCE 20

struct pglist_data {
	struct zone node_zones[MAX_NR_ZONES];
	uint8_t node_id;
	uint8_t nr_near;	    /* all nodes there are, */
	uint8_t near[MAX_NUMNODES]; /* this one first, then by distance */
};

extern struct pglist_data *node_data[MAX_NUMNODES]; /* NULL: no such node */
#define NODE_DATA(nid) (node_data[nid])

extern unsigned int nr_node_ids; /* one more than the highest node there is */

/* The node of the calling thread, when there are several. */
unsigned int numa_this_node(void);

/* The node of the processor that runs the calling thread; always one there is. */
static inline unsigned int numa_own_node(void)
{
	return likely(READ_ONCE(nr_node_ids) == 1) ? 0 : numa_this_node();
}

static inline bool node_online(int nid)
{
	return nid >= 0 && (unsigned int)nid < smp_load_acquire(&nr_node_ids) && NODE_DATA(nid);
}

/* The node that a request for @nid means first; NULL when there is no such node. */
static inline struct pglist_data *numa_node(int nid)
{
	if (nid == NUMA_NO_NODE)
		return NODE_DATA(numa_own_node());
	return node_online(nid) ? NODE_DATA(nid) : NULL;
}

/* 10 to itself, more to others: what the firmware says, or 20. */
unsigned int node_distance(unsigned int from, unsigned int to);

/*
 * The kernel's text of how far it is from node @from: a number for each node of the machine, in
 * order and separated by blanks. @machine has a bit for each of these.
 */
void node_set_distances(unsigned int from, unsigned long machine, const char *text);

/* Finds the nodes; once, after the options, while nobody forks. */
void numa_init(void);

/* The memory of a new section shall come from its node. */
void numa_bind(const struct section *s);

/*
 * All zones of all nodes:
 *
 *	for (zone = first_zone(); zone; zone = next_zone(zone))
 */
struct zone *first_zone(void);
struct zone *next_zone(const struct zone *zone);

struct zone_totals {
	unsigned long nr_sections; /* ever created */
	unsigned long nr_online, nr_free, nr_dirty;
	unsigned long nr_listed; /* on page lists: in use, as the zones see them, */
	unsigned long nr_lent;	 /* and what lanes can give back as soon */
	unsigned long nr_refault, nr_refilled;
	unsigned long peak_used; /* each zone's own: they need not have been at the same time */
};

/* Sums over all zones; approximate while others run. */
void zones_total(struct zone_totals *sum);

/* How many zones there are, and the lock of the @n-th. */
unsigned int nr_zones(void);
struct lock *zone_lock(unsigned int n);

/* The lock of the @n-th lane's page lists, of NR_LANES in each zone. */
struct lock *pcp_lock(unsigned int n);

/* Whether the calling thread holds a zone's lock, or that of page lists. */
bool zones_are_mine(void);

/* Time passes in all zones: how many pages are left that more of it may give back. */
unsigned long zones_pass_time(void);

/*
 * Gives back all there is to give, and puts back what a lost thread purged: purge.h, for all zones.
 */
unsigned long zones_purge(void);
unsigned long zones_emptied(bool (*go_on)(void)); /* purge_emptied() */
void zones_fork_child(void);

extern const struct boot_params numa_params;

#endif
