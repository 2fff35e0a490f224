/* SPDX-License-Identifier: MIT */
/* See numa.h. */
#include "numa.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "meta.h"
#include "os.h"
#include "purge.h"

static struct pglist_data first_node = {
	.node_zones = { ZONE_INIT(first_node.node_zones[ZONE_DMA32], ZONE_DMA32),
			ZONE_INIT(first_node.node_zones[ZONE_NORMAL], ZONE_NORMAL) },
	.nr_near = 1,
};

struct pglist_data *node_data[MAX_NUMNODES] = { &first_node };
unsigned int nr_node_ids = 1;

static struct meta_pool node_pool = META_POOL_INIT("pglist_data", sizeof(struct pglist_data));

/* What there is besides the first; constant once nr_node_ids says that there are several. */
static bool fake;
static uint8_t distance[MAX_NUMNODES][MAX_NUMNODES]; /* 0: not told */

/* ---- Options ---- */

static long wanted; /* nodes that the options ask for; 0: those of the machine */

static int set_numa(const char *value, size_t len)
{
	static const char fake_is[] = "fake=";
	const size_t skip = sizeof(fake_is) - 1;
	long nodes;

	if (len == 3 && memcmp(value, "off", 3) == 0) {
		wanted = 1;
		return 0;
	}
	if (len < skip || memcmp(value, fake_is, skip) != 0 ||
	    option_number(value + skip, len - skip, &nodes) < 0 || nodes < 1 ||
	    nodes > MAX_NUMNODES)
		return -EINVAL;
	wanted = nodes;
	return 0;
}

static const struct boot_param params[] = {
	{ "numa", set_numa },
};

const struct boot_params numa_params = { params, ARRAY_SIZE(params) };

/* ---- Distances ---- */

unsigned int node_distance(unsigned int from, unsigned int to)
{
	if (from < MAX_NUMNODES && to < MAX_NUMNODES && distance[from][to])
		return distance[from][to];
	return from == to ? LOCAL_DISTANCE : REMOTE_DISTANCE;
}

void node_set_distances(unsigned int from, unsigned long machine, const char *text)
{
	unsigned int to;

	for (to = 0; to < MAX_NUMNODES; to++) {
		unsigned int number = 0;

		if (!(machine >> to & 1))
			continue;
		while (*text == ' ')
			text++;
		for (; *text >= '0' && *text <= '9'; text++)
			if (number <= UINT8_MAX)
				number = number * 10 + (unsigned int)(*text - '0');
		if (number >= LOCAL_DISTANCE && number <= UINT8_MAX)
			distance[from][to] = (uint8_t)number;
	}
}

static void node_path(char *path, size_t size, unsigned int nid, const char *file)
{
	struct out out;

	out_init(&out, -1, path, size - 1);
	out_printf(&out, "/sys/devices/system/node/node%u/%s", nid, file);
	path[out.len] = '\0';
}

/* The nodes of the machine, which may be more than are ours to use. */
static unsigned long machine_nodes(void)
{
	unsigned long nodes = 0;
	unsigned int nid;
	char path[64];

	for (nid = 0; nid < MAX_NUMNODES; nid++) {
		node_path(path, sizeof(path), nid, "distance");
		nodes |= (unsigned long)(access(path, R_OK) == 0) << nid;
	}
	return nodes;
}

/* What cannot be read is not known. */
static void read_distances(unsigned int from, unsigned long machine)
{
	char path[64], text[256];

	node_path(path, sizeof(path), from, "distance");
	if (os_read_file(path, text, sizeof(text)) >= 0)
		node_set_distances(from, machine, text);
}

static void find_distances(void)
{
	int saved = errno;
	unsigned long machine = machine_nodes();
	unsigned int nid;

	for (nid = 0; nid < MAX_NUMNODES; nid++)
		if (machine >> nid & 1)
			read_distances(nid, machine);
	errno = saved;
}

/* The nearest to @from of the nodes of @unseen: among equals the next one up. */
static unsigned int next_nearest(unsigned int from, unsigned long unseen)
{
	unsigned int best = MAX_NUMNODES, least = ~0u, step;

	for (step = 0; step < MAX_NUMNODES; step++) {
		unsigned int nid = (from + step) % MAX_NUMNODES;

		if ((unseen >> nid & 1) && node_distance(from, nid) < least) {
			least = node_distance(from, nid);
			best = nid;
		}
	}
	return best;
}

static void order_nodes(struct pglist_data *node, unsigned long nodes)
{
	unsigned int n = 0;

	for (; nodes; nodes &= ~(1UL << node->near[n++]))
		node->near[n] = (uint8_t)next_nearest(node->node_id, nodes);
	node->nr_near = (uint8_t)n;
}

/* ---- Nodes ---- */

static bool add_node(unsigned int nid)
{
	struct pglist_data *node = meta_alloc(&node_pool);
	unsigned int type;

	if (!node)
		return false;
	node->node_id = (uint8_t)nid;
	for (type = 0; type < MAX_NR_ZONES; type++)
		zone_init(&node->node_zones[type], nid, (enum zone_type)type);
	node_data[nid] = node;
	return true;
}

