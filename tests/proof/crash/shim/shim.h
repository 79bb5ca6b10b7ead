/* What the shim counts, notes, logs, and when it kills. See `shim.c`, the only file that includes this. */
#pragma once
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
enum { MOST = 8000 };

/* What the parent reads: how many calls there were, which was the last if it was killed, and what each was. */
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
