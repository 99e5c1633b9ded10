/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What crosses between the C shim and the Rust half, in both directions.
 *
 * The other side of this file is src/ffi.rs; change both together. Structures
 * hold addresses and ports in network byte order, times in milliseconds.
 */
#ifndef _NET_LINNET_H
#define _NET_LINNET_H

#include <linux/in.h>
#include <linux/net.h>
#include <linux/route.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/sock.h>

/* Bytes of a machine address. */
#define LINNET_MAC_LEN	6

/* Which kind of socket, see enum Kind in the core. */
enum linnet_kind {
	LINNET_STREAM,
	LINNET_DATAGRAM,
	LINNET_PING,
	LINNET_RAW,	/* with the protocol in the byte above */
};

/* SO_LINGER in its three cases, see enum Linger in the core. */
enum linnet_linger {
	LINNET_BACKGROUND,
	LINNET_ABORT,
	LINNET_WAIT,
};

/* What linnet_recv_front() finds, when it is no error. */
enum linnet_found {
	LINNET_END,		/* the peer sends no more */
	LINNET_DATA,
	LINNET_SHUT,		/* no more is read, after an error if there is one */
};

/* Bytes free in front of every payload, see HEADROOM in the core. */
#define LINNET_HEADROOM	96

/* SO_RCVBUF and SO_SNDBUF of a new socket, see Common::DEFAULT in the core. */
#define LINNET_BUFFER	32768

/* Ancillary data that a receiver asked for. */
#define LINNET_CMSG_PKTINFO	0x01
#define LINNET_CMSG_TTL		0x02
#define LINNET_CMSG_TOS		0x04

struct linnet_sock {
	struct sock		sk;	/* must come first */
	struct linnet_sock	*next_woken;
	u32			id;	/* names the socket in the Rust half */
	u8			woken;	/* wake-ups to deliver, a bit each */
	u8			cmsg;	/* LINNET_CMSG_* */
};

static inline struct linnet_sock *linnet_sk(const struct sock *sk)
{
	return (struct linnet_sock *)sk;
}

struct linnet_config {
	u8	secret[16];
	u32	memory;		/* bytes that queues may take */
};

struct linnet_link {
	u32	ifindex;
	u32	mtu;
	u8	mac[LINNET_MAC_LEN];
	u8	loopback;
	u8	up;
	u8	running;
};

struct linnet_send {
	struct sockaddr_in	to;	/* sin_family zero: the peer */
	u32			ifindex;
	__be32			source;
	s16			ttl;	/* -1: the socket's */
	s16			tos;	/* -1: the socket's */
	u32			flags;	/* MSG_MORE, MSG_OOB, MSG_DONTROUTE */
};

struct linnet_room {
	u32	bytes;		/* zero: wait until it is writable */
	u32	segment;	/* the most that fits one buffer */
};

/* What is next to be read, with a reference on its buffer. */
struct linnet_front {
	struct sk_buff		*skb;
	const u8		*data;
	u32			len;
	struct sockaddr_in	source;
	__be32			destination;
	__be32			local;	/* our address on that interface */
	u32			ifindex;
	u8			ttl;
	u8			tos;
};

struct linnet_arp {
	__be32	address;
	u32	ifindex;
	u8	mac[LINNET_MAC_LEN];
	u16	flags;		/* ATF_* */
};

struct linnet_route {
	__be32	destination;
	__be32	gateway;
	__be32	mask;
	u32	ifindex;
	u32	metric;
	u32	mtu;
	u16	flags;		/* RTF_* */
};

/* A line of /proc/net/tcp or /proc/net/udp. */
struct linnet_row {
	struct sockaddr_in	local;
	struct sockaddr_in	peer;
	u32			send_queue;
	u32			receive_queue;
	u32			timer_in;
	u32			drops;
	u32			uid;
	unsigned long		inode;
	u8			state;
	u8			timer;
	u8			retransmits;
};

