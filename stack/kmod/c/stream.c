// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stream sockets: when to wait, when to give up, and what to say then.
 */
#include <linux/module.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "linnet.h"

#define LINNET_READ_EVENTS	(EPOLLIN | EPOLLRDHUP)

bool linnet_connected(struct sock *sk)
{
	struct sockaddr_in peer;

	return !linnet_name(linnet_sk(sk)->id, 1, &peer);
}

/* Whether a connect() is under way: neither done, be it out of room, nor failed. */
static bool linnet_handshaking(struct socket *sock)
{
	return sock->state == SS_CONNECTING && !linnet_connected(sock->sk) &&
	       !(linnet_events(sock->sk, 1) & (EPOLLOUT | EPOLLERR | EPOLLHUP));
}

/*
 * Back to a socket that can be connected again. A program that still waits for
 * the connection, or asks later, hears of a reset.
 */
int linnet_stream_disconnect(struct socket *sock)
{
	struct sock *sk = sock->sk;
	int err;

	if (sk->sk_state != TCP_LISTEN &&
	    (linnet_connected(sk) || linnet_handshaking(sock)))
		WRITE_ONCE(sk->sk_err, ECONNRESET);
	err = linnet_disconnect(linnet_sk(sk)->id);
	sock->state = err ? SS_DISCONNECTING : SS_UNCONNECTED;
	sk->sk_state = TCP_CLOSE;
	WRITE_ONCE(sk->sk_shutdown, 0);
	return err;
}

/* Whether shutdown() takes back a listen() or a connect() that is under way. */
bool linnet_stream_undone_by(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;

	if (sk->sk_state == TCP_LISTEN)
		return how != SHUT_WR;
	return linnet_handshaking(sock);
}

static int linnet_finish_connect(struct socket *sock)
{
	struct sock *sk = sock->sk;
	int err;

	if (linnet_connected(sk)) {
		sock->state = SS_CONNECTED;
		return 0;
	}
	err = sock_error(sk) ?: -ECONNABORTED;
	sk->sk_disconnects++;
	linnet_stream_disconnect(sock);
	return err;
}

static int linnet_start_connect(struct socket *sock, struct sockaddr *addr,
				int addr_len)
{
	int err;

	switch (sock->state) {
	case SS_UNCONNECTED:
		if (sock->sk->sk_state == TCP_LISTEN)
			return -EISCONN;
		err = linnet_check_addr(addr, addr_len);
		if (err)
			return err;
		WRITE_ONCE(sock->sk->sk_err, 0);
		err = linnet_connect(linnet_sk(sock->sk)->id,
				     (struct sockaddr_in *)addr);
		if (err && err != -EINPROGRESS)
			return err;
		sock->state = SS_CONNECTING;
		return -EINPROGRESS;
	case SS_CONNECTING:
		return -EALREADY;
	case SS_CONNECTED:
		return -EISCONN;
	default:
		return -EINVAL;
	}
}

int linnet_stream_connect(struct socket *sock, struct sockaddr *addr,
			  int addr_len, int flags)
{
	struct sock *sk = sock->sk;
	long timeo;
	int err;

	if (addr_len < (int)sizeof(addr->sa_family))
		return -EINVAL;

	lock_sock(sk);
	if (addr->sa_family == AF_UNSPEC) {
		sk->sk_disconnects++;
		err = linnet_stream_disconnect(sock);
		goto out;
	}
	err = linnet_start_connect(sock, addr, addr_len);
	if (sock->state != SS_CONNECTING)
		goto out;

	/* Over loopback it may be over by now, but nobody asked to wait for that. */
	timeo = sock_sndtimeo(sk, flags & O_NONBLOCK);
	if (!timeo && err == -EINPROGRESS)
		goto out;
	while (linnet_handshaking(sock)) {
		int stop;

		if (!timeo)
			goto out;
		stop = linnet_wait(sk, EPOLLOUT, 1, &timeo);
		if (stop == -EAGAIN)
			goto out;
		if (stop) {
			err = stop;
			goto out;
		}
	}
	err = linnet_finish_connect(sock);
out:
	release_sock(sk);
	return err;
}

