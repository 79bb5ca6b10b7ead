/* Preloaded into a process: lets calls on files of one folder fail, and moves the wall clock, as a shared page says.
 *
 * Inert until it is armed, by `faults_arm` or by FAULTS_FOLDER and FAULTS_PAGE in the environment. The page is written by the
 * tests also while the process runs, so that a disk may fail, and be well again, under it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN, CREATE, READ, WRITE, SYNC, TRUNCATE, NAME, KINDS };

/* `faults.py` knows this as well. */
static struct page {
    uint64_t count;  /* calls that might have failed */
    uint64_t struck; /* and how many did */
    uint64_t at;     /* the first that does, from 1; 0: none */
    int64_t wall;    /* seconds that the wall clock is off */
    uint32_t error;
    uint32_t signal; /* sent instead, and the call succeeds */
    uint32_t kinds;  /* one bit each */
    uint32_t kind;   /* of the first that failed */
    uint8_t lasting; /* whether all after it fail too */
    uint8_t half;    /* whether the first, a write, takes half of the bytes instead */
    uint8_t unused[6];
    char only[64];   /* what is in the paths concerned */
    char path[256];  /* of the first that failed */
} nowhere, *page = &nowhere;

static char folder[PATH_MAX];
static size_t folder_length;
static int armed;

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

static int inside_folder(const char *path) {
    return strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || path[folder_length] == 0);
}

/* Whether a descriptor is a file or folder that is watched; its path. */
static int watched(int fd, char *path) {
    struct stat status;
    char link[64];
    int kept = errno, yes = 0;
    if (armed && fd > 2 && fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
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

/* Whether a path is watched; it, whole. Only whole ones and those below the working folder are known. */
static int named(int at, const char *path, char *whole) {
    if (!armed || path == NULL) return 0;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX];
        if (at != AT_FDCWD || getcwd(base, sizeof base) == NULL) return 0;
        if (snprintf(whole, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
    }
    return inside_folder(whole);
}

/* Whether this call is one that fails: 0, 1, or 2 for half of it. */
static int strikes(int kind, const char *path) {
    if (!(page->kinds >> kind & 1) || strstr(path, page->only) == NULL) return 0;
    uint64_t number = __atomic_add_fetch(&page->count, 1, __ATOMIC_SEQ_CST), at = page->at;
    if (at == 0 || number < at || (number > at && !page->lasting)) return 0;
    if (__atomic_fetch_add(&page->struck, 1, __ATOMIC_SEQ_CST) == 0) {
        page->kind = (uint32_t) kind;
        snprintf(page->path, sizeof page->path, "%s", path);
    }
    if (page->signal) {
        kill(getpid(), (int) page->signal);
        return 0;
    }
    if (page->half && number == at && kind == WRITE) return 2;
    errno = (int) page->error;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    int how = watched(fd, path) ? strikes(WRITE, path) : 0;
    return how == 1 ? -1 : REAL(write)(fd, bytes, how == 2 ? (length + 1) / 2 : length);
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    char path[PATH_MAX];
    return watched(fd, path) && strikes(WRITE, path) ? -1 : REAL(writev)(fd, pieces, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    char path[PATH_MAX];
    int how = watched(fd, path) ? strikes(WRITE, path) : 0;
    return how == 1 ? -1 : REAL(pwrite64)(fd, bytes, how == 2 ? (length + 1) / 2 : length, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

#define FAILS(kind) watched(fd, path) && strikes(kind, path) ? -1

ssize_t read(int fd, void *bytes, size_t length) {
    char path[PATH_MAX];
    return FAILS(READ) : REAL(read)(fd, bytes, length);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
    char path[PATH_MAX];
    return FAILS(READ) : REAL(pread64)(fd, bytes, length, at);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t at) { return pread64(fd, bytes, length, at); }

int fsync(int fd) {
    char path[PATH_MAX];
    return FAILS(SYNC) : REAL(fsync)(fd);
}

int fdatasync(int fd) {
    char path[PATH_MAX];
    return FAILS(SYNC) : REAL(fdatasync)(fd);
}

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    return FAILS(TRUNCATE) : REAL(ftruncate64)(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int opened(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    if (named(at, path, whole)) {
        int kept = errno, there = access(whole, F_OK) == 0;
        errno = kept;
        if (strikes((flags & O_CREAT) && !there ? CREATE : OPEN, whole)) return -1;
    }
    return REAL(openat64)(at, path, flags, mode);
}

#define OPENS(name, parameters, at)                                                                              \
    int name parameters {                                                                                        \
        va_list more;                                                                                            \
        va_start(more, flags);                                                                                   \
        mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;          \
        va_end(more);                                                                                            \
        return opened(at, path, flags, mode);                                                                    \
    }

OPENS(open, (const char *path, int flags, ...), AT_FDCWD)
OPENS(open64, (const char *path, int flags, ...), AT_FDCWD)
OPENS(openat, (int at, const char *path, int flags, ...), at)
OPENS(openat64, (int at, const char *path, int flags, ...), at)

#define NAMES(act)           \
    char whole[PATH_MAX];    \
    return named(AT_FDCWD, path, whole) && strikes(NAME, whole) ? -1 : act;

int rename(const char *path, const char *to) { NAMES(REAL(rename)(path, to)) }
int unlink(const char *path) { NAMES(REAL(unlink)(path)) }
int mkdir(const char *path, mode_t mode) { NAMES(REAL(mkdir)(path, mode)) }

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = (int) syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += page->wall;
    return done;
}

void faults_arm(const char *watch, const char *file) {
    int fd = (int) syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0);
    void *shared = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || shared == MAP_FAILED) _exit(99);
    syscall(SYS_close, fd);
    snprintf(folder, sizeof folder, "%s", watch);
    folder_length = strlen(folder);
    page = shared;
    armed = 1;
}

__attribute__((constructor)) static void begin(void) {
    const char *watch = getenv("FAULTS_FOLDER"), *file = getenv("FAULTS_PAGE");
    if (watch && file) faults_arm(watch, file);
}
