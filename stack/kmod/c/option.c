// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options: carried between user memory, struct sock and the core.
 */
#include <linux/module.h>
#include <linux/sockptr.h>
#include <linux/tcp.h>
#include <net/sock.h>

#include "linnet.h"

/* The most that an option's value takes: struct tcp_info up to 4.x. */
#define LINNET_OPTION_MAX	104

static void linnet_push_common(struct sock *sk)
{
	struct linnet_common common = {
		.receive_buffer = sk->sk_rcvbuf,
		.send_buffer = sk->sk_sndbuf,
		.ifindex = sk->sk_bound_dev_if,
		.user = __kuid_val(sock_i_uid(sk)),
		.reuse_address = sk->sk_reuse,
		.reuse_port = sk->sk_reuseport,
		.keepalive = sock_flag(sk, SOCK_KEEPOPEN),
		.broadcast = sock_flag(sk, SOCK_BROADCAST),
		.urgent_inline = sock_flag(sk, SOCK_URGINLINE),
		.dont_route = sock_flag(sk, SOCK_LOCALROUTE),
	};

	linnet_set_common(linnet_sk(sk)->id, &common);
}

/*
 * SO_RCVLOWAT of a stream: the buffer grows with it as far as a program may set
 * it, unless it has; then, half of the buffer at most.
 */
int linnet_set_rcvlowat(struct sock *sk, int val)
{
	int max = READ_ONCE(sysctl_rmem_max);

	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		max = sk->sk_rcvbuf / 2;
	val = min(val, max);
	WRITE_ONCE(sk->sk_rcvlowat, val ?: 1);
	if (sk->sk_rcvbuf < val * 2)
		WRITE_ONCE(sk->sk_rcvbuf, val * 2);
	return 0;
}

/* struct sock keeps them; the core gets a copy of those that it heeds. */
static int linnet_set_socket_option(struct socket *sock, int name,
				    sockptr_t value, unsigned int len)
{
	int err;

	err = linnet_option_allowed(name);
	if (!err)
		err = sock_setsockopt(sock, SOL_SOCKET, name, value, len);
	if (err)
		return err;

	lock_sock(sock->sk);
	linnet_push_common(sock->sk);
	release_sock(sock->sk);
	return 0;
}

int linnet_setsockopt(struct socket *sock, int level, int name, sockptr_t value,
		      unsigned int len)
{
	struct sock *sk = sock->sk;
	u8 bytes[16] = {};
	int err;

	if (level == SOL_SOCKET)
		return linnet_set_socket_option(sock, name, value, len);

	len = min_t(unsigned int, len, sizeof(bytes));
	if (copy_from_sockptr(bytes, value, len))
		return -EFAULT;
	lock_sock(sk);
	err = linnet_set_option(linnet_sk(sk)->id, &linnet_sk(sk)->cmsg, level,
				name, bytes, len);
	release_sock(sk);
	return err;
}

int linnet_getsockopt(struct socket *sock, int level, int name,
		      char __user *value, int __user *optlen)
{
	struct linnet_sock *ls = linnet_sk(sock->sk);
	u8 bytes[LINNET_OPTION_MAX];
	int room, len;

	if (get_user(room, optlen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;

	len = linnet_get_option(ls->id, ls->cmsg, level, name, bytes,
				min_t(int, room, sizeof(bytes)));
	if (len < 0)
		return len;
	if (put_user(len, optlen) || copy_to_user(value, bytes, len))
		return -EFAULT;
	return 0;
}
