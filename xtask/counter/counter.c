// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU plugin that counts the instructions a guest executes, by place, and
 * that holds the guest where its host wants it.
 *
 * Under `-icount shift=0` an instruction is a nanosecond of the guest's clock,
 * and a guest that never halts has no other: so this count is that clock. At
 * each limit that the host has set, and at the marks of the guest's program,
 * the guest waits here until the host has done its part for that moment.
 *
 * Arguments: fd=N, a connected stream socket; idle=FROM-TO, the code that only
 * passes the time; mark=ADDRESS, as often as there are marks; profile=FILE.
 * To the host go four 64-bit words: 0 for a limit or the number of the mark,
 * from 1; the instructions so far; those of them that were idle; 0. Back comes
 * one: the next limit. A limit with the topmost bit also begins the profile
 * anew; with the next one it is written to FILE first.
 *
 * QEMU's headers are not packaged everywhere: what is used of its plugin
 * interface is declared here (versions 1 to 4 have it alike).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
		void (*cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
		void (*cb)(unsigned int cpu, void *data), int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

#define EXPORT __attribute__((visibility("default")))

/* The callback neither reads nor writes the guest's registers. */
#define NO_REGISTERS 0

EXPORT int qemu_plugin_version = PLUGIN_VERSION;

#define BEGIN_PROFILE ((uint64_t)1 << 63)
#define WRITE_PROFILE ((uint64_t)1 << 62)
#define MARKS 8
#define BUCKETS (1 << 14)

/* A run of instructions without a jump in it. */
struct block {
	struct block *next;	/* of the same bucket */
	uint64_t address;
	uint64_t executed;	/* instructions since the profile began */
	uint32_t length;	/* instructions */
	uint32_t mark;		/* its number, or 0 */
	bool idle;
};

static struct block *blocks[BUCKETS];
static uint64_t total, idle, limit = WRITE_PROFILE - 1;
static uint64_t idle_from, idle_to, marks[MARKS];
static unsigned int mark_count;
static const char *profile;
static int host = -1;

static void fail(const char *what)
{
	fprintf(stderr, "counter: %s\n", what);
	_exit(1);
}

static void move(ssize_t (*call)(int, void *, size_t), void *bytes, size_t size)
{
	char *at = bytes;

	while (size) {
		ssize_t done = call(host, at, size);

		if (done <= 0)
			_exit(1);	/* the host has gone: so does the guest */
		at += done;
		size -= done;
	}
}

static ssize_t put(int fd, void *bytes, size_t size)
{
	return write(fd, bytes, size);
}

static void write_profile(void)
{
	FILE *file = fopen(profile, "w");

	if (!file)
		fail("cannot write the profile");
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *block = blocks[i]; block; block = block->next)
			if (block->executed && !block->idle)
				fprintf(file, "%" PRIx64 " %" PRIu64 "\n",
					block->address, block->executed);
	if (fclose(file))
		fail("cannot write the profile");
}

static void begin_profile(void)
{
	for (unsigned int i = 0; i < BUCKETS; i++)
		for (struct block *block = blocks[i]; block; block = block->next)
			block->executed = 0;
}

static void meet(uint64_t what)
{
	uint64_t told[4] = { what, total, idle, 0 };

	move(put, told, sizeof(told));
	move(read, &limit, sizeof(limit));
	if (limit & WRITE_PROFILE)
		write_profile();
	if (limit & BEGIN_PROFILE)
		begin_profile();
	limit &= WRITE_PROFILE - 1;
}

static void execute(unsigned int cpu, void *data)
{
	struct block *block = data;

	(void)cpu;
	while (total >= limit)
		meet(0);
	if (block->mark)
		meet(block->mark);
	total += block->length;
	block->executed += block->length;
	if (block->idle)
		idle += block->length;
}

/* The same code may be translated again and again: it keeps its record. */
static struct block *find(uint64_t address, uint32_t length)
{
	struct block **bucket = &blocks[(address ^ address >> 14) % BUCKETS];
	struct block *block = *bucket;

	while (block && (block->address != address || block->length != length))
		block = block->next;
	if (block)
		return block;
	block = calloc(1, sizeof(*block));
	if (!block)
		fail("no memory");
	*block = (struct block) { .next = *bucket, .address = address, .length = length };
	block->idle = address >= idle_from && address < idle_to;
	for (unsigned int i = 0; i < mark_count; i++)
		if (marks[i] == address)
			block->mark = i + 1;
	*bucket = block;
	return block;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = find(qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb));

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, execute, NO_REGISTERS, block);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];

		if (!strncmp(word, "fd=", 3)) {
			host = atoi(word + 3);
		} else if (!strncmp(word, "mark=", 5) && mark_count < MARKS) {
			marks[mark_count++] = strtoull(word + 5, NULL, 0);
		} else if (!strncmp(word, "profile=", 8)) {
			profile = strdup(word + 8);
		} else if (sscanf(word, "idle=%" SCNi64 "-%" SCNi64,
				  (int64_t *)&idle_from, (int64_t *)&idle_to) != 2) {
			fprintf(stderr, "counter: what is `%s`?\n", word);
			return -1;
		}
	}
	if (host < 0 || !profile)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
