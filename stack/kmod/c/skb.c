// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory and packet buffers for the Rust half.
 *
 * Rust reads and writes the fields of an sk_buff by itself: the absolute
 * symbols at the end are their offsets, which the linker puts in place. So
 * neither half needs to be built before the other.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/checksum.h>
#include <net/sock.h>

#include "linnet.h"

void *linnet_mem_alloc(size_t size)
{
	return kmalloc(size, GFP_ATOMIC | __GFP_NOWARN);
}

void *linnet_mem_resize(void *old, size_t size)
{
	return krealloc(old, size, GFP_ATOMIC | __GFP_NOWARN);
}

void linnet_mem_free(void *old)
{
	kfree(old);
}

struct sk_buff *linnet_skb_alloc(u32 room)
{
	struct sk_buff *skb;

	skb = alloc_skb(LINNET_HEADROOM + room, GFP_ATOMIC | __GFP_NOWARN);
	if (skb)
		skb_reserve(skb, LINNET_HEADROOM);
	return skb;
}

/*
 * A second handle on the same bytes. The headers that the stack puts in front
 * of one handle lie in the room that all of them share, so an earlier handle
 * that a device still holds makes it a copy.
 */
struct sk_buff *linnet_skb_share(struct sk_buff *skb)
{
	if (skb_cloned(skb))
		return skb_copy(skb, GFP_ATOMIC | __GFP_NOWARN);
	return skb_clone(skb, GFP_ATOMIC | __GFP_NOWARN);
}

/* Pieces of a datagram count against SO_SNDBUF as the whole did. */
void linnet_skb_bill(struct sk_buff *skb, struct sk_buff *other)
{
	if (other->sk)
		skb_set_owner_w(skb, other->sk);
}

void linnet_skb_hold(struct sk_buff *skb)
{
	skb_get(skb);
}

void linnet_skb_free(struct sk_buff *skb)
{
	consume_skb(skb);
}

/* The sum of big-endian words, folded to 16 bits, not complemented. */
u32 linnet_checksum(const void *bytes, u32 len)
{
	return ntohs((__force __be16)~csum_fold(csum_partial(bytes, len, 0)));
}

#define LINNET_OFFSET(name, field)					\
	({ asm volatile(".globl " #name "\n\t.set " #name ", %c0"	\
			: : "i" (offsetof(struct sk_buff, field))); })

/* Never called: a place for the compiler to write the offsets to. */
static void __used __no_profile linnet_offsets(void)
{
	LINNET_OFFSET(LINNET_SKB_NEXT, next);
	LINNET_OFFSET(LINNET_SKB_PREV, prev);
	LINNET_OFFSET(LINNET_SKB_CB, cb);
	LINNET_OFFSET(LINNET_SKB_LEN, len);
	LINNET_OFFSET(LINNET_SKB_TAIL, tail);
	LINNET_OFFSET(LINNET_SKB_END, end);
	LINNET_OFFSET(LINNET_SKB_HEAD, head);
	LINNET_OFFSET(LINNET_SKB_DATA, data);
	LINNET_OFFSET(LINNET_SKB_TRUESIZE, truesize);
	BUILD_BUG_ON(sizeof_field(struct sk_buff, cb) < 40);
	/* Pointers, not offsets from the head, as the Rust half assumes. */
	BUILD_BUG_ON(!__same_type(((struct sk_buff *)NULL)->tail,
				  (unsigned char *)NULL));
}
