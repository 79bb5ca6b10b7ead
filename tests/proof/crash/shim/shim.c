/* Preloaded into a process: counts what it does to files of one folder and to sockets, kills it at the N-th, logs it.
 *
 * Inert until `shim_arm` is called. A kill is SIGKILL before, inside or after the call; inside, half of the bytes of a
 * write or a send have left. The log holds every change of the folder's files and names, and every byte sent, in the
 * order in which it happened: a lock is held from each call until it is written down.
 */
#define _GNU_SOURCE
#include "shim.h"

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    __typeof__(&write) next = REAL(write);
    if (watched(fd, path)) {
        struct turn turn = begin(WRITE, 1);
        ssize_t done = next(fd, bytes, halved(turn) ? length / 2 : length);
        if (halved(turn)) die(WRITE);
        if (done > 0) tell(WRITE, path, "", bytes, (size_t) done, (uint64_t) (lseek(fd, 0, SEEK_CUR) - done));
        end(turn);
        return done;
    }
    if (is_socket(fd)) return send(fd, bytes, length, 0);
    return next(fd, bytes, length);
}

static ssize_t placed(ssize_t (*next)(int, const void *, size_t, off64_t), int fd, const void *bytes, size_t length, off64_t at) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return next(fd, bytes, length, at);
    struct turn turn = begin(WRITE, 1);
    ssize_t done = next(fd, bytes, halved(turn) ? length / 2 : length, at);
    if (halved(turn)) die(WRITE);
    if (done > 0) tell(WRITE, path, "", bytes, (size_t) done, (uint64_t) at);
    end(turn);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return placed(REAL(pwrite64), fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return placed(REAL(pwrite64), fd, bytes, length, at); }

/* Gathered writes go piece by piece: a short write is what any caller must expect. */
ssize_t writev(int fd, const struct iovec *pieces, int count) {
    char path[PATH_MAX];
    if (!watched(fd, path) && !is_socket(fd)) return REAL(writev)(fd, pieces, count);
    for (int n = 0; n < count; n++)
        if (pieces[n].iov_len > 0) return write(fd, pieces[n].iov_base, pieces[n].iov_len);
    return 0;
}

static int synced(int (*next)(int), int fd) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return next(fd);
    struct turn turn = begin(SYNC, 0);
    int done = next(fd);
    if (done == 0) tell(SYNC, path, "", "", 0, 0);
    end(turn);
    return done;
}

int fsync(int fd) { return synced(REAL(fsync), fd); }
int fdatasync(int fd) { return synced(REAL(fdatasync), fd); }

static int cut(int (*next)(int, off64_t), int fd, off64_t size) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return next(fd, size);
    struct turn turn = begin(TRUNCATE, 0);
    int done = next(fd, size);
    if (done == 0) tell(TRUNCATE, path, "", "", 0, (uint64_t) size);
    end(turn);
    return done;
}

int ftruncate(int fd, off_t size) { return cut(REAL(ftruncate64), fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(REAL(ftruncate64), fd, size); }

static int opened(int (*next)(int, const char *, int, ...), int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    struct stat status;
    if (!(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE || !named(at, path, whole)) return next(at, path, flags, mode);
    int kept = errno, there = stat(whole, &status) == 0;
    errno = kept;
    if (there && !((flags & O_TRUNC) && status.st_size > 0)) return next(at, path, flags, mode);
    struct turn turn = begin(there ? TRUNCATE : CREATE, 0);
    int fd = next(at, path, flags, mode);
    if (fd >= 0) tell(there ? TRUNCATE : CREATE, whole, "", "", 0, 0);
    end(turn);
    return fd;
}

static mode_t mode_of(int flags, va_list more) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
}

#define OPEN(name, parameters, at, next)                         \
    int name parameters {                                        \
        va_list more;                                            \
        va_start(more, flags);                                   \
        mode_t mode = mode_of(flags, more);                      \
        va_end(more);                                            \
        return opened(REAL(next), at, path, flags, mode);        \
    }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD, openat64)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, openat64)
OPEN(openat, (int at, const char *path, int flags, ...), at, openat64)
OPEN(openat64, (int at, const char *path, int flags, ...), at, openat64)

