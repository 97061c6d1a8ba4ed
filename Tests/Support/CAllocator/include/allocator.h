// Settings of glibc's allocator, whose header Swift's Glibc module leaves out.
#ifndef MERIDIAN_ALLOCATOR_H
#define MERIDIAN_ALLOCATOR_H

/// Blocks of at least `map_bytes` become maps of their own; free memory at the heap's end above `trim_bytes` goes back.
void allocator_keep_thresholds(int map_bytes, int trim_bytes);

/// Gives free memory back to the system.
void allocator_trim(void);

#endif
