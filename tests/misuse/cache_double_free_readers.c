/*
 * An object freed by two threads. One of them keeps it among its own free objects until its slab,
 * which has nothing in use any more, waits for readers.
 */
#include "misuse.h"
#include <kmem/slab.h>

#define NR 20000
#define THE_ONE \
	(56 * 64ul) /* of a slab of 64 bytes each: a bit that means something else meanwhile */
#define IN_SLABS 8192ul

static struct kmem_cache *s;
static pthread_barrier_t turn;

static void *keep_and_end(void *p)
{
	void *own[8];
	int i, n;

	/* So often that a sheaf of this thread's has room for one more. */
	for (n = 0; n < 50; n++) {
		for (i = 0; i < 8; i++)
			own[i] = must(kmem_cache_alloc(s, GFP_KERNEL));
		for (i = 0; i < 8; i++)
			kmem_cache_free(s, own[i]);
	}
	own[0] = must(kmem_cache_alloc(s, GFP_KERNEL));
	kmem_cache_free(s, aim(p));
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	return NULL;
}

int main(void)
{
	static void *object[NR];
	void *p = NULL;
	pthread_t t;
	int i;

	s = kmem_cache_create("mine", 64, 64, SLAB_NO_MERGE | SLAB_TYPESAFE_BY_RCU, NULL);
	for (i = 0; i < NR; i++) {
		object[i] = must(kmem_cache_alloc(s, GFP_KERNEL));
		if (i > NR / 4 && !p && ((unsigned long)object[i] & (IN_SLABS - 1)) == THE_ONE)
			p = object[i];
	}
	pthread_barrier_init(&turn, NULL, 2);
	CHECK(!pthread_create(&t, NULL, keep_and_end, must(p)), "thread");
	pthread_barrier_wait(&turn);
	kmem_rcu_read_lock();
	for (i = 0; i < NR; i++)
		kmem_cache_free(s, object[i]);
	kmem_cache_shrink(s);
	pthread_barrier_wait(&turn);
	CHECK(!pthread_join(t, NULL), "join");
	kmem_rcu_read_unlock();
	return 0;
}