int linnet_stream_listen(struct socket *sock, int backlog)
{
	struct sock *sk = sock->sk;
	int err = -EINVAL;

	lock_sock(sk);
	if (sock->state == SS_UNCONNECTED) {
		err = linnet_listen(linnet_sk(sk)->id, backlog);
		if (!err) {
			sk->sk_state = TCP_LISTEN;
			sk->sk_max_ack_backlog = backlog;
		}
	}
	release_sock(sk);
	return err;
}

/* One waiter is woken for each connection, as long as there are any. */
static int linnet_wait_for_connection(struct sock *sk, long *timeo)
{
	DEFINE_WAIT(wait);
	int err = 0;

	if (!*timeo)
		return -EAGAIN;
	prepare_to_wait_exclusive(sk_sleep(sk), &wait, TASK_INTERRUPTIBLE);
	release_sock(sk);
	if (!(linnet_events(sk, 1) & EPOLLIN))
		*timeo = schedule_timeout(*timeo);
	sched_annotate_sleep();
	lock_sock(sk);
	if (sk->sk_state != TCP_LISTEN) {
		err = -EINVAL;
	} else if (!(linnet_events(sk, 1) & EPOLLIN)) {
		if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		else if (!*timeo)
			err = -EAGAIN;
	}
	finish_wait(sk_sleep(sk), &wait);
	return err;
}

int linnet_stream_accept(struct socket *sock, struct socket *newsock,
			 struct proto_accept_arg *arg)
{
	struct sock *sk = sock->sk, *newsk = NULL;
	struct linnet_sock *ls;
	long timeo;
	int err;

	lock_sock(sk);
	err = -EINVAL;
	if (sk->sk_state != TCP_LISTEN)
		goto out;
	timeo = sock_rcvtimeo(sk, arg->flags & O_NONBLOCK);
	while (!(linnet_events(sk, 1) & EPOLLIN)) {
		err = linnet_wait_for_connection(sk, &timeo);
		if (err)
			goto out;
	}

	/* The new socket takes after the one that listened. */
	err = -ENOMEM;
	newsk = sk_clone_lock(sk, GFP_KERNEL);
	if (!newsk)
		goto out;
	bh_unlock_sock(newsk);
	sock_put(newsk);
	newsk->sk_state = TCP_CLOSE;
	newsk->sk_shutdown = 0;
	newsk->sk_err = 0;
	ls = linnet_sk(newsk);
	ls->woken = 0;
	ls->next_woken = NULL;
	ls->id = 0;

	sock_graft(newsk, newsock);
	err = linnet_accept(linnet_sk(sk)->id, newsk, &ls->id);
	if (err) {
		sock_orphan(newsk);
		newsock->sk = NULL;
		sock_put(newsk);
		goto out;
	}
	set_bit(SOCK_CUSTOM_SOCKOPT, &newsock->flags);
	newsock->state = SS_CONNECTED;
out:
	release_sock(sk);
	return err;
}

/*
 * Fills one buffer with what of the message fits it, and hands it over. One
 * that is @full does not wait for more, but shows that more will come.
 */
static int linnet_stream_send_piece(struct sock *sk, struct msghdr *msg,
				    u32 len, bool full)
{
	struct linnet_send how = {
		.ttl = -1,
		.tos = -1,
		.flags = msg->msg_flags,
	};
	struct sk_buff *skb;
	int err;

	skb = alloc_skb(LINNET_HEADROOM + len, sk->sk_allocation);
	if (!skb)
		return -ENOBUFS;
	skb_reserve(skb, LINNET_HEADROOM);
	err = memcpy_from_msg(skb_put(skb, len), msg, len);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	/* Only the last byte of all is urgent. */
	if (msg_data_left(msg)) {
		how.flags &= ~MSG_OOB;
		if (full)
			how.flags |= MSG_MORE;
	}
	return linnet_send(linnet_sk(sk)->id, skb, &how);
}

