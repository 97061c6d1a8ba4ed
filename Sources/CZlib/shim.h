#pragma once
// zlib: gzip streams. Its set-up functions are macros, which Swift does not see.
#include <zlib.h>

// A window of 15 bits; 16 more choose the gzip format (zlib.h, "inflateInit2", "deflateInit2").
static inline int meridian_inflate_init(z_streamp stream) { return inflateInit2(stream, 15 + 16); }

static inline int meridian_deflate_init(z_streamp stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
