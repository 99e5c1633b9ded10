// SPDX-License-Identifier: GPL-2.0-only
/*
 * rtnetlink: addresses, routes and neighbours as `ip` and getifaddrs() know them.
 *
 * Messages are taken apart and put together here; what they mean is decided in
 * the Rust half. Links are net/core's own.
 */
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/module.h>
#include <linux/neighbour.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>

#include "linnet.h"

/* How a message is to be made: a request's answer, or for a group. */
struct linnet_reply {
	u32	portid;
	u32	seq;
	int	type;
	int	flags;
};

static const struct nla_policy linnet_ifa_policy[IFA_MAX + 1] = {
	[IFA_LOCAL]		= { .type = NLA_U32 },
	[IFA_ADDRESS]		= { .type = NLA_U32 },
	[IFA_BROADCAST]		= { .type = NLA_U32 },
	[IFA_LABEL]		= { .type = NLA_STRING, .len = IFNAMSIZ - 1 },
	[IFA_CACHEINFO]		= { .len = sizeof(struct ifa_cacheinfo) },
	[IFA_FLAGS]		= { .type = NLA_U32 },
	[IFA_RT_PRIORITY]	= { .type = NLA_U32 },
	[IFA_PROTO]		= { .type = NLA_U8 },
};

static const struct nla_policy linnet_rta_policy[RTA_MAX + 1] = {
	[RTA_DST]	= { .type = NLA_U32 },
	[RTA_SRC]	= { .type = NLA_U32 },
	[RTA_IIF]	= { .type = NLA_U32 },
	[RTA_OIF]	= { .type = NLA_U32 },
	[RTA_GATEWAY]	= { .type = NLA_U32 },
	[RTA_PRIORITY]	= { .type = NLA_U32 },
	[RTA_PREFSRC]	= { .type = NLA_U32 },
	[RTA_METRICS]	= { .type = NLA_NESTED },
	[RTA_TABLE]	= { .type = NLA_U32 },
	[RTA_UID]	= { .type = NLA_U32 },
	[RTA_MARK]	= { .type = NLA_U32 },
};

static const struct nla_policy linnet_nda_policy[NDA_MAX + 1] = {
	[NDA_DST]	= { .type = NLA_U32 },
	[NDA_LLADDR]	= { .len = ETH_ALEN },
};

