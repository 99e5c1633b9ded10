// SPDX-License-Identifier: GPL-2.0-only
/*
 * What runs when nothing else does. A halted processor's clock is the
 * emulator's guess; one that spins counts its time in instructions.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

/* Long runs without a jump: the emulator passes over each in one go. */
__attribute__((noinline, noreturn)) static void spin(void)
{
	asm volatile(".globl spin_from\n"
		     ".globl spin_to\n"
		     "spin_from:\n"
		     "	.rept 32768\n"
		     "	nop\n"
		     "	.endr\n"
		     "	jmp spin_from\n"
		     "spin_to:\n");
	__builtin_unreachable();
}

void spin_in_background(void)
{
	const int priority = 0;

	if (must("fork", fork()) == 0) {
		/* musl's own function refuses: its idea of it is another. */
		must("sched_setscheduler", syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &priority));
		spin();
	}
}
