// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames in, frames out, and what becomes of network devices.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "linnet.h"

/* 224.0.0.1 on Ethernet (RFC 1112, section 6.4). */
static const u8 linnet_all_systems[ETH_ALEN] = { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x01 };

static bool linnet_ours(const struct net_device *dev)
{
	return net_eq(dev_net(dev), &init_net) &&
	       (dev->type == ARPHRD_ETHER || dev->type == ARPHRD_LOOPBACK);
}

/* The Rust half gets its own linear copy of the frame, from its first byte. */
static int linnet_receive(struct sk_buff *skb, struct net_device *dev,
			  struct packet_type *type, struct net_device *orig)
{
	if (skb->pkt_type == PACKET_OTHERHOST || !linnet_ours(dev))
		goto drop;

	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return NET_RX_DROP;
	if (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(skb))
		goto drop;
	if (skb_linearize_cow(skb))
		goto drop;

	skb_orphan(skb);
	skb_gso_reset(skb);
	skb_push(skb, skb->data - skb_mac_header(skb));
	skb->dev = NULL;
	linnet_frame(dev->ifindex, skb);
	return NET_RX_SUCCESS;

drop:
	kfree_skb(skb);
	return NET_RX_DROP;
}

void linnet_transmit(u32 ifindex, struct sk_buff *skb)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(&init_net, ifindex);
	if (dev) {
		skb->dev = dev;
		skb->protocol = ((struct ethhdr *)skb->data)->h_proto;
		skb->ip_summed = CHECKSUM_NONE;
		skb->pkt_type = PACKET_HOST;
		skb_clear_tstamp(skb);
		skb_reset_mac_header(skb);
		skb_set_network_header(skb, ETH_HLEN);
		dev_queue_xmit(skb);
	} else {
		kfree_skb(skb);
	}
	rcu_read_unlock();
}

void linnet_membership(u32 ifindex, const u8 *mac, u32 join)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(&init_net, ifindex);
	if (dev && join)
		dev_mc_add(dev, mac);
	else if (dev)
		dev_mc_del(dev, mac);
	rcu_read_unlock();
}

/* Writes the name of the device, or "*", to @name of IFNAMSIZ bytes. */
const char *linnet_ifname(u32 ifindex, char *name)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(&init_net, ifindex);
	strscpy(name, dev ? dev->name : "*", IFNAMSIZ);
	rcu_read_unlock();
	return name;
}

static int linnet_device_event(struct notifier_block *nb, unsigned long event,
			       void *info)
{
	struct net_device *dev = netdev_notifier_info_to_dev(info);
	struct linnet_link link;

	if (!linnet_ours(dev))
		return NOTIFY_DONE;

	/*
	 * What no socket pays for (answers, most of all) is bounded by the
	 * device's queue: a frame for a page that the stack may use.
	 */
	if (event == NETDEV_REGISTER)
		dev->tx_queue_len = min_t(unsigned long, dev->tx_queue_len,
					  linnet_memory_pages());

	/* Queries about groups come to all systems. */
	if (event == NETDEV_UP)
		dev_mc_add(dev, linnet_all_systems);
	else if (event == NETDEV_DOWN)
		dev_mc_del(dev, linnet_all_systems);

	switch (event) {
	case NETDEV_REGISTER:
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
	case NETDEV_CHANGEMTU:
	case NETDEV_CHANGEADDR:
		link = (struct linnet_link) {
			.ifindex = dev->ifindex,
			.mtu = dev->mtu,
			.loopback = !!(dev->flags & IFF_LOOPBACK),
			.up = !!(dev->flags & IFF_UP) && event != NETDEV_DOWN,
			.running = netif_carrier_ok(dev),
		};
		memcpy(link.mac, dev->dev_addr, sizeof(link.mac));
		return notifier_from_errno(linnet_link_set(&link));
	case NETDEV_UNREGISTER:
		linnet_link_gone(dev->ifindex);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block linnet_notifier = {
	.notifier_call	= linnet_device_event,
};

static struct packet_type linnet_ipv4 __read_mostly = {
	.type	= cpu_to_be16(ETH_P_IP),
	.func	= linnet_receive,
};

static struct packet_type linnet_arp __read_mostly = {
	.type	= cpu_to_be16(ETH_P_ARP),
	.func	= linnet_receive,
};

int linnet_netdev_init(void)
{
	int err;

	err = register_netdevice_notifier(&linnet_notifier);
	if (err)
		return err;
	dev_add_pack(&linnet_arp);
	dev_add_pack(&linnet_ipv4);
	return 0;
}

/* Also tells the Rust half that every device is gone. */
void linnet_netdev_exit(void)
{
	dev_remove_pack(&linnet_ipv4);
	dev_remove_pack(&linnet_arp);
	unregister_netdevice_notifier(&linnet_notifier);
}
