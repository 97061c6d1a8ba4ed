/* A preload library that shows the thread sanitizer the contended half of Swift's `Mutex`. Test only; built by Tests/run
 * with clang, never by the package.
 *
 * A lock that is free is taken by an atomic instruction of the caller's, which the sanitizer has instrumented. One that is
 * held is taken and given back inside libswiftSynchronization, by a futex, where the sanitizer sees nothing: all that the
 * mutex guards then looks like a race. These two stand before the library's own and tell of the hand-over, and of nothing
 * else: what no mutex orders is reported as before.
 *
 * Swift passes `self` of a struct's method in the context register. Both symbols are ABI of Swift 6 on Linux; where they
 * change their names the sanitizer's reports come back, and nothing is hidden.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

typedef SWIFT void (*lock_slow)(uint32_t thread, SELF void *mutex);
typedef SWIFT void (*unlock_slow)(SELF void *mutex);

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

static lock_slow library_lock;
static unlock_slow library_unlock;

__attribute__((constructor)) static void find_library(void) {
    library_lock = (lock_slow)dlsym(RTLD_NEXT, LOCK_SLOW);
    library_unlock = (unlock_slow)dlsym(RTLD_NEXT, UNLOCK_SLOW);
}

SWIFT void shim_lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT void shim_unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);

SWIFT void shim_lock_slow(uint32_t thread, SELF void *mutex) {
    if (!library_lock) abort();
    library_lock(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT void shim_unlock_slow(SELF void *mutex) {
    if (!library_unlock) abort();
    if (__tsan_release) __tsan_release(mutex);
    library_unlock(mutex);
}
