// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stack's one lock, its clock, its one timer, and the wake-ups that are
 * delivered when the lock is given back.
 */
#include <linux/ktime.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <net/sock.h>

#include "linnet.h"

/* Why an owner is woken, see enum Wake in the core. */
enum linnet_why {
	LINNET_READABLE,
	LINNET_WRITABLE,
	LINNET_STATE,
	LINNET_URGENT,
};

static void linnet_expired(struct timer_list *timer);

static DEFINE_SPINLOCK(linnet_lock);
static DEFINE_TIMER(linnet_clock, linnet_expired);

/* All below is under the lock. */
static struct linnet_sock *linnet_woken;
static u32 linnet_entered;	/* when the time was last asked for */
static u32 linnet_armed_for;	/* meaningful while linnet_armed */
static bool linnet_armed;

void linnet_lock_stack(void)
{
	spin_lock_bh(&linnet_lock);
}

/* The time, for who has the lock. */
u32 linnet_now(void)
{
	linnet_entered = ktime_to_ms(ktime_get());
	return linnet_entered;
}

/*
 * A deadline that moves away is left alone: the timer goes off early, finds
 * nothing to do, and is set again.
 */
void linnet_unlock_stack(u32 armed, u32 deadline)
{
	if (armed && !(linnet_armed && (s32)(deadline - linnet_armed_for) >= 0)) {
		s32 wait = deadline - linnet_entered;

		linnet_armed = true;
		linnet_armed_for = deadline;
		mod_timer(&linnet_clock, jiffies + msecs_to_jiffies(max(wait, 1)));
	}
	spin_unlock_bh(&linnet_lock);
}

static void linnet_expired(struct timer_list *timer)
{
	spin_lock_bh(&linnet_lock);
	linnet_armed = false;
	spin_unlock_bh(&linnet_lock);
	linnet_timer();
}

void linnet_wake(struct sock *sk, u32 why)
{
	struct linnet_sock *ls = linnet_sk(sk);

	if (!ls->woken) {
		ls->next_woken = linnet_woken;
		linnet_woken = ls;
	}
	ls->woken |= BIT(why);
}

/* Takes a socket off the list of those to wake; its number goes to @id. */
struct sock *linnet_next_woken(u32 *id)
{
	struct linnet_sock *ls = linnet_woken;

	if (!ls)
		return NULL;
	linnet_woken = ls->next_woken;
	*id = ls->id;
	return &ls->sk;
}

/* Wakes who waits for @sk, after @error (negative, or zero) became its error. */
void linnet_deliver(struct sock *sk, int error)
{
	struct linnet_sock *ls = linnet_sk(sk);
	u8 woken = ls->woken;

	ls->woken = 0;
	if (error) {
		WRITE_ONCE(sk->sk_err, -error);
		sk_error_report(sk);
	}
	if (woken & BIT(LINNET_STATE)) {
		sk->sk_state_change(sk);
		sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN);
	}
	if (woken & BIT(LINNET_READABLE))
		sk->sk_data_ready(sk);
	if (woken & BIT(LINNET_WRITABLE))
		sk->sk_write_space(sk);
	if (woken & BIT(LINNET_URGENT))
		sk_send_sigurg(sk);
}

/* The timer goes off no more, and nobody can set it again. */
void linnet_timer_exit(void)
{
	timer_shutdown_sync(&linnet_clock);
}