int linnet_stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct linnet_room room;
	size_t copied = 0;
	long timeo;
	int err;

	lock_sock(sk);
	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	for (;;) {
		u32 piece;

		err = -EPIPE;
		if (sk->sk_err || (sk->sk_shutdown & SEND_SHUTDOWN))
			break;
		err = linnet_send_room(linnet_sk(sk)->id, &room);
		if (err)
			break;
		/* Nothing needs no room, but a connection. */
		if (!msg_data_left(msg) && linnet_connected(sk))
			break;
		if (room.bytes) {
			piece = min3(room.bytes, room.segment, (u32)msg_data_left(msg));
			err = linnet_stream_send_piece(sk, msg, piece,
						       piece == room.segment);
			if (!err) {
				copied += piece;
				if (!msg_data_left(msg))
					break;
				continue;
			}
			if (err != -EAGAIN)
				break;
			iov_iter_revert(&msg->msg_iter, piece);
		}
		set_bit(SOCK_NOSPACE, &sock->flags);
		err = linnet_wait(sk, EPOLLOUT, 1, &timeo);
		if (err)
			break;
	}
	if (copied)
		err = copied;
	else if (err)
		err = sk_stream_error(sk, msg->msg_flags, err);
	release_sock(sk);
	return err;
}

/* Copies the front of the queue out; how many bytes that were, or an error. */
static int linnet_stream_copy(struct msghdr *msg, struct linnet_front *front,
			      size_t len, int flags)
{
	size_t count = min_t(size_t, front->len, len);

	if (!(flags & MSG_TRUNC) &&
	    copy_to_iter(front->data, count, &msg->msg_iter) != count)
		count = -EFAULT;
	consume_skb(front->skb);
	return count;
}

static int linnet_stream_recv_urgent(struct sock *sk, struct msghdr *msg,
				     size_t len, int flags)
{
	int urgent = linnet_recv_urgent(linnet_sk(sk)->id, flags & MSG_PEEK);
	u8 byte = urgent;

	if (urgent < 0)
		return urgent;
	msg->msg_flags |= MSG_OOB;
	if (!len) {
		msg->msg_flags |= MSG_TRUNC;
		return 0;
	}
	if (!(flags & MSG_TRUNC) && memcpy_to_msg(msg, &byte, 1))
		return -EFAULT;
	return 1;
}

int linnet_stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			  int flags)
{
	struct sock *sk = sock->sk;
	u32 id = linnet_sk(sk)->id;
	struct linnet_front front;
	size_t copied = 0, target;
	long timeo;
	int err;

	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;

	lock_sock(sk);
	if (flags & MSG_OOB) {
		err = linnet_stream_recv_urgent(sk, msg, len, flags);
		goto out;
	}
	timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	target = sock_rcvlowat(sk, flags & MSG_WAITALL, len);
	for (;;) {
		u32 offset = flags & MSG_PEEK ? copied : 0;

		err = linnet_recv_front(id, offset, copied, &front);
		if (err == LINNET_DATA) {
			err = linnet_stream_copy(msg, &front, len - copied, flags);
			if (err < 0)
				break;
			if (!(flags & MSG_PEEK))
				linnet_recv_done(id, err);
			copied += err;
			if (copied == len)
				break;
			continue;
		}
		/* The peer's end comes before an error, and that before our own. */
		if (err == LINNET_END || copied >= target)
			break;
		if (sk->sk_err) {
			if (!copied)
				err = sock_error(sk);
			break;
		}
		if (err != -EAGAIN) {
			err = min(err, 0);
			break;
		}
		if (copied && (!timeo || signal_pending(current)))
			break;
		err = linnet_wait(sk, LINNET_READ_EVENTS, offset + 1, &timeo);
		if (err)
			break;
	}
out:
	release_sock(sk);
	return copied ?: err;
}
