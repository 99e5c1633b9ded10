// SPDX-License-Identifier: GPL-2.0-only
/*
 * PF_INET: making sockets, and what streams and datagrams do alike.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <asm/ioctls.h>
#include <net/sock.h>

#include "linnet.h"

struct proto linnet_proto = {
	.name		= "LINNET",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct linnet_sock),
};

/* The core's readiness, with what struct sock knows better. */
u32 linnet_events(struct sock *sk, u32 lowat)
{
	u32 events = linnet_readiness(linnet_sk(sk)->id, lowat);

	if (READ_ONCE(sk->sk_err) && sk->sk_state != TCP_LISTEN)
		events |= EPOLLERR;
	if (sk->sk_type != SOCK_STREAM && !sock_writeable(sk))
		events &= ~(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	return events;
}

/*
 * Waits, with the socket unlocked, until one of @events is there. An error in
 * the system call's own words otherwise: nothing is lost, so it can be made
 * again.
 */
int linnet_wait(struct sock *sk, u32 events, u32 lowat, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int ready;

	if (!*timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(*timeo);

	events |= EPOLLERR | EPOLLHUP;
	add_wait_queue(sk_sleep(sk), &wait);
	ready = sk_wait_event(sk, timeo, linnet_events(sk, lowat) & events, &wait);
	remove_wait_queue(sk_sleep(sk), &wait);
	return ready < 0 ? ready : 0;
}

int linnet_check_addr(const struct sockaddr *addr, int addr_len)
{
	if (addr_len < (int)sizeof(struct sockaddr_in))
		return -EINVAL;
	return addr->sa_family == AF_INET ? 0 : -EAFNOSUPPORT;
}

static int linnet_bind_op(struct socket *sock, struct sockaddr *uaddr, int addr_len)
{
	struct sockaddr_in *addr = (struct sockaddr_in *)uaddr;
	struct sock *sk = sock->sk;
	int port, err;

	err = linnet_check_addr(uaddr, addr_len);
	/* An old habit of programs: an unspecified family with no address. */
	if (err == -EAFNOSUPPORT && addr->sin_family == AF_UNSPEC &&
	    addr->sin_addr.s_addr == htonl(INADDR_ANY))
		err = 0;
	if (err)
		return err;
	port = ntohs(addr->sin_port);
	if (sk->sk_type != SOCK_RAW && port && port < PROT_SOCK &&
	    !ns_capable(sock_net(sk)->user_ns, CAP_NET_BIND_SERVICE))
		return -EACCES;

	lock_sock(sk);
	err = linnet_bind(linnet_sk(sk)->id, addr);
	release_sock(sk);
	return err;
}

static int linnet_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	int err;

	memset(addr, 0, sizeof(struct sockaddr_in));
	err = linnet_name(linnet_sk(sock->sk)->id, peer,
			  (struct sockaddr_in *)addr);
	return err ?: sizeof(struct sockaddr_in);
}

static __poll_t linnet_poll(struct file *file, struct socket *sock,
			    struct poll_table_struct *wait)
{
	struct sock *sk = sock->sk;
	u32 events;

	sock_poll_wait(file, sock, wait);
	events = linnet_events(sk, sock_rcvlowat(sk, 0, INT_MAX));
	if (!(events & EPOLLOUT)) {
		sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
		set_bit(SOCK_NOSPACE, &sock->flags);
	}
	return (__force __poll_t)events;
}

static int linnet_shutdown_op(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;
	int err;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	lock_sock(sk);
	if (linnet_stream_undone_by(sock, how)) {
		err = linnet_stream_disconnect(sock);
	} else {
		/* Whatever became of a connect(), it is over. */
		if (sock->state == SS_CONNECTING)
			sock->state = linnet_connected(sk) ? SS_CONNECTED :
							     SS_DISCONNECTING;
		err = linnet_shutdown(linnet_sk(sk)->id, how);
		/* SHUT_* plus one are the bits RCV_SHUTDOWN and SEND_SHUTDOWN. */
		if (!err)
			WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | (how + 1));
	}
	release_sock(sk);
	return err;
}

/* Until everything sent is acknowledged, but no longer than SO_LINGER says. */
static void linnet_linger(struct sock *sk)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	u32 id = linnet_sk(sk)->id;
	long timeo = sk->sk_lingertime;

	add_wait_queue(sk_sleep(sk), &wait);
	while (timeo && !signal_pending(current)) {
		if (sk_wait_event(sk, &timeo, linnet_queued(id, SIOCOUTQ) <= 0, &wait))
			break;
	}
	remove_wait_queue(sk_sleep(sk), &wait);
}

