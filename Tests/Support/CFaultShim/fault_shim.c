/* A preload library that gives a process the disk it fears: written bytes stay in this process's memory until a sync,
 * and at the kill a random subset of the unsynced 512-byte sectors reaches the file, in random order. Test only; built
 * by the tests with cc, never by the package.
 *
 *   MERIDIAN_SHIM_DIRECTORY          files under this directory are covered (required; absolute)
 *   MERIDIAN_SHIM_SEED               seed of the choice of sectors (default 1)
 *   MERIDIAN_SHIM_KILL_AFTER_SYNCS   die inside the n-th sync, before it takes effect (default: never)
 *   MERIDIAN_SHIM_KILL_AFTER_CALLS   die at the n-th call that changes a covered file, a write amid its bytes (default: never)
 *   MERIDIAN_SHIM_KILL_FILE          die when this file appears (looked for at every write and every 5 ms)
 *   MERIDIAN_SHIM_STALL_FILE         syncs stand still while this file exists (looked for every 5 ms)
 *   MERIDIAN_SHIM_IGNORE_SYNC        1: syncs return success and do nothing (the canary: tests must then fail)
 *
 * Death is by SIGKILL to itself, so nothing of the process runs afterwards. Only pread/pwrite-style access is covered;
 * a covered file must not be mapped. Lengths: growth by pwrite, ftruncate and fallocate is passed through at once (a
 * file may be longer than its synced bytes: zeros, as after a power cut), truncation drops the held bytes beyond it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { sector_bytes = 512, table_size = 1 << 16, max_files = 1024 };

/* One held sector. `mask` has a bit for each byte that the overlay holds. */
struct sector {
    dev_t device;
    ino_t inode;
    uint64_t number;
    int descriptor; /* the covered file's, below */
    uint8_t mask[sector_bytes / 8];
    uint8_t bytes[sector_bytes];
    struct sector *next;
};

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off_t);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sector *table[table_size];

/* Our own duplicate of a descriptor of every file written: it outlives the process's close. */
static struct { dev_t device; ino_t inode; int descriptor; } files[max_files];
static size_t file_count;
static char directory[PATH_MAX];
static char kill_file[PATH_MAX];
static char stall_file[PATH_MAX];
static long syncs_left = -1;
static long calls_left = -1;
static int ignores_sync;
static uint64_t random_state = 1;

