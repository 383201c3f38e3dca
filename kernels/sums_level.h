/* The sums at one level; see dispatch.h for the macros found defined here. */

#if VECTOR_BYTES
#define LANES (VECTOR_BYTES / 8)
typedef double NAME(doubles) __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef float NAME(floats) __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef int64_t NAME(integers) __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef uint64_t NAME(words) __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef double NAME(doubles_anywhere) __attribute__((vector_size(VECTOR_BYTES), may_alias, aligned(8)));
typedef float NAME(floats_anywhere) __attribute__((vector_size(VECTOR_BYTES), may_alias, aligned(4)));
#define SPLAT(x) ((x) - (NAME(doubles)){0}) /* minus, as -0.0 + 0.0 is 0.0 */
#define MAGNITUDE(v) ((NAME(doubles))((NAME(words))(v) & ~((NAME(words)){0} + NEGATIVE_ZERO_BITS)))
#else
#define LANES 1
typedef double NAME(doubles);
typedef float NAME(floats);
typedef int64_t NAME(integers);
typedef uint64_t NAME(words);
typedef double NAME(doubles_anywhere);
typedef float NAME(floats_anywhere);
#define SPLAT(x) (x)
#define MAGNITUDE(v) fabs(v)
#endif

/* The larger of each pair; b where a is NaN. */
INLINE NAME(doubles) NAME(larger)(NAME(doubles) a, NAME(doubles) b) {
#if defined(LARGER)
    return LARGER(a, b);
#elif VECTOR_BYTES
    NAME(words) above = (NAME(words))(a > b);
    return (NAME(doubles))(((NAME(words))a & above) | ((NAME(words))b & ~above));
#else
    return a > b ? a : b;
#endif
}

#define ELEMENT double
#define PIECE(stem) PASTE(stem##_double, LEVEL)
#define VECTOR NAME(doubles)
#define ANYWHERE NAME(doubles_anywhere)
#include "pieces.h"
#include "sums_real.h"
TARGET static void NAME(float64_lanes)(struct span rest, int distant, double *lanes) {
    NAME(doubles) total = rest.count < ROW ? PIECE(sum_edge)(rest) : PIECE(sum_blocks)(rest, distant);
    memcpy(lanes, &total, sizeof total);
}
#include "sums_binned.h"
#include "sums_compensated.h"
#undef ROW
#undef PIECE_BYTES
#undef ELEMENT
#undef PIECE
#undef VECTOR
#undef ANYWHERE

#define ELEMENT float
#define PIECE(stem) PASTE(stem##_float, LEVEL)
#define VECTOR NAME(floats)
#define ANYWHERE NAME(floats_anywhere)
#include "pieces.h"
#include "sums_real.h"
#undef ROW
#undef PIECE_BYTES
#undef ELEMENT
#undef PIECE
#undef VECTOR
#undef ANYWHERE

#define ELEMENT int64_t
#define PIECE(stem) PASTE(stem##_int64, LEVEL)
#include "pieces.h"
#include "sums_int64.h"
#undef ROW
#undef PIECE_BYTES
#undef ELEMENT
#undef PIECE

static const struct kernels NAME(table) = {
#define TEXT_OF(level) #level
#define TEXT(level) TEXT_OF(level)
    TEXT(LEVEL), LANES, PASTE(sum_double, LEVEL), NAME(float64_lanes), PASTE(sum_float, LEVEL), PASTE(sum_int64, LEVEL),
    NAME(compensated), NAME(deposit),
#undef TEXT
#undef TEXT_OF
};

#undef LANES
#undef SPLAT
#undef MAGNITUDE