static int linnet_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	u32 linger = LINNET_BACKGROUND, id, wait = 0;

	if (!sk)
		return 0;

	lock_sock(sk);
	id = linnet_sk(sk)->id;
	if (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime) {
		linger = LINNET_ABORT;
	} else if (sock_flag(sk, SOCK_LINGER) && !(current->flags & PF_EXITING)) {
		linger = LINNET_WAIT;
		wait = jiffies_to_msecs(sk->sk_lingertime);
	}
	if (linnet_close(id, linger, wait) > 0) {
		linnet_linger(sk);
		linnet_disown(id);
	}
	sock_orphan(sk);
	sock->sk = NULL;
	release_sock(sk);
	sock_put(sk);
	return 0;
}

static const struct proto_ops linnet_stream_ops = {
	.family		= PF_INET,
	.owner		= THIS_MODULE,
	.release	= linnet_release,
	.bind		= linnet_bind_op,
	.connect	= linnet_stream_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= linnet_stream_accept,
	.getname	= linnet_getname,
	.poll		= linnet_poll,
	.ioctl		= linnet_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= linnet_stream_listen,
	.shutdown	= linnet_shutdown_op,
	.setsockopt	= linnet_setsockopt,
	.getsockopt	= linnet_getsockopt,
	.sendmsg	= linnet_stream_sendmsg,
	.recvmsg	= linnet_stream_recvmsg,
	.mmap		= sock_no_mmap,
	.set_rcvlowat	= linnet_set_rcvlowat,
};

static const struct proto_ops linnet_dgram_ops = {
	.family		= PF_INET,
	.owner		= THIS_MODULE,
	.release	= linnet_release,
	.bind		= linnet_bind_op,
	.connect	= linnet_dgram_connect,
	.socketpair	= sock_no_socketpair,
	.accept		= sock_no_accept,
	.getname	= linnet_getname,
	.poll		= linnet_poll,
	.ioctl		= linnet_ioctl,
	.gettstamp	= sock_gettstamp,
	.listen		= sock_no_listen,
	.shutdown	= linnet_shutdown_op,
	.setsockopt	= linnet_setsockopt,
	.getsockopt	= linnet_getsockopt,
	.sendmsg	= linnet_dgram_sendmsg,
	.recvmsg	= linnet_dgram_recvmsg,
	.mmap		= sock_no_mmap,
};

/*
 * Without raw sockets there is only the descriptor that programs open to ask
 * ioctls: IPPROTO_RAW, which neither sends nor receives.
 */
static int linnet_create(struct net *net, struct socket *sock, int protocol,
			 int kern)
{
	u32 kind = LINNET_DATAGRAM;
	struct sock *sk;
	int err;

	if (!net_eq(net, &init_net))
		return -EAFNOSUPPORT;
	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;

	switch (sock->type) {
	case SOCK_STREAM:
		if (protocol && protocol != IPPROTO_TCP)
			return -EPROTONOSUPPORT;
		protocol = IPPROTO_TCP;
		kind = LINNET_STREAM;
		break;
	case SOCK_DGRAM:
		if (protocol == IPPROTO_ICMP) {
			kind = LINNET_PING;
			break;
		}
		if (protocol && protocol != IPPROTO_UDP)
			return -EPROTONOSUPPORT;
		protocol = IPPROTO_UDP;
		break;
	case SOCK_RAW:
		if (!capable(CAP_NET_RAW))
			return -EPERM;
		if (IS_ENABLED(CONFIG_LINNET_RAW)) {
			if (!protocol)
				return -EPROTONOSUPPORT;
			kind = LINNET_RAW | protocol << 8;
			break;
		}
		if (protocol != IPPROTO_RAW)
			return -EPROTONOSUPPORT;
		break;
	default:
		return -ESOCKTNOSUPPORT;
	}

	sk = sk_alloc(net, PF_INET, GFP_KERNEL, &linnet_proto, kern);
	if (!sk)
		return -ENOMEM;
	sock->state = SS_UNCONNECTED;
	sock->ops = kind == LINNET_STREAM ? &linnet_stream_ops : &linnet_dgram_ops;
	sock_init_data(sock, sk);
	set_bit(SOCK_CUSTOM_SOCKOPT, &sock->flags);
	sk->sk_protocol = protocol;
	sk->sk_rcvbuf = LINNET_BUFFER;
	sk->sk_sndbuf = LINNET_BUFFER;
	/* Who asks for more in one piece than there is hears ENOBUFS. */
	sk->sk_allocation |= __GFP_NOWARN;

	err = linnet_socket(kind, sk, &linnet_sk(sk)->id);
	if (err) {
		sock_orphan(sk);
		sock->sk = NULL;
		sock_put(sk);
	}
	return err;
}

const struct net_proto_family linnet_family = {
	.family	= PF_INET,
	.create	= linnet_create,
	.owner	= THIS_MODULE,
};

void linnet_owner(struct sock *sk, u32 *uid, unsigned long *inode)
{
	*uid = from_kuid_munged(&init_user_ns, sock_i_uid(sk));
	*inode = sock_i_ino(sk);
}
