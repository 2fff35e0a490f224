/* SPDX-License-Identifier: MIT */
/* Grace periods by name: see kmem/slab.h, and rcu.h for how they work. */
#include <kmem/slab.h>

#include "rcu.h"

void kmem_rcu_read_lock(void)
{
	rcu_read_lock();
}

void kmem_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

void kmem_synchronize_rcu(void)
{
	synchronize_rcu();
}

int kmem_rcu_register(const struct kmem_rcu_ops *ops)
{
	return rcu_register(ops);
}
