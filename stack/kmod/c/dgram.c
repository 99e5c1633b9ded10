// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagram sockets: UDP, and ICMP echoes.
 */
#include <linux/module.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "linnet.h"

int linnet_dgram_connect(struct socket *sock, struct sockaddr *addr,
			 int addr_len, int flags)
{
	struct sock *sk = sock->sk;
	int err;

	if (addr_len < (int)sizeof(addr->sa_family))
		return -EINVAL;

	lock_sock(sk);
	if (addr->sa_family == AF_UNSPEC) {
		err = linnet_disconnect(linnet_sk(sk)->id);
	} else {
		err = linnet_check_addr(addr, addr_len);
		if (!err)
			err = linnet_connect(linnet_sk(sk)->id,
					     (struct sockaddr_in *)addr);
	}
	release_sock(sk);
	return err;
}

/* IP_PKTINFO, IP_TTL and IP_TOS beside the message. */
static int linnet_parse_cmsg(struct msghdr *msg, struct linnet_send *how)
{
	struct in_pktinfo *info;
	struct cmsghdr *cmsg;

	for_each_cmsghdr(cmsg, msg) {
		size_t len = cmsg->cmsg_len - sizeof(*cmsg);
		int value;

		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level != SOL_IP)
			continue;
		switch (cmsg->cmsg_type) {
		case IP_PKTINFO:
			if (len != sizeof(*info))
				return -EINVAL;
			info = (struct in_pktinfo *)CMSG_DATA(cmsg);
			how->ifindex = info->ipi_ifindex;
			how->source = info->ipi_spec_dst.s_addr;
			break;
		case IP_TTL:
			if (len != sizeof(int))
				return -EINVAL;
			value = *(int *)CMSG_DATA(cmsg);
			if (value < 1 || value > 255)
				return -EINVAL;
			how->ttl = value;
			break;
		case IP_TOS:
			if (len == sizeof(int))
				value = *(int *)CMSG_DATA(cmsg);
			else if (len == sizeof(u8))
				value = *(u8 *)CMSG_DATA(cmsg);
			else
				return -EINVAL;
			if (value < 0 || value > 255)
				return -EINVAL;
			how->tos = value;
			break;
		default:
			return -EINVAL;
		}
	}
	return 0;
}

int linnet_dgram_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct linnet_send how = { .ttl = -1, .tos = -1, .flags = msg->msg_flags };
	struct sock *sk = sock->sk;
	struct linnet_sock *ls = linnet_sk(sk);
	struct linnet_room room;
	struct sk_buff *skb;
	int err;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!IS_ENABLED(CONFIG_LINNET_RAW) && sk->sk_protocol == IPPROTO_RAW)
		return -EOPNOTSUPP;
	if (msg->msg_name) {
		struct sockaddr *addr = msg->msg_name;

		/* An unspecified family with an address means AF_INET here. */
		if (msg->msg_namelen >= (int)sizeof(struct sockaddr_in) &&
		    addr->sa_family == AF_UNSPEC)
			addr->sa_family = AF_INET;
		err = linnet_check_addr(addr, msg->msg_namelen);
		if (err)
			return err;
		how.to = *(struct sockaddr_in *)addr;
	}
	if (msg->msg_controllen) {
		err = linnet_parse_cmsg(msg, &how);
		if (err)
			return err;
	}
	err = linnet_send_room(ls->id, &room);
	if (err)
		return err;
	if (len > room.segment)
		return -EMSGSIZE;

	/* Counts against SO_SNDBUF until the device has it, and waits for that. */
	skb = sock_alloc_send_skb(sk, LINNET_HEADROOM + len,
				  msg->msg_flags & MSG_DONTWAIT, &err);
	if (!skb)
		return err;
	skb_reserve(skb, LINNET_HEADROOM);
	err = memcpy_from_msg(skb_put(skb, len), msg, len);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	return linnet_send(ls->id, skb, &how) ?: len;
}

static void linnet_put_cmsg(struct linnet_sock *ls, struct msghdr *msg,
			    struct linnet_front *front)
{
	if (ls->cmsg & LINNET_CMSG_PKTINFO) {
		struct in_pktinfo info = {
			.ipi_ifindex = front->ifindex,
			.ipi_spec_dst.s_addr = front->local,
			.ipi_addr.s_addr = front->destination,
		};

		put_cmsg(msg, SOL_IP, IP_PKTINFO, sizeof(info), &info);
	}
	if (ls->cmsg & LINNET_CMSG_TTL) {
		int ttl = front->ttl;

		put_cmsg(msg, SOL_IP, IP_TTL, sizeof(ttl), &ttl);
	}
	if (ls->cmsg & LINNET_CMSG_TOS)
		put_cmsg(msg, SOL_IP, IP_TOS, sizeof(front->tos), &front->tos);
}

/* Waits for a datagram: 1, or 0 at the end, or an error. */
static int linnet_dgram_front(struct sock *sk, int flags,
			      struct linnet_front *front)
{
	long timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	int err;

	for (;;) {
		err = sock_error(sk);
		if (err)
			return err;
		err = linnet_recv_front(linnet_sk(sk)->id, 0, 0, front);
		/* Who does not wait does not hear of a shutdown, either. */
		if (err == LINNET_SHUT)
			return flags & MSG_DONTWAIT ? -EAGAIN : 0;
		if (err != -EAGAIN)
			return err;
		err = linnet_wait(sk, EPOLLIN, 1, &timeo);
		if (err)
			return err;
	}
}

int linnet_dgram_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			 int flags)
{
	struct sock *sk = sock->sk;
	struct linnet_sock *ls = linnet_sk(sk);
	struct linnet_front front;
	size_t count;
	int err;

	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;

	lock_sock(sk);
	err = linnet_dgram_front(sk, flags, &front);
	if (err <= 0)
		goto out;

	count = min_t(size_t, front.len, len);
	err = copy_to_iter(front.data, count, &msg->msg_iter) == count ? count : -EFAULT;
	if (err >= 0) {
		if (count < front.len) {
			msg->msg_flags |= MSG_TRUNC;
			if (flags & MSG_TRUNC)
				err = front.len;
		}
		if (msg->msg_name) {
			memcpy(msg->msg_name, &front.source, sizeof(front.source));
			msg->msg_namelen = sizeof(front.source);
		}
		sock_recv_cmsgs(msg, sk, front.skb);
		linnet_put_cmsg(ls, msg, &front);
	}
	if (!(flags & MSG_PEEK))
		linnet_recv_done(ls->id, front.len);
	consume_skb(front.skb);
out:
	release_sock(sk);
	return err;
}
