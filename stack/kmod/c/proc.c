// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/{tcp,udp,route,arp}, in the words that netstat, route and arp read,
 * and /proc/net/linnet: what was dropped, and why.
 */
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>

#include "linnet.h"

#define LINNET_JIFFIES(ms)	((ms) / (1000 / USER_HZ))

static void linnet_show_row(struct seq_file *seq, u32 index,
			    const struct linnet_row *row)
{
	seq_printf(seq, "%4u: %08X:%04X %08X:%04X %02X %08X:%08X %02X:%08X %08X %5u %8d %lu",
		   index, row->local.sin_addr.s_addr, ntohs(row->local.sin_port),
		   row->peer.sin_addr.s_addr, ntohs(row->peer.sin_port),
		   row->state, row->send_queue, row->receive_queue, row->timer,
		   LINNET_JIFFIES(row->timer_in), row->retransmits, row->uid, 0,
		   row->inode);
}

/* The lines of a protocol; datagram sockets have three columns more, and one space. */
static int linnet_show_sockets(struct seq_file *seq, u32 kind)
{
	bool stream = kind == LINNET_STREAM;
	struct linnet_row row;
	u32 index;

	seq_printf(seq, "%s  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode%s\n",
		   stream ? "" : " ", stream ? "" : " ref pointer drops");
	for (index = 0; !linnet_socket_row(kind, index, &row); index++) {
		linnet_show_row(seq, index, &row);
		if (!stream)
			seq_printf(seq, " 2 0 %u", row.drops);
		seq_putc(seq, '\n');
	}
	return 0;
}

static int linnet_show_tcp(struct seq_file *seq, void *v)
{
	return linnet_show_sockets(seq, LINNET_STREAM);
}

static int linnet_show_udp(struct seq_file *seq, void *v)
{
	return linnet_show_sockets(seq, LINNET_DATAGRAM);
}

static int __maybe_unused linnet_show_raw(struct seq_file *seq, void *v)
{
	return linnet_show_sockets(seq, LINNET_RAW);
}

static int linnet_show_route(struct seq_file *seq, void *v)
{
	struct linnet_route row;
	char name[IFNAMSIZ];
	u32 index;

	seq_puts(seq, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n");
	for (index = 0; !linnet_route_row(index, &row); index++)
		seq_printf(seq, "%s\t%08X\t%08X\t%04X\t0\t0\t%u\t%08X\t%u\t0\t0\n",
			   linnet_ifname(row.ifindex, name), row.destination,
			   row.gateway, row.flags, row.metric, row.mask, row.mtu);
	return 0;
}

static int linnet_show_arp(struct seq_file *seq, void *v)
{
	struct linnet_arp row;
	char name[IFNAMSIZ];
	u32 index;

	seq_puts(seq, "IP address       HW type     Flags       HW address            Mask     Device\n");
	for (index = 0; !linnet_arp_row(index, &row); index++) {
		char address[16];

		snprintf(address, sizeof(address), "%pI4", &row.address);
		seq_printf(seq, "%-16s 0x%-10x0x%-10x%pM     *        %s\n",
			   address, ARPHRD_ETHER, row.flags, row.mac,
			   linnet_ifname(row.ifindex, name));
	}
	return 0;
}

static int linnet_show_drops(struct seq_file *seq, void *v)
{
	u32 index, name_len, count;
	const char *name;

	for (index = 0; (name = linnet_drop_row(index, &name_len, &count)); index++)
		seq_printf(seq, "%.*s %u\n", name_len, name, count);
	return 0;
}

static const struct {
	const char	*name;
	int		(*show)(struct seq_file *seq, void *v);
} linnet_files[] = {
	{ "tcp", linnet_show_tcp },
	{ "udp", linnet_show_udp },
#ifdef CONFIG_LINNET_RAW
	{ "raw", linnet_show_raw },
#endif
	{ "route", linnet_show_route },
	{ "arp", linnet_show_arp },
	{ "linnet", linnet_show_drops },
};

int linnet_proc_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(linnet_files); i++) {
		if (!proc_create_net_single(linnet_files[i].name, 0444,
					    init_net.proc_net,
					    linnet_files[i].show, NULL))
			goto out_remove;
	}
	return 0;

out_remove:
	while (--i >= 0)
		remove_proc_entry(linnet_files[i].name, init_net.proc_net);
	return -ENOMEM;
}

void linnet_proc_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(linnet_files); i++)
		remove_proc_entry(linnet_files[i].name, init_net.proc_net);
}
