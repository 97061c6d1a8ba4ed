#include "allocator.h"

#include <malloc.h>

void allocator_keep_thresholds(int map_bytes, int trim_bytes) {
    mallopt(M_MMAP_THRESHOLD, map_bytes);
    mallopt(M_TRIM_THRESHOLD, trim_bytes);
}

void allocator_trim(void) { malloc_trim(0); }
