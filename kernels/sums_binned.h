/* Slicing float64 into the bins of binned.h, three slices an element.
 *
 * q = (x + C) - C, with C = 1.5 * 2^52 units, is x rounded to whole units, ties to even, whatever was added
 * before; x - q is exact, and goes on to the next bin. Lanes gather q exactly: |q| is at most 2^39 units, and
 * after 4096 of them the lanes are emptied into the integers of the state. In the highest bins C would overflow,
 * so everything is scaled there by 2^-128; what that rounds, far below the lowest kept bin, is rounded to zero
 * units anyway. */

#define BINNED_ROWS ((ptrdiff_t)512 / LANES) /* a piece of 32 KiB: read for its maximum, then again from L1 */
#define CAPACITY 4096

struct NAME(slicer) {
    struct binned *state;
    double limit;               /* magnitudes from here on need a higher bin */
    ptrdiff_t taken;            /* vectors since the lanes were emptied */
    double scale, rounder[BINS], inverse[BINS][2];
    NAME(doubles) filled[BINS]; /* what the lanes hold */
};

INLINE void NAME(empty_lanes)(struct NAME(slicer) *to) {
    for (int j = 0; j < BINS; j++) {
        double lane[LANES];
        memcpy(lane, &to->filled[j], sizeof lane);
        for (int k = 0; k < LANES; k++)
            bin_add_units(&to->state->bin[j], (int64_t)(lane[k] * to->inverse[j][0] * to->inverse[j][1]));
        to->filled[j] = SPLAT(0.0);
    }
    to->taken = 0;
}

static void NAME(aim)(struct NAME(slicer) *to, int64_t top) {
    int down = unit_of(top) > 900 ? -128 : 0;
    to->scale = ldexp(1.0, down);
    to->limit = ldexp(1.0, unit_of(top) + BIN_WIDTH - 1);
    for (int j = 0; j < BINS; j++) {
        int unit = unit_of(top - j) + down;
        to->rounder[j] = ldexp(1.5, unit + 52);
        to->inverse[j][0] = ldexp(1.0, -unit / 2); /* 1 / unit in two steps, as it may overflow */
        to->inverse[j][1] = ldexp(1.0, -unit - -unit / 2);
    }
}

INLINE double NAME(largest)(const double *piece, ptrdiff_t rows) {
    const NAME(doubles) *at = (const NAME(doubles) *)piece, *end = at + 8 * rows;
    NAME(doubles) a = SPLAT(0.0), b = a, c = a, d = a;
    double lane[LANES], most = 0;
    for (; at < end; at += 4) {
        a = NAME(larger)(MAGNITUDE(at[0]), a);
        b = NAME(larger)(MAGNITUDE(at[1]), b);
        c = NAME(larger)(MAGNITUDE(at[2]), c);
        d = NAME(larger)(MAGNITUDE(at[3]), d);
    }
    a = NAME(larger)(NAME(larger)(a, b), NAME(larger)(c, d));
    memcpy(lane, &a, sizeof a);
    for (int k = 0; k < LANES; k++) most = lane[k] > most ? lane[k] : most;
    return most;
}

/* Slices x into the three sums. */
#define SLICE(x, first, second, third)                              \
    do {                                                            \
        NAME(doubles) q_, r_;                                       \
        q_ = ((x)*scale + high) - high;                             \
        r_ = (x)*scale - q_;                                        \
        first += q_;                                                \
        q_ = (r_ + middle) - middle;                                \
        r_ = FUSE(r_, one) - q_;                                    \
        second += q_;                                               \
        third += FUSE(FUSE(r_, one) + low, one) - low;              \
    } while (0)

/* Slices a piece; or changes nothing and returns 0 where it holds an infinity or NaN. */
INLINE int NAME(slice_piece)(struct NAME(slicer) *to, const double *piece, ptrdiff_t rows) {
    const NAME(doubles) *at = (const NAME(doubles) *)piece, *end = at + 8 * rows;
    const double size = NAME(largest)(piece, rows);
    NAME(doubles) one, scale, high, middle, low, a, b, c, d, e, f;
    double lane[LANES], finite = 0;
    (void)one;
    if (!(size <= DBL_MAX)) return 0;
    if (size >= to->limit || to->taken + 8 * rows > CAPACITY) NAME(empty_lanes)(to);
    if (size >= to->limit) NAME(aim)(to, bin_of(size));
    one = SPLAT(unseen_one);
    scale = SPLAT(to->scale);
    high = SPLAT(to->rounder[0]);
    middle = SPLAT(to->rounder[1]);
    low = SPLAT(to->rounder[2]);
    a = b = c = d = e = f = SPLAT(0.0);
    for (; at < end; at += 2) {
        SLICE(at[0], a, b, c);
        SLICE(at[1], d, e, f);
    }
    a += d;
    memcpy(lane, &a, sizeof a);
    for (int k = 0; k < LANES; k++) finite += 0 * lane[k];
    if (finite != 0) return 0; /* NaN, which no maximum shows */
    if (size > 0) binned_raise(to->state, bin_of(size));
    to->filled[0] += a;
    to->filled[1] += b + e;
    to->filled[2] += c + f;
    to->taken += 8 * rows;
    return 1;
}

/* Copies a piece with -0.0 for infinities and NaN; returns what was seen. */
INLINE uint32_t NAME(set_aside)(double *copy, const double *piece, ptrdiff_t count) {
    uint32_t seen = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        const double x = piece[i];
        if (x != x) seen |= SEEN_NAN;
        else if (x > DBL_MAX) seen |= SEEN_PLUS_INFINITY;
        else if (x < -DBL_MAX) seen |= SEEN_MINUS_INFINITY;
        copy[i] = fabs(x) <= DBL_MAX ? x : -0.0;
    }
    return seen;
}

TARGET static void NAME(deposit)(struct binned *state, struct span all) {
    ALIGN_64 double copy[BINNED_ROWS * ROW];
    struct NAME(slicer) to;
    struct span rest = all;
    const double *piece;
    ptrdiff_t rows;
    to.state = state;
    to.taken = 0;
    to.filled[0] = to.filled[1] = to.filled[2] = SPLAT(0.0);
    NAME(aim)(&to, state->top < 0 ? 0 : state->top);
    while ((piece = PIECE(next_piece)(&rest, copy, BINNED_ROWS, BINNED_ROWS, -0.0, &rows))) {
        if (!NAME(slice_piece)(&to, piece, rows)) {
            state->seen |= NAME(set_aside)(copy, piece, rows * ROW);
            (void)NAME(slice_piece)(&to, copy, rows);
        }
    }
    NAME(empty_lanes)(&to);
    if (all.count) state->seen |= SEEN_ANY;
    if (state->top < 0 && any_word(all, 0, 1)) state->seen |= SEEN_PLUS_ZERO;
}

#undef BINNED_ROWS
#undef CAPACITY
#undef SLICE