/* A change of names: `other` is empty where only one is concerned. */
#define NAMES(call, from_at, from, to_at, to, act)                                           \
    char first[PATH_MAX], second[PATH_MAX];                                                  \
    int either = named(from_at, from, first);                                                \
    either |= named(to_at, to, second);                                                      \
    if (!either) return act;                                                                 \
    struct turn turn = begin(call, 0);                                                       \
    int done = act;                                                                          \
    if (done == 0) tell(call, first, second, "", 0, 0);                                      \
    end(turn);                                                                               \
    return done;

#define NAME(call, at, path, act)                                                            \
    char whole[PATH_MAX];                                                                    \
    if (!named(at, path, whole)) return act;                                                 \
    struct turn turn = begin(call, 0);                                                       \
    int done = act;                                                                          \
    if (done == 0) tell(call, whole, "", "", 0, 0);                                          \
    end(turn);                                                                               \
    return done;

int rename(const char *from, const char *to) { NAMES(RENAME, AT_FDCWD, from, AT_FDCWD, to, REAL(rename)(from, to)) }
int renameat(int from_at, const char *from, int to_at, const char *to) {
    NAMES(RENAME, from_at, from, to_at, to, REAL(renameat)(from_at, from, to_at, to))
}
int link(const char *from, const char *to) { NAMES(LINK, AT_FDCWD, from, AT_FDCWD, to, REAL(link)(from, to)) }
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    NAMES(LINK, from_at, from, to_at, to, REAL(linkat)(from_at, from, to_at, to, flags))
}
int unlink(const char *path) { NAME(UNLINK, AT_FDCWD, path, REAL(unlink)(path)) }
int unlinkat(int at, const char *path, int flags) { NAME(UNLINK, at, path, REAL(unlinkat)(at, path, flags)) }
int rmdir(const char *path) { NAME(UNLINK, AT_FDCWD, path, REAL(rmdir)(path)) }
int mkdir(const char *path, mode_t mode) { NAME(MKDIR, AT_FDCWD, path, REAL(mkdir)(path, mode)) }
int mkdirat(int at, const char *path, mode_t mode) { NAME(MKDIR, at, path, REAL(mkdirat)(at, path, mode)) }

int connect(int fd, const struct sockaddr *to, socklen_t length) {
    if (!is_socket(fd)) return REAL(connect)(fd, to, length);
    struct turn turn = begin(CONNECT, 0);
    int done = REAL(connect)(fd, to, length);
    tell(CONNECT, "", "", "", 0, (uint64_t) fd);
    end(turn);
    return done;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    if (!is_socket(fd)) return REAL(send)(fd, bytes, length, flags);
    struct turn turn = begin(SEND, 1);
    ssize_t done = REAL(send)(fd, bytes, halved(turn) ? length / 2 : length, flags);
    if (halved(turn)) die(SEND);
    if (done > 0) tell(SEND, "", "", bytes, (size_t) done, (uint64_t) fd);
    end(turn);
    return done;
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size) {
    if (to == NULL) return send(fd, bytes, length, flags);
    return REAL(sendto)(fd, bytes, length, flags, to, size);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    if (!is_socket(fd)) return REAL(sendmsg)(fd, message, flags);
    for (size_t n = 0; n < message->msg_iovlen; n++)
        if (message->msg_iov[n].iov_len > 0) return send(fd, message->msg_iov[n].iov_base, message->msg_iov[n].iov_len, flags);
    return 0;
}

/* A receive waits for others: it neither holds the lock nor is it in the log. */
#define RECEIVED(act)               \
    if (!is_socket(fd)) return act; \
    struct turn turn = begin(RECEIVE, 0); \
    ssize_t done = act;             \
    end(turn);                      \
    return done;

ssize_t recv(int fd, void *bytes, size_t length, int flags) { RECEIVED(REAL(recv)(fd, bytes, length, flags)) }
ssize_t recvfrom(int fd, void *bytes, size_t length, int flags, struct sockaddr *from, socklen_t *size) {
    RECEIVED(REAL(recvfrom)(fd, bytes, length, flags, from, size))
}
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { RECEIVED(REAL(recvmsg)(fd, message, flags)) }
ssize_t __recv_chk(int fd, void *bytes, size_t length, size_t room, int flags) {
    (void) room;
    return recv(fd, bytes, length, flags);
}
ssize_t __recvfrom_chk(int fd, void *bytes, size_t length, size_t room, int flags, struct sockaddr *from, socklen_t *size) {
    (void) room;
    return recvfrom(fd, bytes, length, flags, from, size);
}