static uint64_t next_random(void) {
    uint64_t z = (random_state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static size_t slot_of(const struct stat *info, uint64_t number) {
    uint64_t h = (uint64_t)info->st_ino * 0x9e3779b97f4a7c15ull ^ number * 0xff51afd7ed558ccdull;
    return (size_t)(h >> 40) % table_size;
}

/* Whether the descriptor is a regular file under the covered directory. */
static int covered(int fd, struct stat *info) {
    char link[64], path[PATH_MAX];
    if (directory[0] == 0 || fstat(fd, info) != 0 || !S_ISREG(info->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    size_t prefix = strlen(directory);
    return strncmp(path, directory, prefix) == 0 && (path[prefix] == '/' || path[prefix] == 0);
}

static struct sector *find(const struct stat *info, uint64_t number) {
    for (struct sector *s = table[slot_of(info, number)]; s; s = s->next)
        if (s->inode == info->st_ino && s->device == info->st_dev && s->number == number) return s;
    return NULL;
}

/* Writes the held bytes of one sector, run by run, through our own descriptor. */
static void persist(const struct sector *s) {
    for (int at = 0; at < sector_bytes;) {
        if (!(s->mask[at / 8] & 1 << at % 8)) { at++; continue; }
        int end = at;
        while (end < sector_bytes && s->mask[end / 8] & 1 << end % 8) end++;
        if (real_pwrite(s->descriptor, s->bytes + at, (size_t)(end - at),
                        (off_t)(s->number * sector_bytes + (uint64_t)at)) < 0) return;
        at = end;
    }
}

/* A random subset of all held sectors, in random order, then death. Called with the lock held. */
static void die(void) {
    size_t count = 0, at = 0;
    for (size_t i = 0; i < table_size; i++)
        for (struct sector *s = table[i]; s; s = s->next) count++;
    struct sector **all = malloc((count + 1) * sizeof *all);
    if (all) {
        for (size_t i = 0; i < table_size; i++)
            for (struct sector *s = table[i]; s; s = s->next) all[at++] = s;
        for (size_t i = count; i > 1; i--) {
            size_t j = next_random() % i;
            struct sector *held = all[i - 1];
            all[i - 1] = all[j];
            all[j] = held;
        }
        for (size_t i = 0; i < count; i++)
            if (next_random() & 1) persist(all[i]);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void check_kill_file(void) {
    if (kill_file[0] && access(kill_file, F_OK) == 0) die();
}

/* Whether this call is the process's last. Called with the lock held, once a call. */
static int is_last_call(void) {
    check_kill_file();
    return calls_left > 0 && --calls_left == 0;
}

static void *watch(void *unused) {
    (void)unused;
    for (;;) {
        usleep(5000);
        pthread_mutex_lock(&lock);
        check_kill_file();
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

__attribute__((constructor)) static void start(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_pread = dlsym(RTLD_NEXT, "pread");
    real_write = dlsym(RTLD_NEXT, "write");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    const char *value = getenv("MERIDIAN_SHIM_DIRECTORY");
    if (!value || !realpath(value, directory)) { directory[0] = 0; return; }
    if ((value = getenv("MERIDIAN_SHIM_SEED"))) random_state = strtoull(value, NULL, 10);
    if ((value = getenv("MERIDIAN_SHIM_KILL_AFTER_SYNCS"))) syncs_left = strtol(value, NULL, 10);
    if ((value = getenv("MERIDIAN_SHIM_KILL_AFTER_CALLS"))) calls_left = strtol(value, NULL, 10);
    if ((value = getenv("MERIDIAN_SHIM_KILL_FILE"))) snprintf(kill_file, sizeof kill_file, "%s", value);
    if ((value = getenv("MERIDIAN_SHIM_STALL_FILE"))) snprintf(stall_file, sizeof stall_file, "%s", value);
    ignores_sync = (value = getenv("MERIDIAN_SHIM_IGNORE_SYNC")) && strcmp(value, "1") == 0;
    pthread_t thread;
    if (kill_file[0] && pthread_create(&thread, NULL, watch, NULL) == 0) pthread_detach(thread);
}

/* Our own descriptor of a file, -1 when there are too many files. Called with the lock held. */
static int own_descriptor(int fd, const struct stat *info) {
    for (size_t i = 0; i < file_count; i++)
        if (files[i].inode == info->st_ino && files[i].device == info->st_dev) return files[i].descriptor;
    if (file_count == max_files) { errno = ENFILE; return -1; }
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 1000);
    if (own < 0) return -1;
    files[file_count].device = info->st_dev;
    files[file_count].inode = info->st_ino;
    files[file_count++].descriptor = own;
    return own;
}

/* Holds the bytes. Returns 0, or -1 with errno. Called with the lock held. */
static int hold(int fd, const struct stat *info, const uint8_t *bytes, size_t count, off_t offset) {
    uint64_t end = (uint64_t)offset + count;
    if ((off_t)end > info->st_size && real_ftruncate(fd, (off_t)end) != 0) return -1;
    int own = own_descriptor(fd, info);
    if (own < 0) return -1;
    for (uint64_t at = (uint64_t)offset; at < end;) {
        uint64_t number = at / sector_bytes;
        struct sector *s = find(info, number);
        if (!s) {
            if (!(s = calloc(1, sizeof *s))) { errno = ENOMEM; return -1; }
            s->device = info->st_dev;
            s->inode = info->st_ino;
            s->number = number;
            s->descriptor = own;
            size_t slot = slot_of(info, number);
            s->next = table[slot];
            table[slot] = s;
        }
        for (; at < end && at / sector_bytes == number; at++) {
            size_t in = at % sector_bytes;
            s->bytes[in] = bytes[at - (uint64_t)offset];
            s->mask[in / 8] |= (uint8_t)(1 << in % 8);
        }
    }
    return 0;
}

/* Ends the holding of a file's sectors at or beyond `from`, writing them first when asked to. */
static void release(const struct stat *info, uint64_t from, int writes) {
    for (size_t i = 0; i < table_size; i++) {
        for (struct sector **place = &table[i]; *place;) {
            struct sector *s = *place;
            if (s->inode != info->st_ino || s->device != info->st_dev || s->number * sector_bytes < from) {
                place = &s->next;
                continue;
            }
            if (writes) persist(s);
            *place = s->next;
            free(s);
        }
    }
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    struct stat info;
    if (!covered(fd, &info)) return real_pwrite(fd, bytes, count, offset);
    pthread_mutex_lock(&lock);
    int is_last = is_last_call();
    if (is_last) count = next_random() % (count + 1);
    int failed = fstat(fd, &info) != 0 || hold(fd, &info, bytes, count, offset) != 0;
    if (is_last) die();
    pthread_mutex_unlock(&lock);
    return failed ? -1 : (ssize_t)count;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) { return pwrite(fd, bytes, count, offset); }

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = pwrite(fd, parts[i].iov_base, parts[i].iov_len, offset + total);
        if (done < 0) return total ? total : -1;
        total += done;
    }
    return total;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(fd, parts, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    struct stat info;
    if (!real_write) real_write = dlsym(RTLD_NEXT, "write");
    if (directory[0] == 0 || !covered(fd, &info)) return real_write(fd, bytes, count);
    off_t at = fcntl(fd, F_GETFL) & O_APPEND ? info.st_size : lseek(fd, 0, SEEK_CUR);
    ssize_t done = pwrite(fd, bytes, count, at);
    if (done > 0) lseek(fd, at + done, SEEK_SET);
    return done;
}

ssize_t pread(int fd, void *bytes, size_t count, off_t offset) {
    struct stat info;
    if (!covered(fd, &info)) return real_pread(fd, bytes, count, offset);
    pthread_mutex_lock(&lock);
    ssize_t got = real_pread(fd, bytes, count, offset);
    for (ssize_t i = 0; i < got;) {
        uint64_t at = (uint64_t)offset + (uint64_t)i;
        struct sector *s = find(&info, at / sector_bytes);
        ssize_t run = (ssize_t)(sector_bytes - at % sector_bytes);
        for (ssize_t end = i + run < got ? i + run : got; i < end; i++) {
            size_t in = ((uint64_t)offset + (uint64_t)i) % sector_bytes;
            if (s && s->mask[in / 8] & 1 << in % 8) ((uint8_t *)bytes)[i] = s->bytes[in];
        }
    }
    pthread_mutex_unlock(&lock);
    return got;
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) { return pread(fd, bytes, count, offset); }

static int synchronise(int fd, int (*real)(int)) {
    struct stat info;
    if (!covered(fd, &info)) return real(fd);
    /* Without the lock: a disk that does not answer a sync still takes writes into the page cache. */
    while (stall_file[0] && access(stall_file, F_OK) == 0) usleep(5000);
    pthread_mutex_lock(&lock);
    if (is_last_call()) die();
    if (syncs_left > 0 && --syncs_left == 0) die();
    if (ignores_sync) {
        pthread_mutex_unlock(&lock);
        return 0;
    }
    release(&info, 0, 1);
    int result = real(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

int fdatasync(int fd) { return synchronise(fd, real_fdatasync); }

int fsync(int fd) { return synchronise(fd, real_fsync); }

int ftruncate(int fd, off_t length) {
    struct stat info;
    if (!covered(fd, &info)) return real_ftruncate(fd, length);
    pthread_mutex_lock(&lock);
    if (is_last_call()) die();
    uint64_t kept = ((uint64_t)length + sector_bytes - 1) / sector_bytes * sector_bytes;
    release(&info, kept, 0);
    struct sector *edge = (uint64_t)length % sector_bytes ? find(&info, (uint64_t)length / sector_bytes) : NULL;
    for (size_t at = (uint64_t)length % sector_bytes; edge && at < sector_bytes; at++)
        edge->mask[at / 8] &= (uint8_t)~(1 << at % 8);
    int result = real_ftruncate(fd, length);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }
