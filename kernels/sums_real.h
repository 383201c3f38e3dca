/* Sums of float64 or float32, by ELEMENT, each in its own precision.
 *
 * Eight vectors of accumulators hide the latency of addition. Blocks of 8 rows bound the error: a chain has 8 elements,
 * and chains, blocks and lanes are added as trees. With c chains (8 a lane) an element takes part in at most
 * 7 + log2(c) + log2(n / 8 c) + 3 = log2(n) + 7 additions; the 3 are for an unaligned beginning, a short last block and
 * a broken last row. In numpy's pairwise sum it is 15 + 3 + log2(n / 128) = log2(n) + 11.
 * (N. J. Higham, The Accuracy of Floating Point Summation, SIAM J. Sci. Comput. 14, 1993.)
 *
 * The tree over the blocks is that of a binary counter. So any 2^k blocks that begin at a multiple of 2^k are a node of
 * it, and may be added up at once, as four are here, or elsewhere, as in sums_parallel.h.
 *
 * Padding is -0.0, the only number that leaves every other, -0.0 too, as it is. */

#define BLOCK_ROWS 8
#define FOUR_ROWS (4 * BLOCK_ROWS)

INLINE VECTOR PIECE(sum_rows)(const ELEMENT *piece, ptrdiff_t rows) {
    const VECTOR *at = (const VECTOR *)piece;
    VECTOR a = at[0], b = at[1], c = at[2], d = at[3], e = at[4], f = at[5], g = at[6], h = at[7];
    for (ptrdiff_t row = 1; row < rows; row++) {
        at += 8;
        a += at[0];
        b += at[1];
        c += at[2];
        d += at[3];
        e += at[4];
        f += at[5];
        g += at[6];
        h += at[7];
    }
    return ((a + b) + (c + d)) + ((e + f) + (g + h));
}

INLINE ELEMENT PIECE(sum_lanes)(VECTOR total) {
    ELEMENT lane[sizeof(VECTOR) / sizeof(ELEMENT)];
    memcpy(lane, &total, sizeof total);
    for (size_t width = sizeof(VECTOR) / sizeof(ELEMENT) / 2; width; width /= 2)
        for (size_t k = 0; k < width; k++) lane[k] += lane[k + width];
    return lane[0];
}

/* A vector of -0.0. */
INLINE VECTOR PIECE(nothing)(void) {
    ELEMENT lane[sizeof(VECTOR) / sizeof(ELEMENT)];
    VECTOR none;
    for (size_t k = 0; k < sizeof(VECTOR) / sizeof(ELEMENT); k++) lane[k] = (ELEMENT)-0.0;
    memcpy(&none, lane, sizeof none);
    return none;
}

struct PIECE(counter) {
    VECTOR waiting[64]; /* at most one sum of 1, 2, 4, ... blocks, as the bits of `blocks` say */
    uint64_t blocks;
    int depth;
};

/* Adds the sum of `weight` blocks, a power of two that divides the number of those before. */
INLINE void PIECE(count_in)(struct PIECE(counter) *to, VECTOR total, uint64_t weight) {
    for (uint64_t full = to->blocks / weight; full & 1; full >>= 1) total = to->waiting[--to->depth] + total;
    to->waiting[to->depth++] = total;
    to->blocks += weight;
}

/* The sum of all that was counted in. */
INLINE VECTOR PIECE(count_up)(struct PIECE(counter) *of) {
    VECTOR total = of->waiting[--of->depth];
    while (of->depth) total = of->waiting[--of->depth] + total;
    return total;
}

/* The lanes of the sum of fewer elements than a row has; -0.0 for none. */
INLINE VECTOR PIECE(sum_edge)(struct span rest) {
    ALIGN_64 ELEMENT copy[ROW];
    PIECE(copy_aside)(copy, rest.first, rest.stride, rest.count, ROW, (ELEMENT)-0.0);
    return PIECE(sum_rows)(copy, 1);
}

/* First-level prefetchers follow the steps of each single load instruction. In a body for each of four blocks, 256 of
 * them step 16 KiB each; in one that stands there once, 64 step 4 KiB. On an AMD EPYC of family 26 the former is nearly
 * twice as fast from the second-level cache and as fast from the third, the latter 1.1 to 1.3 times as fast from about
 * half of the third on. The bits are the same. */

/* The lanes of the sum of whole rows that are aligned or not contiguous, four blocks a turn. */
INLINE VECTOR PIECE(sum_near)(struct span rest) {
    ALIGN_64 ELEMENT copy[FOUR_ROWS * ROW];
    const ELEMENT *piece;
    const ptrdiff_t block = BLOCK_ROWS * ROW;
    struct PIECE(counter) counter;
    VECTOR first, second, third, fourth;
    ptrdiff_t rows;
    counter.blocks = 0;
    counter.depth = 0;
    while ((piece = PIECE(next_piece)(&rest, copy, FOUR_ROWS, FOUR_ROWS, (ELEMENT)-0.0, &rows))) {
        if (rows == FOUR_ROWS) {
            first = PIECE(sum_rows)(piece, BLOCK_ROWS);
            second = PIECE(sum_rows)(piece + block, BLOCK_ROWS);
            third = PIECE(sum_rows)(piece + 2 * block, BLOCK_ROWS);
            fourth = PIECE(sum_rows)(piece + 3 * block, BLOCK_ROWS);
            PIECE(count_in)(&counter, (first + second) + (third + fourth), 4);
        } else
            for (; rows > 0; rows -= BLOCK_ROWS, piece += block)
                PIECE(count_in)(&counter, PIECE(sum_rows)(piece, PIECE(smaller)(rows, BLOCK_ROWS)), 1);
    }
    if (counter.depth == 0) return PIECE(sum_edge)(rest);
    return PIECE(count_up)(&counter);
}

