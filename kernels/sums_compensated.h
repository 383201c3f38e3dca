/* The compensated sum of float64: first quickly with an error bound, again more carefully where that is not enough.
 *
 * TWO_SUM gives the rounding error of an addition exactly (D. E. Knuth, The Art of Computer Programming 2, 4.2.2).
 * Quick: four chains a lane gather sums and errors (Sum2 of T. Ogita, S. M. Rump, S. Oishi, Accurate Sum and Dot
 * Product, SIAM J. Sci. Comput. 26, 2005), in blocks of at most 32 elements a chain. Only the additions of errors are
 * rounded in a block: the i-th loses at most u * i * u * S, where S is the sum of the chain's magnitudes; together at
 * most u^2 * 32 * 33 / 2 * S. Blocks are added to three words a lane with errors below (u * 2^14)^3 * S, and the words
 * of all lanes exactly (exact.h). So the error before the one last rounding is below 2^-96 * sum|x|, whatever n.
 * sum|x| is gathered along the way: when that error may reach a quarter of u * |answer|, the second pass follows.
 * Careful: three words for each element at once (their SumK, K = 3), at most 2^15 elements a chain before the words go
 * into the exact sum: the error before the last rounding is below (2^16 u)^3 * sum|x| = 2^-111 * sum|x|. */

#define ROUGH 0x1p-96            /* above 32 * 33 / 2 * 2^-106, with room for the rest and for the rounding of sum|x| */
#define QUARTER_UNIT 0x1p-55     /* a quarter of u = 2^-53 */
#define SAFE 0x1p1000            /* beyond it partial sums may overflow: the bins, which can't, take over */
#define CHUNK ((ptrdiff_t)LANES << 17)
#define COMPENSATED_ROWS 16

/* sum becomes sum + x, and lost what rounding took. FUSE where it levels the load of adders and multipliers. */
#define TWO_SUM(sum, x, lost)                                                                   \
    do {                                                                                        \
        const NAME(doubles) old_ = (sum), new_ = old_ + (x), step_ = FUSE(new_, one) - old_;    \
        lost = FUSE(old_ - (FUSE(new_, one) - step_), one) + (FUSE(x, one) - step_);            \
        sum = new_;                                                                             \
    } while (0)

struct NAME(words_of_sum) {
    NAME(doubles) sum, error, rest;
};

INLINE void NAME(add_value)(struct NAME(words_of_sum) *to, NAME(doubles) x, NAME(doubles) one) {
    NAME(doubles) lost, last;
    (void)one;
    TWO_SUM(to->sum, x, lost);
    TWO_SUM(to->error, lost, last);
    to->rest += last;
}

INLINE void NAME(add_error)(struct NAME(words_of_sum) *to, NAME(doubles) x, NAME(doubles) one) {
    NAME(doubles) last;
    (void)one;
    TWO_SUM(to->error, x, last);
    to->rest += last;
}

INLINE void NAME(quick_block)(struct NAME(words_of_sum) *to, NAME(doubles) *size, const double *piece, ptrdiff_t rows,
                              NAME(doubles) one) {
    const NAME(doubles) *at = (const NAME(doubles) *)piece, *end = at + 8 * rows;
    NAME(doubles) a = at[0], b = at[1], c = at[2], d = at[3], lost;
    NAME(doubles) e = a - a, f = e, g = e, h = e;
    NAME(doubles) sizes = MAGNITUDE(a) + MAGNITUDE(c), others = MAGNITUDE(b) + MAGNITUDE(d);
    for (at += 4; at < end; at += 4) {
        TWO_SUM(a, at[0], lost);
        e += lost;
        sizes += MAGNITUDE(at[0]);
        TWO_SUM(b, at[1], lost);
        f += lost;
        others += MAGNITUDE(at[1]);
        TWO_SUM(c, at[2], lost);
        g += lost;
        sizes += MAGNITUDE(at[2]);
        TWO_SUM(d, at[3], lost);
        h += lost;
        others += MAGNITUDE(at[3]);
    }
    *size += sizes + others;
    NAME(add_value)(to, a, one);
    NAME(add_value)(to, b, one);
    NAME(add_value)(to, c, one);
    NAME(add_value)(to, d, one);
    NAME(add_error)(to, e, one);
    NAME(add_error)(to, f, one);
    NAME(add_error)(to, g, one);
    NAME(add_error)(to, h, one);
}