static u32 linnet_nla_u32(struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

/* Addresses */

static int linnet_fill_address(struct sk_buff *skb,
			       const struct linnet_address *row,
			       const struct linnet_reply *reply)
{
	struct ifa_cacheinfo cache = {
		.ifa_prefered = row->preferred,
		.ifa_valid = row->valid,
	};
	char name[IFNAMSIZ];
	struct ifaddrmsg *ifm;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, reply->portid, reply->seq, reply->type, sizeof(*ifm),
			reply->flags);
	if (!nlh)
		return -EMSGSIZE;
	ifm = nlmsg_data(nlh);
	ifm->ifa_family = AF_INET;
	ifm->ifa_prefixlen = row->prefix_len;
	ifm->ifa_flags = row->flags;
	ifm->ifa_scope = row->scope;
	ifm->ifa_index = row->ifindex;
	if (nla_put_in_addr(skb, IFA_ADDRESS, row->address) ||
	    nla_put_in_addr(skb, IFA_LOCAL, row->address) ||
	    (row->broadcast && nla_put_in_addr(skb, IFA_BROADCAST, row->broadcast)) ||
	    nla_put_string(skb, IFA_LABEL, linnet_ifname(row->ifindex, name)) ||
	    (row->protocol && nla_put_u8(skb, IFA_PROTO, row->protocol)) ||
	    nla_put_u32(skb, IFA_FLAGS, row->flags) ||
	    (row->metric && nla_put_u32(skb, IFA_RT_PRIORITY, row->metric)) ||
	    nla_put(skb, IFA_CACHEINFO, sizeof(cache), &cache)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

/* A message about an address, as the Rust half takes it. */
static int linnet_parse_address(struct nlmsghdr *nlh, struct linnet_address *row,
				struct netlink_ext_ack *extack)
{
	struct nlattr *tb[IFA_MAX + 1];
	struct ifaddrmsg *ifm = nlmsg_data(nlh);
	int err;

	err = nlmsg_parse_deprecated(nlh, sizeof(*ifm), tb, IFA_MAX,
				     linnet_ifa_policy, extack);
	if (err < 0)
		return err;
	*row = (struct linnet_address) {
		.ifindex = ifm->ifa_index,
		.address = linnet_nla_u32(tb[IFA_LOCAL] ?: tb[IFA_ADDRESS]),
		.broadcast = linnet_nla_u32(tb[IFA_BROADCAST]),
		.flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : ifm->ifa_flags,
		.metric = linnet_nla_u32(tb[IFA_RT_PRIORITY]),
		.valid = U32_MAX,
		.preferred = U32_MAX,
		.prefix_len = ifm->ifa_prefixlen,
		.scope = ifm->ifa_scope,
		.protocol = tb[IFA_PROTO] ? nla_get_u8(tb[IFA_PROTO]) : 0,
	};
	if (tb[IFA_ADDRESS] && nla_get_u32(tb[IFA_ADDRESS]) != row->address &&
	    nlh->nlmsg_type == RTM_NEWADDR) {
		NL_SET_ERR_MSG(extack, "linnet: no point-to-point addresses");
		return -EOPNOTSUPP;
	}
	if (tb[IFA_CACHEINFO]) {
		struct ifa_cacheinfo *cache = nla_data(tb[IFA_CACHEINFO]);

		if (nla_len(tb[IFA_CACHEINFO]) < (int)sizeof(*cache) ||
		    !cache->ifa_valid || cache->ifa_prefered > cache->ifa_valid)
			return -EINVAL;
		row->valid = cache->ifa_valid;
		row->preferred = cache->ifa_prefered;
	}
	return 0;
}

static int linnet_change_address(struct sk_buff *skb, struct nlmsghdr *nlh,
				 struct netlink_ext_ack *extack)
{
	struct linnet_address row;
	int err;

	err = linnet_parse_address(nlh, &row, extack);
	if (err)
		return err;
	if (nlh->nlmsg_type == RTM_DELADDR)
		return linnet_address_delete(&row);
	return linnet_address_add(&row, nlh->nlmsg_flags);
}

static int linnet_dump_addresses(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct linnet_reply reply = {
		NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, RTM_NEWADDR, NLM_F_MULTI,
	};
	u32 wanted = 0;
	struct linnet_address row;

	if (cb->strict_check && nlmsg_len(cb->nlh) >= (int)sizeof(struct ifaddrmsg))
		wanted = ((struct ifaddrmsg *)nlmsg_data(cb->nlh))->ifa_index;
	for (; !linnet_address_row(cb->args[0], &row); cb->args[0]++) {
		if (wanted && row.ifindex != wanted)
			continue;
		if (linnet_fill_address(skb, &row, &reply))
			break;
	}
	return skb->len;
}

/* Routes */

static int linnet_fill_mtu(struct sk_buff *skb, u32 mtu)
{
	struct nlattr *metrics;

	if (!mtu)
		return 0;
	metrics = nla_nest_start_noflag(skb, RTA_METRICS);
	if (!metrics || nla_put_u32(skb, RTAX_MTU, mtu))
		return -EMSGSIZE;
	nla_nest_end(skb, metrics);
	return 0;
}

static int linnet_fill_route(struct sk_buff *skb, const struct linnet_way *row,
			     const struct linnet_reply *reply)
{
	struct nlmsghdr *nlh;
	struct rtmsg *rtm;

	nlh = nlmsg_put(skb, reply->portid, reply->seq, reply->type, sizeof(*rtm),
			reply->flags);
	if (!nlh)
		return -EMSGSIZE;
	rtm = nlmsg_data(nlh);
	*rtm = (struct rtmsg) {
		.rtm_family = AF_INET,
		.rtm_dst_len = row->prefix_len,
		.rtm_table = row->table,
		.rtm_protocol = row->protocol,
		.rtm_scope = row->scope,
		.rtm_type = row->type,
		.rtm_flags = row->flags,
	};
	if (nla_put_u32(skb, RTA_TABLE, row->table) ||
	    (row->prefix_len && nla_put_in_addr(skb, RTA_DST, row->destination)) ||
	    (row->metric && nla_put_u32(skb, RTA_PRIORITY, row->metric)) ||
	    linnet_fill_mtu(skb, row->mtu) ||
	    (row->source && nla_put_in_addr(skb, RTA_PREFSRC, row->source)) ||
	    (row->gateway && nla_put_in_addr(skb, RTA_GATEWAY, row->gateway)) ||
	    (row->ifindex && nla_put_u32(skb, RTA_OIF, row->ifindex))) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

static int linnet_parse_route(struct nlmsghdr *nlh, struct linnet_way *row,
			      struct netlink_ext_ack *extack)
{
	struct nlattr *metrics[RTAX_MAX + 1] = {};
	struct rtmsg *rtm = nlmsg_data(nlh);
	struct nlattr *tb[RTA_MAX + 1];
	int err;

	err = nlmsg_parse_deprecated(nlh, sizeof(*rtm), tb, RTA_MAX,
				     linnet_rta_policy, extack);
	if (err < 0)
		return err;
	if (tb[RTA_MULTIPATH] || tb[RTA_VIA] || tb[RTA_NH_ID] || tb[RTA_ENCAP] ||
	    rtm->rtm_tos || (rtm->rtm_src_len && nlh->nlmsg_type != RTM_GETROUTE)) {
		NL_SET_ERR_MSG(extack, "linnet: routes have one gateway and no type of service");
		return -EOPNOTSUPP;
	}
	if (tb[RTA_METRICS]) {
		err = nla_parse_nested_deprecated(metrics, RTAX_MAX,
						  tb[RTA_METRICS], NULL, extack);
		if (err < 0)
			return err;
		if (metrics[RTAX_MTU] && nla_len(metrics[RTAX_MTU]) < (int)sizeof(u32))
			return -EINVAL;
	}
	*row = (struct linnet_way) {
		.destination = linnet_nla_u32(tb[RTA_DST]),
		.gateway = linnet_nla_u32(tb[RTA_GATEWAY]),
		.source = linnet_nla_u32(tb[nlh->nlmsg_type == RTM_GETROUTE ?
					    RTA_SRC : RTA_PREFSRC]),
		.ifindex = linnet_nla_u32(tb[RTA_OIF]),
		.metric = linnet_nla_u32(tb[RTA_PRIORITY]),
		.mtu = linnet_nla_u32(metrics[RTAX_MTU]),
		.table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : rtm->rtm_table,
		.flags = rtm->rtm_flags,
		.prefix_len = rtm->rtm_dst_len,
		.protocol = rtm->rtm_protocol,
		.scope = rtm->rtm_scope,
		.type = rtm->rtm_type,
	};
	return 0;
}

static int linnet_change_route(struct sk_buff *skb, struct nlmsghdr *nlh,
			       struct netlink_ext_ack *extack)
{
	struct linnet_way row;
	int err;

	err = linnet_parse_route(nlh, &row, extack);
	if (err)
		return err;
	if (nlh->nlmsg_type == RTM_DELROUTE)
		return linnet_way_delete(&row);
	return linnet_way_add(&row, nlh->nlmsg_flags);
}

/* `ip route get`. */
static int linnet_get_route(struct sk_buff *in, struct nlmsghdr *nlh,
			    struct netlink_ext_ack *extack)
{
	struct linnet_reply reply = {
		NETLINK_CB(in).portid, nlh->nlmsg_seq, RTM_NEWROUTE, 0,
	};
	struct linnet_way row;
	struct sk_buff *skb;
	int err;

	err = linnet_parse_route(nlh, &row, extack);
	if (!err)
		err = linnet_way_find(&row);
	if (err)
		return err;
	skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		return -ENOBUFS;
	err = linnet_fill_route(skb, &row, &reply);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	return rtnl_unicast(skb, &init_net, reply.portid);
}

static int linnet_dump_routes(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct linnet_reply reply = {
		NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, RTM_NEWROUTE, NLM_F_MULTI,
	};
	struct linnet_way row;

	/* There is no cache of routes to show. */
	if (nlmsg_len(cb->nlh) >= (int)sizeof(struct rtmsg) &&
	    ((struct rtmsg *)nlmsg_data(cb->nlh))->rtm_flags & RTM_F_CLONED)
		return skb->len;
	for (; !linnet_way_row(cb->args[0], &row); cb->args[0]++) {
		if (linnet_fill_route(skb, &row, &reply))
			break;
	}
	return skb->len;
}

/* Neighbours */

static int linnet_fill_neighbour(struct sk_buff *skb, const struct linnet_neighbour *row,
				 const struct linnet_reply *reply)
{
	struct nda_cacheinfo cache = { .ndm_refcnt = 0 };
	struct nlmsghdr *nlh;
	struct ndmsg *ndm;

	nlh = nlmsg_put(skb, reply->portid, reply->seq, reply->type, sizeof(*ndm),
			reply->flags);
	if (!nlh)
		return -EMSGSIZE;
	ndm = nlmsg_data(nlh);
	*ndm = (struct ndmsg) {
		.ndm_family = AF_INET,
		.ndm_ifindex = row->ifindex,
		.ndm_state = row->state,
		.ndm_type = RTN_UNICAST,
	};
	if (nla_put_in_addr(skb, NDA_DST, row->address) ||
	    ((row->state & (NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_PROBE)) &&
	     nla_put(skb, NDA_LLADDR, sizeof(row->mac), row->mac)) ||
	    nla_put(skb, NDA_CACHEINFO, sizeof(cache), &cache)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

static int linnet_parse_neighbour(struct nlmsghdr *nlh, struct linnet_neighbour *row,
				  struct netlink_ext_ack *extack)
{
	struct ndmsg *ndm = nlmsg_data(nlh);
	struct nlattr *tb[NDA_MAX + 1];
	int err;

	err = nlmsg_parse_deprecated(nlh, sizeof(*ndm), tb, NDA_MAX,
				     linnet_nda_policy, extack);
	if (err < 0)
		return err;
	if (ndm->ndm_family != AF_INET)
		return -EAFNOSUPPORT;
	if (!tb[NDA_DST])
		return -EINVAL;
	*row = (struct linnet_neighbour) {
		.address = nla_get_u32(tb[NDA_DST]),
		.ifindex = ndm->ndm_ifindex,
		.state = ndm->ndm_state,
	};
	if (tb[NDA_LLADDR]) {
		if (nla_len(tb[NDA_LLADDR]) != sizeof(row->mac))
			return -EINVAL;
		memcpy(row->mac, nla_data(tb[NDA_LLADDR]), sizeof(row->mac));
	} else if (nlh->nlmsg_type == RTM_NEWNEIGH) {
		NL_SET_ERR_MSG(extack, "linnet: a neighbour needs its link address");
		return -EINVAL;
	}
	return 0;
}

static int linnet_change_neighbour(struct sk_buff *skb, struct nlmsghdr *nlh,
				   struct netlink_ext_ack *extack)
{
	struct linnet_neighbour row;
	int err;

	err = linnet_parse_neighbour(nlh, &row, extack);
	if (err)
		return err;
	if (nlh->nlmsg_type == RTM_DELNEIGH)
		return linnet_neighbour_delete(&row);
	return linnet_neighbour_add(&row, nlh->nlmsg_flags);
}

/* `ip neigh get`. */
static int linnet_get_neighbour(struct sk_buff *in, struct nlmsghdr *nlh,
				struct netlink_ext_ack *extack)
{
	struct linnet_reply reply = {
		NETLINK_CB(in).portid, nlh->nlmsg_seq, RTM_NEWNEIGH, 0,
	};
	struct linnet_neighbour wanted, row = {};
	struct sk_buff *skb;
	u32 index;
	int err;

	err = linnet_parse_neighbour(nlh, &wanted, extack);
	if (err)
		return err;
	for (index = 0; !linnet_neighbour_row(index, &row); index++) {
		if (row.address == wanted.address && row.ifindex == wanted.ifindex)
			break;
	}
	if (row.address != wanted.address || row.ifindex != wanted.ifindex)
		return -ENOENT;
	skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		return -ENOBUFS;
	err = linnet_fill_neighbour(skb, &row, &reply);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	return rtnl_unicast(skb, &init_net, reply.portid);
}

static int linnet_dump_neighbours(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct linnet_reply reply = {
		NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, RTM_NEWNEIGH, NLM_F_MULTI,
	};
	struct linnet_neighbour row;
	u8 family = rtnl_msg_family(cb->nlh);

	if (family != AF_UNSPEC && family != AF_INET)
		return skb->len;
	/* Proxies, of which there are none. */
	if (nlmsg_len(cb->nlh) >= (int)sizeof(struct ndmsg) &&
	    ((struct ndmsg *)nlmsg_data(cb->nlh))->ndm_flags == NTF_PROXY)
		return skb->len;
	for (; !linnet_neighbour_row(cb->args[0], &row); cb->args[0]++) {
		if (linnet_fill_neighbour(skb, &row, &reply))
			break;
	}
	return skb->len;
}

/* What changed, for who listens: with the stack's lock held. */

static void linnet_multicast(struct sk_buff *skb, int err, u32 group)
{
	if (err)
		kfree_skb(skb);
	else
		rtnl_notify(skb, &init_net, 0, group, NULL, GFP_ATOMIC);
}

void linnet_tell_address(const struct linnet_address *row, u32 gone)
{
	struct linnet_reply reply = { .type = gone ? RTM_DELADDR : RTM_NEWADDR };
	struct sk_buff *skb = alloc_skb(NLMSG_GOODSIZE, GFP_ATOMIC);

	if (skb)
		linnet_multicast(skb, linnet_fill_address(skb, row, &reply),
				 RTNLGRP_IPV4_IFADDR);
}

void linnet_tell_route(const struct linnet_way *row, u32 gone)
{
	struct linnet_reply reply = { .type = gone ? RTM_DELROUTE : RTM_NEWROUTE };
	struct sk_buff *skb = alloc_skb(NLMSG_GOODSIZE, GFP_ATOMIC);

	if (skb)
		linnet_multicast(skb, linnet_fill_route(skb, row, &reply),
				 RTNLGRP_IPV4_ROUTE);
}

void linnet_tell_neighbour(const struct linnet_neighbour *row, u32 gone)
{
	struct linnet_reply reply = { .type = gone ? RTM_DELNEIGH : RTM_NEWNEIGH };
	struct sk_buff *skb = alloc_skb(NLMSG_GOODSIZE, GFP_ATOMIC);

	if (skb)
		linnet_multicast(skb, linnet_fill_neighbour(skb, row, &reply),
				 RTNLGRP_NEIGH);
}

static const struct rtnl_msg_handler linnet_rtnl_handlers[] = {
	{ THIS_MODULE, PF_INET, RTM_NEWADDR, linnet_change_address, NULL, 0 },
	{ THIS_MODULE, PF_INET, RTM_DELADDR, linnet_change_address, NULL, 0 },
	{ THIS_MODULE, PF_INET, RTM_GETADDR, NULL, linnet_dump_addresses, 0 },
	{ THIS_MODULE, PF_INET, RTM_NEWROUTE, linnet_change_route, NULL, 0 },
	{ THIS_MODULE, PF_INET, RTM_DELROUTE, linnet_change_route, NULL, 0 },
	{ THIS_MODULE, PF_INET, RTM_GETROUTE, linnet_get_route, linnet_dump_routes, 0 },
	/* In the place of net/core's: the neighbours are ours. */
	{ THIS_MODULE, PF_UNSPEC, RTM_NEWNEIGH, linnet_change_neighbour, NULL, 0 },
	{ THIS_MODULE, PF_UNSPEC, RTM_DELNEIGH, linnet_change_neighbour, NULL, 0 },
	{ THIS_MODULE, PF_UNSPEC, RTM_GETNEIGH, linnet_get_neighbour, linnet_dump_neighbours, 0 },
};

int linnet_rtnl_init(void)
{
	rtnl_unregister(PF_UNSPEC, RTM_NEWNEIGH);
	rtnl_unregister(PF_UNSPEC, RTM_DELNEIGH);
	rtnl_unregister(PF_UNSPEC, RTM_GETNEIGH);
	return rtnl_register_many(linnet_rtnl_handlers);
}

void linnet_rtnl_exit(void)
{
	rtnl_unregister_many(linnet_rtnl_handlers);
}