static void set_up(unsigned long nodes)
{
	unsigned int nid;

	for (nid = 1; nid < MAX_NUMNODES; nid++)
		if ((nodes >> nid & 1) && !add_node(nid))
			nodes &= ~(1UL << nid);
	if (!fake)
		find_distances();
	for (nid = 0; nid < MAX_NUMNODES; nid++)
		if (nodes >> nid & 1)
			order_nodes(NODE_DATA(nid), nodes);
	smp_store_release(&nr_node_ids, __fls(nodes) + 1);
}

void numa_init(void)
{
	const unsigned long all = (1UL << MAX_NUMNODES) - 1;
	unsigned long nodes;

	if (nr_node_ids > 1 || wanted == 1)
		return;
	fake = wanted != 0;
	nodes = fake ? all >> (MAX_NUMNODES - wanted) : os_nodes() & all;
	/*
	 * Of one node there is nothing to choose; of several, what came before lies on the first.
	 */
	if (nodes & (nodes - 1))
		set_up(nodes | 1);
}

unsigned int numa_this_node(void)
{
	unsigned int cpu = 0, nid = 0, ids = smp_load_acquire(&nr_node_ids);
	int saved = errno;

	if (getcpu(&cpu, &nid))
		nid = 0;
	errno = saved;
	if (fake)
		nid = cpu % ids;
	/* A processor whose node has no memory, or none for us. */
	return nid < ids && NODE_DATA(nid) ? nid : 0;
}

void numa_bind(const struct section *s)
{
	if (READ_ONCE(nr_node_ids) > 1 && !fake)
		os_bind((void *)s->start, s->bytes, s->nid);
}

/* ---- All zones ---- */

struct zone *first_zone(void)
{
	return &first_node.node_zones[0];
}

struct zone *next_zone(const struct zone *zone)
{
	unsigned int nid = zone->nid;

	if (zone->type + 1 < MAX_NR_ZONES)
		return &NODE_DATA(nid)->node_zones[zone->type + 1];
	while (++nid < smp_load_acquire(&nr_node_ids))
		if (NODE_DATA(nid))
			return &NODE_DATA(nid)->node_zones[0];
	return NULL;
}

void zones_total(struct zone_totals *sum)
{
	const struct zone *zone;

	*sum = (struct zone_totals){ 0 };
	for (zone = first_zone(); zone; zone = next_zone(zone)) {
		sum->nr_sections += READ_ONCE(zone->nr_sections);
		sum->nr_online += READ_ONCE(zone->nr_online);
		sum->nr_free += READ_ONCE(zone->nr_free);
		sum->nr_dirty += READ_ONCE(zone->nr_dirty);
		sum->nr_listed += pcp_pages(zone);
		sum->nr_lent += pcp_lent(zone);
		sum->nr_refault += READ_ONCE(zone->nr_refault);
		sum->nr_refilled += READ_ONCE(zone->nr_refilled);
		sum->peak_used += READ_ONCE(zone->peak_used);
	}
}

unsigned int nr_zones(void)
{
	return first_node.nr_near * MAX_NR_ZONES;
}

static struct zone *nth_zone(unsigned int n)
{
	unsigned int nid = first_node.near[n / MAX_NR_ZONES];

	return &NODE_DATA(nid)->node_zones[n % MAX_NR_ZONES];
}

struct lock *zone_lock(unsigned int n)
{
	return &nth_zone(n)->lock;
}

struct lock *pcp_lock(unsigned int n)
{
	return &nth_zone(n / NR_LANES)->pcp[n % NR_LANES].lock;
}

bool zones_are_mine(void)
{
	const struct zone *zone;
	unsigned int lane;

	for (zone = first_zone(); zone; zone = next_zone(zone)) {
		if (lock_is_mine(&zone->lock))
			return true;
		for (lane = 0; lane < NR_LANES; lane++)
			if (lock_is_mine(&zone->pcp[lane].lock))
				return true;
	}
	return false;
}

unsigned long zones_pass_time(void)
{
	uint64_t now = os_clock_ms();
	unsigned long left = 0;
	struct zone *zone;

	for (zone = first_zone(); zone; zone = next_zone(zone)) {
		purge_tick(zone, now, 0);
		left += READ_ONCE(zone->nr_dirty) + pcp_pages(zone) + pcp_lent(zone);
	}
	return left;
}

unsigned long zones_purge(void)
{
	unsigned long pages = 0;
	struct zone *zone;

	for (zone = first_zone(); zone; zone = next_zone(zone))
		pages += purge_all(zone);
	return pages;
}

unsigned long zones_emptied(bool (*go_on)(void))
{
	unsigned long pages = 0;
	struct zone *zone;

	for (zone = first_zone(); zone; zone = next_zone(zone))
		pages += purge_emptied(zone, go_on);
	return pages;
}

void zones_fork_child(void)
{
	struct zone *zone;

	for (zone = first_zone(); zone; zone = next_zone(zone))
		purge_fork_child(zone);
}