#ifdef CONFIG_LINNET_RTNETLINK
/* An address as rtnetlink has it. */
struct linnet_address {
	u32	ifindex;
	__be32	address;
	__be32	broadcast;
	u32	flags;		/* IFA_F_* */
	u32	metric;
	u32	valid;		/* seconds */
	u32	preferred;	/* seconds */
	u8	prefix_len;
	u8	scope;
	u8	protocol;
};

/* A route as rtnetlink has it. */
struct linnet_way {
	__be32	destination;
	__be32	gateway;
	__be32	source;
	u32	ifindex;
	u32	metric;
	u32	mtu;
	u32	table;
	u32	flags;		/* RTNH_F_*, RTM_F_* */
	u8	prefix_len;
	u8	protocol;
	u8	scope;
	u8	type;		/* RTN_* */
};

/* A neighbour as rtnetlink has it. */
struct linnet_neighbour {
	__be32	address;
	u32	ifindex;
	u8	mac[LINNET_MAC_LEN];
	u16	state;		/* NUD_* */
};
#endif

/* SOL_SOCKET options that the stack heeds. */
struct linnet_common {
	u32	receive_buffer;
	u32	send_buffer;
	u32	ifindex;
	u32	user;
	u8	reuse_address;
	u8	reuse_port;
	u8	keepalive;
	u8	broadcast;
	u8	urgent_inline;
	u8	dont_route;
};

/* The Rust half: each call takes the stack's lock for itself, and none sleeps. */
int linnet_start(const struct linnet_config *config);
void linnet_stop(void);
void linnet_frame(u32 ifindex, struct sk_buff *skb);
void linnet_timer(void);
int linnet_link_set(const struct linnet_link *link);
void linnet_link_gone(u32 ifindex);

int linnet_iface_get(u32 cmd, u32 ifindex, struct sockaddr_in *addr);
int linnet_iface_set(u32 cmd, u32 ifindex, const struct sockaddr_in *addr);
int linnet_route_change(u32 cmd, const struct rtentry *rt, u32 ifindex);
int linnet_arp_change(u32 cmd, struct linnet_arp *arp);

int linnet_socket(u32 kind, struct sock *sk, u32 *id);
int linnet_bind(u32 id, const struct sockaddr_in *addr);
int linnet_connect(u32 id, const struct sockaddr_in *addr);
int linnet_disconnect(u32 id);
int linnet_listen(u32 id, u32 backlog);
int linnet_accept(u32 id, struct sock *newsk, u32 *newid);
int linnet_shutdown(u32 id, u32 how);
int linnet_close(u32 id, u32 linger, u32 wait);	/* 1: lingers until disowned */
void linnet_disown(u32 id);
int linnet_name(u32 id, u32 peer, struct sockaddr_in *addr);
u32 linnet_readiness(u32 id, u32 lowat);

int linnet_send_room(u32 id, struct linnet_room *room);
int linnet_send(u32 id, struct sk_buff *skb, const struct linnet_send *how);
int linnet_recv_front(u32 id, u32 offset, u32 copied,
		      struct linnet_front *front);
int linnet_recv_urgent(u32 id, u32 peek);
void linnet_recv_done(u32 id, u32 bytes);

int linnet_option_allowed(u32 name);
void linnet_set_common(u32 id, const struct linnet_common *common);
int linnet_set_option(u32 id, u8 *cmsg, u32 level, u32 name,
		      const u8 *value, u32 len);
int linnet_get_option(u32 id, u8 cmsg, u32 level, u32 name, u8 *value,
		      u32 room);
int linnet_queued(u32 id, u32 cmd);

int linnet_socket_row(u32 kind, u32 index, struct linnet_row *row);
int linnet_route_row(u32 index, struct linnet_route *row);
int linnet_arp_row(u32 index, struct linnet_arp *row);
const char *linnet_drop_row(u32 index, u32 *name_len, u32 *count);

