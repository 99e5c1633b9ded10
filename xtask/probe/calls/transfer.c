// SPDX-License-Identifier: GPL-2.0-only
/* Sockets as descriptors: sendfile, splice, passed to another process, kept over fork. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

#define FILE_SIZE 300000

static char bytes[FILE_SIZE];
static struct ends ends;

static int file_of_noise(void)
{
	int fd = open("/tmp/noise", O_RDWR | O_CREAT | O_TRUNC, 0600);

	fill((unsigned char *)bytes, FILE_SIZE, 5);
	must("write", write(fd, bytes, FILE_SIZE));
	return fd;
}

static void send_file(void)
{
	off_t offset = 0;
	int file = file_of_noise();
	static char in[FILE_SIZE];
	long sent;

	connected_pair(&ends);
	if (fork() == 0) {
		close(ends.fd);
		while ((sent = sendfile(ends.peer, file, &offset, 100000)) > 0)
			;
		_exit(0);
	}
	close(ends.peer);
	note("received", recv(ends.fd, in, FILE_SIZE, MSG_WAITALL));
	note("the same", memcmp(in, bytes, FILE_SIZE) == 0);
	wait(NULL);
	CALL(recv(ends.fd, in, 1, 0));
	CALL(sendfile(file, ends.fd, NULL, 10));
	CALL(sendfile(stream_socket(), file, &(off_t) { 0 }, 10));
}

static void splices(void)
{
	int pipes[2];

	connected_pair(&ends);
	must("pipe", pipe(pipes));
	send(ends.peer, "spliced", 7, 0);
	await(ends.fd, POLLIN);
	CALL(splice(ends.fd, NULL, pipes[1], NULL, 100, 0));
	memset(bytes, 0, 16);
	CALL(read(pipes[0], bytes, 100));
	note_bytes("bytes", bytes, 7);
	must("write", write(pipes[1], "back", 4));
	CALL(splice(pipes[0], NULL, ends.fd, NULL, 4, 0));
	CALL(recv(ends.peer, bytes, 10, 0));
	close(ends.peer);
	settle();
	CALL(splice(ends.fd, NULL, pipes[1], NULL, 100, 0));
}

static void passed(void)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	char in[16];
	int pair[2];

	connected_pair(&ends);
	must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	*header = (struct cmsghdr) {
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(header), &ends.peer, sizeof(int));
	CALL(sendmsg(pair[0], &message, 0));
	close(ends.peer);
	note_poll("on its way", ends.fd);
	if (fork() == 0) {
		int fd;

		part.iov_base = in;
		recvmsg(pair[1], &message, 0);
		memcpy(&fd, CMSG_DATA(header), sizeof(int));
		send(fd, "from the child", 14, 0);
		_exit(0);
	}
	close(pair[1]);
	CALL(recv(ends.fd, bytes, 14, MSG_WAITALL));
	note_bytes("bytes", bytes, 14);
	wait(NULL);
	CALL(recv(ends.fd, bytes, 14, 0));
}

/* Descriptors cannot be passed over TCP: the message goes without, or not at all. */
static void not_passed(void)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	connected_pair(&ends);
	*header = (struct cmsghdr) {
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	};
	CALL(sendmsg(ends.peer, &message, 0));
	settle();
	CALL(recv(ends.fd, bytes, 14, MSG_DONTWAIT));
}

static void inherited(void)
{
	connected_pair(&ends);
	if (fork() == 0) {
		close(ends.fd);
		send(ends.peer, "child", 5, 0);
		_exit(0);
	}
	wait(NULL);
	CALL(recv(ends.fd, bytes, 10, 0));
	note_poll("the parent still has it", ends.fd);
	close(ends.peer);
	settle();
	note_poll("nobody has it", ends.fd);
}

static void read_and_write(void)
{
	connected_pair(&ends);
	CALL(write(ends.peer, "abc", 3));
	await(ends.fd, POLLIN);
	CALL(read(ends.fd, bytes, 0));
	CALL(read(ends.fd, bytes, 2));
	CALL(write(ends.peer, "", 0));
	CALL(read(ends.fd, bytes, 5));
	shutdown(ends.peer, SHUT_WR);
	await(ends.fd, POLLIN);
	CALL(read(ends.fd, bytes, 5));
	CALL(pwrite(ends.fd, "x", 1, 0));
}

const struct call_case transfer_cases[] = {
	{ "sendfile", send_file }, { "splice", splices }, { "passed", passed },
	{ "not-passed", not_passed }, { "inherited", inherited }, { "read-and-write", read_and_write },
	{ 0 },
};
