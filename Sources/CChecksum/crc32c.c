// CRC32C: the reflected Castagnoli polynomial 0x82F63B78, initial value and final xor all ones.
#include "CChecksum.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

static uint32_t extend_bitwise_table(uint32_t state, const uint8_t *p, size_t n) {
    // A 16-entry table works on nibbles: small enough to stay in the cache of a path that few machines take.
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    while (n--) {
        state ^= *p++;
        state = (state >> 4) ^ table[state & 15];
        state = (state >> 4) ^ table[state & 15];
    }
    return state;
}

uint32_t meridian_crc32c_portable(uint32_t crc, const void *bytes, size_t length) {
    return ~extend_bitwise_table(~crc, (const uint8_t *)bytes, length);
}

#if defined(__x86_64__)
/* The instruction takes three cycles and a new one can start in each: three lanes side by side keep it busy. A lane's
 * register is moved over the n bytes behind it by a carry-less multiplication with x^(8n - 33) modulo the polynomial and
 * one more reduction (Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel 2011). */
enum { LONG_LANE = 1024, SHORT_LANE = 128 };
static const uint64_t over_long = 0x170076fa, over_two_long = 0xa51b6135;
static const uint64_t over_short = 0x0d3b6092, over_two_short = 0xb9e02b86;

__attribute__((target("sse4.2,pclmul"), always_inline)) static inline uint64_t moved(uint64_t state, uint64_t factor) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)state), _mm_cvtsi64_si128((long long)factor), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"), always_inline)) static inline uint64_t extend_lanes(
    uint64_t state, const uint8_t *p, size_t lane, uint64_t over_one, uint64_t over_two) {
    uint64_t second = 0, third = 0;
    for (size_t at = 0; at < lane; at += 8) {
        uint64_t words[3];
        memcpy(&words[0], p + at, 8);
        memcpy(&words[1], p + lane + at, 8);
        memcpy(&words[2], p + 2 * lane + at, 8);
        state = _mm_crc32_u64(state, words[0]);
        second = _mm_crc32_u64(second, words[1]);
        third = _mm_crc32_u64(third, words[2]);
    }
    return moved(state, over_two) ^ moved(second, over_one) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t extend_hardware(uint32_t crc, const uint8_t *p, size_t n) {
    uint64_t state = crc;
    for (; n >= 3 * LONG_LANE; p += 3 * LONG_LANE, n -= 3 * LONG_LANE) {
        state = extend_lanes(state, p, LONG_LANE, over_long, over_two_long);
    }
    for (; n >= 3 * SHORT_LANE; p += 3 * SHORT_LANE, n -= 3 * SHORT_LANE) {
        state = extend_lanes(state, p, SHORT_LANE, over_short, over_two_short);
    }
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = _mm_crc32_u64(state, word);
    }
    uint32_t narrow = (uint32_t)state;
    while (n--) narrow = _mm_crc32_u8(narrow, *p++);
    return narrow;
}
static int has_hardware(void) { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"); }
#elif defined(__aarch64__)
__attribute__((target("crc"))) static uint32_t extend_hardware(uint32_t state, const uint8_t *p, size_t n) {
    while (n >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = __crc32cd(state, word);
        p += 8;
        n -= 8;
    }
    while (n--) state = __crc32cb(state, *p++);
    return state;
}
static int has_hardware(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#else
static uint32_t extend_hardware(uint32_t state, const uint8_t *p, size_t n) {
    return extend_bitwise_table(state, p, n);
}
static int has_hardware(void) { return 0; }
#endif

uint32_t meridian_crc32c(uint32_t crc, const void *bytes, size_t length) {
    if (has_hardware()) return ~extend_hardware(~crc, (const uint8_t *)bytes, length);
    return meridian_crc32c_portable(crc, bytes, length);
}