#ifdef CONFIG_LINNET_RTNETLINK
int linnet_address_add(const struct linnet_address *row, u32 flags);
int linnet_address_delete(const struct linnet_address *row);
int linnet_address_row(u32 index, struct linnet_address *row);
int linnet_way_add(const struct linnet_way *row, u32 flags);
int linnet_way_delete(const struct linnet_way *row);
int linnet_way_find(struct linnet_way *row);
int linnet_way_row(u32 index, struct linnet_way *row);
int linnet_neighbour_add(const struct linnet_neighbour *row, u32 flags);
int linnet_neighbour_delete(const struct linnet_neighbour *row);
int linnet_neighbour_row(u32 index, struct linnet_neighbour *row);
#endif

/* The C shim, for the Rust half. */
void *linnet_mem_alloc(size_t size);
void *linnet_mem_resize(void *old, size_t size);
void linnet_mem_free(void *old);
struct sk_buff *linnet_skb_alloc(u32 room);
struct sk_buff *linnet_skb_share(struct sk_buff *skb);
void linnet_skb_bill(struct sk_buff *skb, struct sk_buff *other);
void linnet_skb_hold(struct sk_buff *skb);
void linnet_skb_free(struct sk_buff *skb);
u32 linnet_checksum(const void *bytes, u32 len);
void linnet_transmit(u32 ifindex, struct sk_buff *skb);
void linnet_membership(u32 ifindex, const u8 *mac, u32 join);
void linnet_lock_stack(void);
u32 linnet_now(void);
void linnet_unlock_stack(u32 armed, u32 deadline);
void linnet_wake(struct sock *sk, u32 why);
struct sock *linnet_next_woken(u32 *id);
void linnet_deliver(struct sock *sk, int error);
void linnet_owner(struct sock *sk, u32 *uid, unsigned long *inode);
void linnet_unreachable(void) __noreturn;
#ifdef CONFIG_LINNET_RTNETLINK
void linnet_tell_address(const struct linnet_address *row, u32 gone);
void linnet_tell_route(const struct linnet_way *row, u32 gone);
void linnet_tell_neighbour(const struct linnet_neighbour *row, u32 gone);
#endif

/* Between the files of the shim. */
extern const struct net_proto_family linnet_family;
extern struct proto linnet_proto;
int linnet_wait(struct sock *sk, u32 events, u32 lowat, long *timeo);
u32 linnet_events(struct sock *sk, u32 lowat);
int linnet_stream_connect(struct socket *sock, struct sockaddr *addr,
			  int addr_len, int flags);
int linnet_stream_accept(struct socket *sock, struct socket *newsock,
			 struct proto_accept_arg *arg);
int linnet_stream_disconnect(struct socket *sock);
bool linnet_connected(struct sock *sk);
bool linnet_stream_undone_by(struct socket *sock, int how);
int linnet_stream_listen(struct socket *sock, int backlog);
int linnet_stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int linnet_stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			  int flags);
int linnet_dgram_connect(struct socket *sock, struct sockaddr *addr,
			 int addr_len, int flags);
int linnet_dgram_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int linnet_dgram_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			 int flags);
int linnet_check_addr(const struct sockaddr *addr, int addr_len);
int linnet_setsockopt(struct socket *sock, int level, int name, sockptr_t value,
		      unsigned int len);
int linnet_set_rcvlowat(struct sock *sk, int val);
int linnet_getsockopt(struct socket *sock, int level, int name,
		      char __user *value, int __user *len);
int linnet_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg);
int linnet_gifconf(struct net_device *dev, char __user *buf, int len, int size);
const char *linnet_ifname(u32 ifindex, char *name);
unsigned long linnet_memory_pages(void);
void linnet_timer_exit(void);
int linnet_netdev_init(void);
void linnet_netdev_exit(void);
#ifdef CONFIG_PROC_FS
int linnet_proc_init(void);
void linnet_proc_exit(void);
#else
static inline int linnet_proc_init(void)
{
	return 0;
}

static inline void linnet_proc_exit(void)
{
}
#endif

#ifdef CONFIG_LINNET_RTNETLINK
int linnet_rtnl_init(void);
void linnet_rtnl_exit(void);
#else
static inline int linnet_rtnl_init(void)
{
	return 0;
}

static inline void linnet_rtnl_exit(void)
{
}
#endif

#endif /* _NET_LINNET_H */