/* The lanes of the sum of so many rows, aligned and contiguous, a block a turn. */
APART VECTOR PIECE(sum_distant)(const ELEMENT *piece, ptrdiff_t rows) {
    struct PIECE(counter) counter;
    counter.blocks = 0;
    counter.depth = 0;
    NOT_UNROLLED
    for (; rows >= BLOCK_ROWS; rows -= BLOCK_ROWS, piece += BLOCK_ROWS * ROW) {
        HIDE(piece);
        PIECE(count_in)(&counter, PIECE(sum_rows)(piece, BLOCK_ROWS), 1);
    }
    if (rows) PIECE(count_in)(&counter, PIECE(sum_rows)(piece, rows), 1);
    return PIECE(count_up)(&counter);
}

/* The lanes of the sum of whole rows that are aligned or not contiguous; `distant` where they come from memory. */
INLINE VECTOR PIECE(sum_blocks)(struct span rest, int distant) {
    if (distant && rest.count && rest.stride == (ptrdiff_t)sizeof(ELEMENT))
        return PIECE(sum_distant)((const ELEMENT *)rest.first, rest.count / ROW);
    return PIECE(sum_near)(rest);
}

/* The lanes of the sum of half a block from each of two places. All loads stand in one loop, so that each of them goes
 * forward by the same step from block to block; hence accumulators begin with nothing. */
INLINE VECTOR PIECE(sum_two_halves)(const ANYWHERE *at, const ANYWHERE *bt) {
    const VECTOR none = PIECE(nothing)();
    VECTOR a[4] = {none, none, none, none}, b[4] = {none, none, none, none};
    NOT_UNROLLED
    for (int row = 0; row < BLOCK_ROWS; row++, at += 4, bt += 4) {
        HIDE(at);
        HIDE(bt);
        for (int k = 0; k < 4; k++) a[k] += at[k];
        for (int k = 0; k < 4; k++) b[k] += bt[k];
    }
    return ((a[0] + a[1]) + (a[2] + a[3])) + ((b[0] + b[1]) + (b[2] + b[3]));
}

/* The lanes of the sum of whole rows, at least a block, whose halves are read beside each other; what they leave over
 * of a block is added in the end. Not inlined: beside other loops it lacks registers, and loses a tenth. */
APART VECTOR PIECE(sum_beside)(struct span rest) {
    ALIGN_64 ELEMENT copy[BLOCK_ROWS * ROW];
    const ptrdiff_t half = BLOCK_ROWS * ROW / 2, step = half * rest.stride;
    const int in_place = rest.stride == (ptrdiff_t)sizeof(ELEMENT);
    ptrdiff_t blocks = rest.count / (2 * half);
    const struct span all = take(&rest, blocks * 2 * half);
    const char *left = all.first, *right = left + blocks * step;
    struct PIECE(counter) counter;
    VECTOR total;
    counter.blocks = 0;
    counter.depth = 0;
    for (; blocks; blocks--, left += step, right += step) {
        const char *at = left, *bt = right;
        if (!in_place) {
            PIECE(copy_aside)(copy, left, all.stride, half, half, (ELEMENT)-0.0);
            PIECE(copy_aside)(copy + half, right, all.stride, half, half, (ELEMENT)-0.0);
            at = (const char *)copy;
            bt = (const char *)(copy + half);
        }
        PIECE(count_in)(&counter, PIECE(sum_two_halves)((const ANYWHERE *)at, (const ANYWHERE *)bt), 1);
    }
    total = PIECE(count_up)(&counter);
    if (rest.count) total = total + PIECE(sum_near)(rest);
    return total;
}

TARGET static ELEMENT PIECE(sum)(struct span rest) {
    const int beside = PIECE(beside)(rest), distant = rest.count >= DISTANT_BYTES / (ptrdiff_t)sizeof(ELEMENT);
    struct span head, body;
    VECTOR total;
    if (rest.count == 0) return 0;
    head = take(&rest, PIECE(crossing)(rest) ? 0 : PIECE(unaligned)(rest));
    body = take(&rest, rest.count - rest.count % ROW);
    if (beside)
        total = PIECE(sum_beside)(body);
    else
        total = PIECE(sum_blocks)(body, distant);
    if (head.count) total = PIECE(sum_edge)(head) + total;
    if (rest.count) total = total + PIECE(sum_edge)(rest);
    return PIECE(sum_lanes)(total);
}

#undef BLOCK_ROWS
#undef FOUR_ROWS
