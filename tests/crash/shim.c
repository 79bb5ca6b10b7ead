/* Preloaded into a process: counts what it does to files of one folder and to sockets, kills it at the N-th, logs it.
 *
 * Inert until `shim_arm` is called. A kill is SIGKILL before, inside or after the call; inside, half of the bytes of a
 * write or a send have left. The log holds every change of the folder's files and names, and every byte sent, in the
 * order in which it happened: a lock is held from each call until it is written down.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC, TRUNCATE, CREATE, RENAME, LINK, UNLINK, MKDIR, SEND, RECEIVE, CONNECT };
enum { NEVER, BEFORE, INSIDE, AFTER };
enum { MOST = 8000, ROUNDS = 1 << 20 };

/* What the parent reads: how many calls there were, what each was, and which was the last. */
struct note {
    uint64_t count;
    uint8_t killed;
    uint8_t calls[MOST];
};

/* One entry of the log, followed by its path, its second path and its bytes. */
struct entry {
    uint32_t call, path, other, bytes;
    uint64_t at;
};

static struct note nowhere, *note = &nowhere;
static char folder[PATH_MAX];
static size_t folder_length;
static uint64_t kill_at;
static int kill_how, log_fd = -1, armed;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name)) real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void die(int call) {
    note->killed = (uint8_t) call;
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

/* One call: its number, and whether it is the last. */
struct turn {
    int call, last;
};

static struct turn begin(int call, int halves) {
    uint64_t number = __atomic_add_fetch(&note->count, 1, __ATOMIC_SEQ_CST);
    struct turn turn = {call, number == kill_at};
    if (number <= MOST) note->calls[number - 1] = (uint8_t) call;
    if (turn.last && (kill_how == BEFORE || (kill_how == INSIDE && !halves))) die(call);
    if (log_fd >= 0 && call != RECEIVE) pthread_mutex_lock(&order);
    return turn;
}

static void end(struct turn turn) {
    if (log_fd >= 0 && turn.call != RECEIVE) pthread_mutex_unlock(&order);
    if (turn.last && kill_how == AFTER) die(turn.call);
}

static int halved(struct turn turn) { return turn.last && kill_how == INSIDE; }

static void put(const void *bytes, size_t length) {
    const char *from = bytes;
    while (length > 0) {
        ssize_t done = syscall(SYS_write, log_fd, from, length);
        if (done < 0 && errno != EINTR) die(0);
        if (done > 0) from += done, length -= (size_t) done;
    }
}

static void tell(int call, const char *path, const char *other, const void *bytes, size_t length, uint64_t at) {
    int kept = errno;
    if (log_fd >= 0) {
        struct entry entry = {(uint32_t) call, (uint32_t) strlen(path), (uint32_t) strlen(other), (uint32_t) length, at};
        put(&entry, sizeof entry);
        put(path, entry.path);
        put(other, entry.other);
        put(bytes, length);
    }
    errno = kept;
}

static int inside_folder(const char *path) {
    return strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || path[folder_length] == 0);
}

/* Whether a descriptor is a file or folder that is watched; its path. */
static int watched(int fd, char *path) {
    struct stat status;
    char link[64];
    int kept = errno, yes = 0;
    if (armed && fd > 2 && fd != log_fd && fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, PATH_MAX - 1);
        if (length > 0) {
            path[length] = 0;
            yes = inside_folder(path);
        }
    }
    errno = kept;
    return yes;
}

static int is_socket(int fd) {
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    int kept = errno;
    int yes = armed && getsockname(fd, (struct sockaddr *) &name, &length) == 0
        && (name.ss_family == AF_INET || name.ss_family == AF_INET6);
    errno = kept;
    return yes;
}

/* A path as the kernel knows it, whole; whether it is watched. */
static int named(int at, const char *path, char *whole) {
    if (!armed || path == NULL) return 0;
    int kept = errno;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char link[64], base[PATH_MAX];
        snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, base, sizeof base - 1);
        base[length > 0 ? length : 0] = 0;
        if (snprintf(whole, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) whole[0] = 0;
    }
    errno = kept;
    return inside_folder(whole);
}

/* Arm: watch a folder, note in a file that is there, log into another if one is named, kill at a call (0: never). */
void shim_arm(const char *watch, const char *noting, const char *logging, uint64_t at, int how) {
    snprintf(folder, sizeof folder, "%s", watch);
    folder_length = strlen(folder);
    int fd = (int) syscall(SYS_openat, AT_FDCWD, noting, O_RDWR | O_CLOEXEC, 0);
    void *page = mmap(NULL, sizeof(struct note), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || page == MAP_FAILED) _exit(99);
    note = page;
    if (logging[0]) {
        log_fd = (int) syscall(SYS_openat, AT_FDCWD, logging, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_fd < 0) _exit(99);
    }
    kill_at = at;
    kill_how = how;
    armed = 1;
}

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
