/* The exact sum of int64.
 *
 * Twice, in each lane: the elements modulo 2^64, and their upper halves, h = floor(x / 2^32). The lower halves add
 * up to less than n * 2^32. So the whole sum lies in [H * 2^32, H * 2^32 + n * 2^32), an interval shorter than
 * 2^64 as long as n < 2^32, and there is only one number in it with the right remainder. */

INLINE struct wide NAME(sum_int64_part)(struct span rest) {
    ALIGN_64 int64_t copy[16 * ROW];
    int64_t highs[LANES], high = 0;
    uint64_t lows[LANES], low = 0;
    struct wide total;
    const int64_t *piece;
    ptrdiff_t rows;
    NAME(words) a = {0}, b = {0}, c = {0}, d = {0};
    NAME(integers) p = {0}, q = {0}, r = {0}, s = {0};
    while ((piece = PIECE(next_piece)(&rest, copy, 16, PTRDIFF_MAX, 0, &rows))) {
        const NAME(integers) *at = (const NAME(integers) *)piece, *end = at + 8 * rows;
        for (; at < end; at += 4) {
            a += (NAME(words))at[0];
            p += at[0] >> 32;
            b += (NAME(words))at[1];
            q += at[1] >> 32;
            c += (NAME(words))at[2];
            r += at[2] >> 32;
            d += (NAME(words))at[3];
            s += at[3] >> 32;
        }
    }
    a += b + c + d;
    p += q + r + s;
    memcpy(lows, &a, sizeof a);
    memcpy(highs, &p, sizeof p);
    for (int k = 0; k < LANES; k++) {
        low += lows[k];
        high += highs[k];
    }
    total.low = low; /* of the two numbers with this remainder that are near, the one not below H * 2^32 */
    total.high = (high >> 32) + (low < (uint64_t)high << 32);
    return total;
}

TARGET static struct wide PASTE(sum_int64, LEVEL)(struct span rest) {
    struct wide total = {0, 0};
    while (rest.count) wide_add(&total, NAME(sum_int64_part)(take(&rest, (ptrdiff_t)1 << 30)));
    return total;
}
