// SPDX-License-Identifier: GPL-2.0-only
/*
 * The configuration that came before netlink: addresses, routes, neighbours.
 */
#include <linux/capability.h>
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/route.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/uaccess.h>
#include <asm/ioctls.h>

#include "linnet.h"

/* The device of that name, loaded if need be; its number, or zero. */
static u32 linnet_ifindex(char *name)
{
	struct net_device *dev;
	u32 ifindex = 0;

	name[IFNAMSIZ - 1] = 0;
	dev_load(&init_net, name);
	rcu_read_lock();
	dev = dev_get_by_name_rcu(&init_net, name);
	if (dev)
		ifindex = dev->ifindex;
	rcu_read_unlock();
	return ifindex;
}

static int linnet_ioctl_iface(unsigned int cmd, bool set, void __user *arg)
{
	struct sockaddr_in *addr;
	struct ifreq ifr;
	u32 ifindex;
	int err;

	if (copy_from_user(&ifr, arg, sizeof(ifr)))
		return -EFAULT;
	if (set && !capable(CAP_NET_ADMIN))
		return -EPERM;
	ifindex = linnet_ifindex(ifr.ifr_name);
	addr = (struct sockaddr_in *)&ifr.ifr_addr;
	if (set)
		return linnet_iface_set(cmd, ifindex, addr);

	memset(addr, 0, sizeof(*addr));
	err = linnet_iface_get(cmd, ifindex, addr);
	if (err)
		return err;
	return copy_to_user(arg, &ifr, sizeof(ifr)) ? -EFAULT : 0;
}

static int linnet_ioctl_route(unsigned int cmd, void __user *arg)
{
	char name[IFNAMSIZ] = "";
	struct rtentry rt;
	u32 ifindex = 0;

	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	if (copy_from_user(&rt, arg, sizeof(rt)))
		return -EFAULT;
	if (rt.rt_dev) {
		if (strncpy_from_user(name, rt.rt_dev, sizeof(name)) < 0)
			return -EFAULT;
		ifindex = linnet_ifindex(name);
		if (!ifindex)
			return -ENODEV;
	}
	return linnet_route_change(cmd, &rt, ifindex);
}

static int linnet_ioctl_arp(unsigned int cmd, void __user *arg)
{
	struct sockaddr_in *address;
	struct linnet_arp arp = {};
	struct arpreq req;
	int err;

	if (cmd != SIOCGARP && !capable(CAP_NET_ADMIN))
		return -EPERM;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	address = (struct sockaddr_in *)&req.arp_pa;
	if (address->sin_family != AF_INET)
		return -EPFNOSUPPORT;
	if (req.arp_dev[0]) {
		arp.ifindex = linnet_ifindex(req.arp_dev);
		if (!arp.ifindex)
			return -ENODEV;
	}
	arp.address = address->sin_addr.s_addr;
	arp.flags = req.arp_flags;
	memcpy(arp.mac, req.arp_ha.sa_data, sizeof(arp.mac));
	err = linnet_arp_change(cmd, &arp);
	if (err || cmd != SIOCGARP)
		return err;

	req.arp_flags = arp.flags;
	req.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(req.arp_ha.sa_data, arp.mac, sizeof(arp.mac));
	linnet_ifname(arp.ifindex, req.arp_dev);
	return copy_to_user(arg, &req, sizeof(req)) ? -EFAULT : 0;
}

/* Bytes that wait in one of the socket's queues, or whether it is at the mark. */
static int linnet_ioctl_queue(struct sock *sk, unsigned int cmd, int __user *arg)
{
	int queued = linnet_queued(linnet_sk(sk)->id, cmd);

	/* Datagrams have no mark. */
	if (queued == -ENOPROTOOPT)
		return -ENOIOCTLCMD;
	return queued < 0 ? queued : put_user(queued, arg);
}

int linnet_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case SIOCINQ:
	case SIOCOUTQ:
	case SIOCATMARK:
		return linnet_ioctl_queue(sock->sk, cmd, argp);
	case SIOCGIFADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFBRDADDR:
	case SIOCGIFDSTADDR:
		return linnet_ioctl_iface(cmd, false, argp);
	case SIOCSIFADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFBRDADDR:
	case SIOCSIFDSTADDR:
		return linnet_ioctl_iface(cmd, true, argp);
	case SIOCADDRT:
	case SIOCDELRT:
		return linnet_ioctl_route(cmd, argp);
	case SIOCGARP:
	case SIOCSARP:
	case SIOCDARP:
		return linnet_ioctl_arp(cmd, argp);
	default:
		return -ENOIOCTLCMD;
	}
}

/* SIOCGIFCONF for one device: called with rtnl held, @buf NULL to ask for the size. */
int linnet_gifconf(struct net_device *dev, char __user *buf, int len, int size)
{
	struct ifreq ifr = {};

	if (linnet_iface_get(SIOCGIFADDR, dev->ifindex,
			     (struct sockaddr_in *)&ifr.ifr_addr))
		return 0;
	if (!buf)
		return size;
	if (len < size)
		return 0;
	strscpy(ifr.ifr_name, dev->name, sizeof(ifr.ifr_name));
	return copy_to_user(buf, &ifr, size) ? -EFAULT : size;
}
