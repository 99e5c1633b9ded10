// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a build: counts the calls that change the file system, and at the one numbered
 * FAULT_AT either kills the process (FAULT=kill, before the call; FAULT=torn, after half of a
 * write) or lets the disk be full from then on (FAULT=full). Writes the count to FAULT_COUNT at
 * a regular exit.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;

static int mode_is(const char *name)
{
	const char *mode = getenv("FAULT");

	return mode && !strcmp(mode, name);
}

/* Counts one call; 1 if it must fail for want of space. */
static int step(int allocates)
{
	const char *at = getenv("FAULT_AT");
	long now = atomic_fetch_add(&calls, 1) + 1;

	if (!at || now < atol(at))
		return 0;
	if (mode_is("kill") && now == atol(at))
		raise(SIGKILL);
	if (!mode_is("full") || !allocates)
		return 0;
	errno = ENOSPC;
	return 1;
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (file) {
		fprintf(file, "%ld\n", atomic_load(&calls));
		fclose(file);
	}
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int regular(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (regular(fd)) {
		const char *at = getenv("FAULT_AT");

		if (mode_is("torn") && at && atomic_load(&calls) + 1 == atol(at)) {
			REAL(write)(fd, data, size / 2);
			raise(SIGKILL);
		}
		if (step(1))
			return -1;
	}
	return REAL(write)(fd, data, size);
}

#define OPEN(name)							\
	int name(const char *path, int flags, ...)			\
	{								\
		va_list list;						\
		mode_t mode = 0;					\
									\
		if (flags & O_CREAT) {					\
			va_start(list, flags);				\
			mode = va_arg(list, mode_t);			\
			va_end(list);					\
			if (step(access(path, F_OK) != 0))		\
				return -1;				\
		}							\
		return REAL(name)(path, flags, mode);			\
	}

OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode)
{
	return step(1) ? -1 : REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
	return step(0) ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
	return step(0) ? -1 : REAL(unlink)(path);
}

int unlinkat(int dir, const char *path, int flags)
{
	return step(0) ? -1 : REAL(unlinkat)(dir, path, flags);
}

int rmdir(const char *path)
{
	return step(0) ? -1 : REAL(rmdir)(path);
}
