/* A preload library that counts the malloc-family calls of a process into a file that the benchmark reads while it runs.
 * Test only; built by the benchmarks with cc, never by the package.
 *
 *   MERIDIAN_COUNTER_FILE   an existing file of at least 16 bytes: allocation calls (u64), then frees (u64)
 *
 * Calls before the file is mapped are not counted. Thread-safe: relaxed atomic additions to one shared page.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

struct counters { uint64_t allocations, frees; };

static struct counters unmapped;
static struct counters *counters = &unmapped;

__attribute__((constructor)) static void map_counters(void) {
    const char *path = getenv("MERIDIAN_COUNTER_FILE");
    if (!path) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *page = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) counters = page;
}

static void count_allocation(void) { __atomic_fetch_add(&counters->allocations, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) { count_allocation(); return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { count_allocation(); return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { count_allocation(); return __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size) { count_allocation(); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { count_allocation(); return __libc_memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    count_allocation();
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *memory = __libc_memalign(alignment, size);
    if (!memory) return ENOMEM;
    *result = memory;
    return 0;
}

void free(void *memory) {
    if (memory) __atomic_fetch_add(&counters->frees, 1, __ATOMIC_RELAXED);
    __libc_free(memory);
}
