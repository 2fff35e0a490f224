/* SPDX-License-Identifier: MIT */
/*
 * rcu - objects whose memory stays what it is while somebody may still look at it.
 *
 * A reader takes no lock: it finds an object through a pointer, and by then the object may be
 * freed, and may even be another one. SLAB_TYPESAFE_BY_RCU promises just enough to find that out:
 * as long as the reader is in its section, the memory is an object of that cache, never anything
 * else. So it may look at the key, and see that it is the wrong one.
 *
 *      reader   [ lock ... p = table[k] ............ p->key == k ? ... unlock ]
 *      writer             table[k] = new;  free(p)
 *      slab                                 p is free, or used again: still a struct account
 *                                                                                |
 *      pages                                     go to the buddy after that, a grace period later
 *
 * What a section is, and when all of them have ended, is up to a scheme. The library has one; built
 * as rcu_liburcu, this program puts the userspace RCU library in its place.
 */
#include <kmem/slab.h>
#include <pthread.h>
#include "lecture.h"
#ifdef WITH_LIBURCU
#include <urcu-bp.h>
#endif

#define KEYS   16
#define ROUNDS 1000000

struct account {
	enum { TYPE = 0xacc0 } type; /* from the constructor on, for ever */
	int key;
	char data[248];
};

static struct kmem_cache *cache;
static struct account *table[KEYS];
static bool done;
static unsigned long looked, reused, alien;

#ifdef WITH_LIBURCU
static unsigned long calls;

static void by_call(struct kmem_rcu_head *head, void (*func)(struct kmem_rcu_head *))
{
	_Static_assert(sizeof(struct rcu_head) <= sizeof(*head), "it holds liburcu's record");
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	call_rcu((struct rcu_head *)head, (void (*)(struct rcu_head *))func);
}

static const struct kmem_rcu_ops liburcu = {
	.call = by_call,
	.barrier = rcu_barrier,
	.read_lock = rcu_read_lock,
	.read_unlock = rcu_read_unlock,
	.synchronize = synchronize_rcu,
};
#endif

static void account_ctor(void *object)
{
	((struct account *)object)->type = TYPE;
}

static struct account *new_account(int key)
{
	struct account *account = kmem_cache_alloc(cache, GFP_KERNEL);

	MUST(account != NULL);
	__atomic_store_n(&account->key, key, __ATOMIC_RELAXED);
	return account;
}

static void one_reader(void)
{
	struct account *account = new_account(1);

	kmem_rcu_read_lock();
	kmem_cache_free(cache, account);
	CLAIM(new_account(2) == account, "freed within a section, it is another account at once");
	CLAIM(account->type == TYPE && account->key == 2, "and the key says so to whoever looks");
	kmem_cache_free(cache, account);
	kmem_cache_shrink(cache);
	CLAIM(kmem_valid_obj(account) && account->type == TYPE,
	      "freed for good, its slab empty, it is still an account");
	kmem_rcu_read_unlock();
	kmem_synchronize_rcu();
	CLAIM(kmem_cache_shrink(cache) == 0, "with the section ended, no slab is left");
}

static void *reader(void *unused)
{
	do {
		int key = (int)(looked++ % KEYS);
		struct account *account;

		kmem_rcu_read_lock();
		account = __atomic_load_n(&table[key], __ATOMIC_ACQUIRE);
		for (int i = 0; account && i < 5; i++, sched_yield()) {
			alien += account->type != TYPE;
			reused += __atomic_load_n(&account->key, __ATOMIC_RELAXED) != key;
		}
		kmem_rcu_read_unlock();
	} while (!__atomic_load_n(&done, __ATOMIC_RELAXED));
	return unused;
}

static void readers_and_a_writer(void)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, reader, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		int key = i * 7 % KEYS;
		struct account *new = i % 3 ? new_account(key) : NULL, *old;

		old = __atomic_exchange_n(&table[key], new, __ATOMIC_ACQ_REL);
		kmem_cache_free(cache, old);
		/* Pages that are free serve something else now and then, all of their bytes set. */
		if (i % 50000 == 0) {
			kmem_cache_shrink(cache);
			free(memset(malloc(100000), 0xff, 100000));
		}
	}
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	MUST(!pthread_join(thread, NULL));
	for (int key = 0; key < KEYS; key++)
		kmem_cache_free(cache, table[key]);
	printf("\n%lu lookups without a lock while %d accounts were replaced\n"
	       "  an account that had become another's: seen %lu times\n",
	       looked, ROUNDS, reused);
	CLAIM(alien == 0, "something that was no account: never");
}

int main(void)
{
	lecture("Objects that stay what they are: SLAB_TYPESAFE_BY_RCU");
#ifdef WITH_LIBURCU
	CLAIM(kmem_rcu_register(&liburcu) == 0, "grace periods are liburcu's");
#endif
	cache = kmem_cache_create("account", sizeof(struct account), 0,
				  SLAB_TYPESAFE_BY_RCU | SLAB_PANIC, account_ctor);
	one_reader();
	readers_and_a_writer();
	CLAIM(kmem_cache_destroy(cache) == 0, "the cache waited for its slabs, and is gone");
#ifdef WITH_LIBURCU
	CLAIM(calls > 0, "slabs went through call_rcu %lu times", calls);
#endif
	return 0;
}
