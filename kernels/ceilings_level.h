/* The limits at one level; see dispatch.h for the macros found defined here. */

#if VECTOR_BYTES
#define LANES (VECTOR_BYTES / 8)
typedef double NAME(doubles) __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef uint64_t NAME(words) __attribute__((vector_size(VECTOR_BYTES), may_alias));
#define SPLAT(x) ((x) - (NAME(doubles)){0})
#else
#define LANES 1
typedef double NAME(doubles);
typedef uint64_t NAME(words);
#define SPLAT(x) (x)
#endif

#define ELEMENT uint64_t
#define PIECE(stem) NAME(stem)
#include "pieces.h"

/* The exclusive or of all words: one operation of a cycle for each load, and nothing that could be left out. */
TARGET static uint64_t NAME(load_only)(struct span rest) {
    ALIGN_64 uint64_t copy[16 * ROW];
    uint64_t lane[LANES], all = 0;
    const uint64_t *piece;
    ptrdiff_t rows;
    NAME(words) a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};
    while ((piece = NAME(next_piece)(&rest, copy, 16, PTRDIFF_MAX, 0, &rows))) {
        const NAME(words) *at = (const NAME(words) *)piece, *end = at + 8 * rows;
        for (; at < end; at += 8) {
            a ^= at[0];
            b ^= at[1];
            c ^= at[2];
            d ^= at[3];
            e ^= at[4];
            f ^= at[5];
            g ^= at[6];
            h ^= at[7];
        }
    }
    a = ((a ^ b) ^ (c ^ d)) ^ ((e ^ f) ^ (g ^ h));
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
