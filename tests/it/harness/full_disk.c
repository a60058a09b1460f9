// A disk that is full for one process: what it writes to files below $FULL_DISK fails with ENOSPC for as
// long as there is a file $FULL_DISK.full.
//
// Loaded into a program before all else, it takes the place of the system's functions.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_full(int file) {
  const char *disk = getenv("FULL_DISK");
  char path[4096], name[64];
  if (!disk || snprintf(path, sizeof path, "%s.full", disk) >= (int)sizeof path) return 0;
  int before = errno, full = access(path, F_OK) == 0;
  if (full) {
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path);
    size_t head = strlen(disk);
    full = length > (ssize_t)head && memcmp(path, disk, head) == 0 && path[head] == '/';
  }
  errno = full ? ENOSPC : before;
  return full;
}

ssize_t write(int file, const void *bytes, size_t count) {
  return is_full(file) ? -1 : syscall(SYS_write, file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  return is_full(file) ? -1 : syscall(SYS_pwrite64, file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t at) {
  return pwrite(file, bytes, count, at);
}

int fallocate(int file, int mode, off_t at, off_t count) {
  return is_full(file) ? -1 : (int)syscall(SYS_fallocate, file, mode, at, count);
}

int fallocate64(int file, int mode, off_t at, off_t count) {
  return fallocate(file, mode, at, count);
}

int posix_fallocate(int file, off_t at, off_t count) {
  return fallocate(file, 0, at, count) == 0 ? 0 : errno;
}

int posix_fallocate64(int file, off_t at, off_t count) {
  return posix_fallocate(file, at, count);
}
