// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reduced TCP/IP stack: in which order it comes up, and goes down.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/random.h>

#include "linnet.h"

/* Queues take at most an eighth of the memory, and never more than this. */
#define LINNET_MEMORY_MAX	(16U << 20)

/* Pages that queues may take. */
unsigned long linnet_memory_pages(void)
{
	return min(totalram_pages() / 8,
		   (unsigned long)LINNET_MEMORY_MAX >> PAGE_SHIFT);
}

static int __init linnet_init(void)
{
	struct linnet_config config = {
		.memory = linnet_memory_pages() << PAGE_SHIFT,
	};
	int err;

	get_random_bytes(config.secret, sizeof(config.secret));
	err = linnet_start(&config);
	memzero_explicit(&config, sizeof(config));
	if (err)
		return err;

	err = proto_register(&linnet_proto, 1);
	if (err)
		goto out_stop;
	err = linnet_netdev_init();
	if (err)
		goto out_proto;
	err = linnet_proc_init();
	if (err)
		goto out_netdev;
	err = linnet_rtnl_init();
	if (err)
		goto out_proc;
	err = sock_register(&linnet_family);
	if (err)
		goto out_rtnl;
#ifdef CONFIG_NET_GIFCONF
	register_gifconf(linnet_gifconf);
#endif
	return 0;

out_rtnl:
	linnet_rtnl_exit();
out_proc:
	linnet_proc_exit();
out_netdev:
	linnet_netdev_exit();
out_proto:
	proto_unregister(&linnet_proto);
out_stop:
	linnet_timer_exit();
	linnet_stop();
	return err;
}

/* Every socket holds the module: what is left here belongs to no program. */
static void __exit linnet_exit(void)
{
#ifdef CONFIG_NET_GIFCONF
	register_gifconf(NULL);
#endif
	sock_unregister(PF_INET);
	linnet_rtnl_exit();
	linnet_proc_exit();
	linnet_netdev_exit();
	linnet_timer_exit();
	linnet_stop();
	proto_unregister(&linnet_proto);
}

void linnet_unreachable(void)
{
	BUG();
}

fs_initcall(linnet_init);
module_exit(linnet_exit);

MODULE_DESCRIPTION("Linnet: a reduced TCP/IP stack");
MODULE_LICENSE("GPL");
MODULE_ALIAS_NETPROTO(PF_INET);