/* Adds the lanes of v to sum; 0 where one is not safely finite. */
INLINE int NAME(add_lanes)(struct exact *sum, NAME(doubles) v) {
    double lane[LANES];
    memcpy(lane, &v, sizeof v);
    for (int k = 0; k < LANES; k++) {
        if (!(fabs(lane[k]) < SAFE)) return 0;
        exact_add(sum, lane[k]);
    }
    return 1;
}

INLINE int NAME(add_words)(struct exact *sum, const struct NAME(words_of_sum) *words) {
    return NAME(add_lanes)(sum, words->rest) && NAME(add_lanes)(sum, words->error) && NAME(add_lanes)(sum, words->sum);
}

/* 0 where a partial sum is not safely finite; otherwise total is the sum, and *size that of the magnitudes. */
TARGET static int NAME(compensate_quickly)(struct span all, struct exact *total, double *size) {
    ALIGN_64 double copy[COMPENSATED_ROWS * ROW];
    const NAME(doubles) one = SPLAT(unseen_one), zero = SPLAT(0.0);
    NAME(doubles) sizes = zero;
    double lane[LANES];
    total->count = 0;
    while (all.count) {
        struct span rest = take(&all, CHUNK);
        struct NAME(words_of_sum) words = {zero, zero, zero};
        const double *piece;
        ptrdiff_t rows;
        while ((piece = PIECE(next_piece)(&rest, copy, COMPENSATED_ROWS, COMPENSATED_ROWS, 0.0, &rows)))
            NAME(quick_block)(&words, &sizes, piece, rows, one);
        if (!NAME(add_words)(total, &words)) return 0;
    }
    memcpy(lane, &sizes, sizeof sizes);
    *size = 0;
    for (int k = 0; k < LANES; k++) *size += lane[k];
    return 1;
}

TARGET static int NAME(compensate_carefully)(struct span all, struct exact *total) {
    ALIGN_64 double copy[COMPENSATED_ROWS * ROW];
    const NAME(doubles) one = SPLAT(unseen_one), zero = SPLAT(0.0);
    total->count = 0;
    while (all.count) {
        struct span rest = take(&all, CHUNK);
        struct NAME(words_of_sum) a = {zero, zero, zero}, b = a, c = a, d = a;
        const double *piece;
        ptrdiff_t rows;
        while ((piece = PIECE(next_piece)(&rest, copy, COMPENSATED_ROWS, COMPENSATED_ROWS, 0.0, &rows))) {
            const NAME(doubles) *at = (const NAME(doubles) *)piece, *end = at + 8 * rows;
            for (; at < end; at += 4) {
                NAME(add_value)(&a, at[0], one);
                NAME(add_value)(&b, at[1], one);
                NAME(add_value)(&c, at[2], one);
                NAME(add_value)(&d, at[3], one);
            }
        }
        if (!(NAME(add_words)(total, &a) && NAME(add_words)(total, &b) && NAME(add_words)(total, &c) &&
              NAME(add_words)(total, &d)))
            return 0;
    }
    return 1;
}

TARGET static double NAME(compensated)(struct span all) {
    struct exact total;
    double size = 0, sum;
    int finite = NAME(compensate_quickly)(all, &total, &size);
    if (finite && size * ROUGH > fabs(exact_round(&total)) * QUARTER_UNIT)
        finite = NAME(compensate_carefully)(all, &total);
    if (!finite) {
        struct binned state = binned_nothing();
        NAME(deposit)(&state, all);
        return binned_value(&state);
    }
    sum = exact_round(&total);
    /* The sum of nothing is 0.0, that of zeros without a sign of their own too: as additions have it. */
    return sum == 0 && all.count && !any_word(all, NEGATIVE_ZERO_BITS, 0) ? -0.0 : sum + 0.0;
}

#undef ROUGH
#undef QUARTER_UNIT
#undef SAFE
#undef CHUNK
#undef COMPENSATED_ROWS
#undef TWO_SUM
