/* The limits at one level; see dispatch.h for the macros found defined here. */

#if VECTOR_BYTES
#define LANES (VECTOR_BYTES / 8)
typedef double NAME(doubles) __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef uint64_t NAME(words) __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef uint64_t NAME(words_anywhere) __attribute__((vector_size(VECTOR_BYTES), may_alias, aligned(8)));
#define SPLAT(x) ((x) - (NAME(doubles)){0})
#else
#define LANES 1
typedef double NAME(doubles);
typedef uint64_t NAME(words);
typedef uint64_t NAME(words_anywhere);
#define SPLAT(x) (x)
#endif

#define ELEMENT uint64_t
#define PIECE(stem) NAME(stem)
#include "pieces.h"

struct NAME(eight_words) {
    NAME(words) a, b, c, d, e, f, g, h;
};

INLINE void NAME(load_rows)(struct NAME(eight_words) *to, const NAME(words) *at, ptrdiff_t rows) {
    for (; rows; rows--, at += 8) {
        to->a ^= at[0];
        to->b ^= at[1];
        to->c ^= at[2];
        to->d ^= at[3];
        to->e ^= at[4];
        to->f ^= at[5];
        to->g ^= at[6];
        to->h ^= at[7];
    }
}

/* Rows, half beside half in steps of half a row, as sum_beside reads them. */
INLINE void NAME(load_beside)(struct NAME(eight_words) *to, const uint64_t *piece, ptrdiff_t rows) {
    const NAME(words_anywhere) *at = (const NAME(words_anywhere) *)piece, *bt = at + rows / 2 * 8;
    NOT_UNROLLED
    for (ptrdiff_t step = rows / 2 * 2; step; step--, at += 4, bt += 4) {
        HIDE(at);
        HIDE(bt);
        to->a ^= at[0];
        to->b ^= at[1];
        to->c ^= at[2];
        to->d ^= at[3];
        to->e ^= bt[0];
        to->f ^= bt[1];
        to->g ^= bt[2];
        to->h ^= bt[3];
    }
}

/* The exclusive or of all words: one operation of a cycle for each load, and nothing that could be left out. From
 * memory 64 loads a turn, as in sum_four, since eight a turn are a few per cent slower there. */
TARGET static uint64_t NAME(load_only)(struct span rest) {
    ALIGN_64 uint64_t copy[16 * ROW];
    uint64_t lane[LANES], all = 0;
    const uint64_t *piece;
    ptrdiff_t rows;
    const int distant = rest.count >= DISTANT_BYTES / (ptrdiff_t)sizeof(uint64_t);
    const NAME(words) zero = {0};
    NAME(words) a;
    struct NAME(eight_words) to = {zero, zero, zero, zero, zero, zero, zero, zero};
    if (rest.stride == (ptrdiff_t)sizeof(uint64_t) && NAME(beside)(rest)) {
        /* What is not read beside, at both ends, goes through the loop below. */
        struct span head = take(&rest, NAME(crossing)(rest) ? 0 : NAME(unaligned)(rest)), body;
        for (; head.count; head.count--, head.first += head.stride) all ^= *(const uint64_t *)head.first;
        rows = rest.count / (2 * ROW) * 2;
        body = take(&rest, rows * ROW);
        NAME(load_beside)(&to, (const uint64_t *)body.first, rows);
    }
    while ((piece = NAME(next_piece)(&rest, copy, 16, PTRDIFF_MAX, 0, &rows))) {
        const NAME(words) *at = (const NAME(words) *)piece;
        if (distant) {
            NOT_UNROLLED
            for (; rows >= 8; rows -= 8, at += 64) {
                HIDE(at);
                NAME(load_rows)(&to, at, 8);
            }
        }
        NAME(load_rows)(&to, at, rows);
    }
    a = ((to.a ^ to.b) ^ (to.c ^ to.d)) ^ ((to.e ^ to.f) ^ (to.g ^ to.h));
    memcpy(lane, &a, sizeof a);
    for (int k = 0; k < LANES; k++) all ^= lane[k];
    return all;
}

/* n rounds of 16 additions of vectors: eight as additions, in four chains of two a round, and eight that may be fused
 * multiply-adds, in eight chains; so both kinds of units are busy where they differ. Returns the additions of numbers
 * that were made, exactly as long as no chain passes 2^53: the sum of all chains, each of which adds ones. */
TARGET static double NAME(arithmetic)(uint64_t n) {
    const NAME(doubles) one = SPLAT(unseen_one);
    NAME(doubles) a = one - one, b = a, c = a, d = a, p = a, q = a, r = a, s = a, t = a, u = a, v = a, w = a;
    double lane[LANES], all = 0;
    for (; n; n--) {
        a += one;
        p = FUSE(p, one) + one;
        b += one;
        q = FUSE(q, one) + one;
        c += one;
        r = FUSE(r, one) + one;
        d += one;
        s = FUSE(s, one) + one;
        a += one;
        t = FUSE(t, one) + one;
        b += one;
        u = FUSE(u, one) + one;
        c += one;
        v = FUSE(v, one) + one;
        d += one;
        w = FUSE(w, one) + one;
    }
    a = ((a + b) + (c + d)) + (((p + q) + (r + s)) + ((t + u) + (v + w)));
    memcpy(lane, &a, sizeof a);
    for (int k = 0; k < LANES; k++) all += lane[k];
    return all;
}

static const struct kernels NAME(table) = {
#define TEXT_OF(level) #level
#define TEXT(level) TEXT_OF(level)
    TEXT(LEVEL), NAME(load_only), NAME(arithmetic),
#undef TEXT
#undef TEXT_OF
};

#undef ROW
#undef PIECE_BYTES
#undef ELEMENT
#undef PIECE
#undef LANES
#undef SPLAT
