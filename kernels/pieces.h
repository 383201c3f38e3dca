/* Any one-dimensional input as a series of pieces that a vector loop can take: aligned, contiguous, whole rows.
 *
 * Define ELEMENT (its type) and PIECE(stem) (the stem with element and level appended); undefine them, ROW and
 * PIECE_BYTES afterwards. A row is eight vectors. The bulk of a contiguous input is read in place. Copied aside
 * and filled up with `pad` are the elements before the first aligned address, those after the last whole row, and
 * whatever has another stride. So a strided view and its contiguous copy make the same pieces whenever the copy is
 * aligned. */

#if VECTOR_BYTES
#define PIECE_BYTES VECTOR_BYTES
#else
#define PIECE_BYTES sizeof(ELEMENT)
#endif
#define ROW ((ptrdiff_t)(8 * PIECE_BYTES / sizeof(ELEMENT)))

INLINE ptrdiff_t PIECE(smaller)(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/* Whether the halves of a vector are read beside each other; whether it is then read where it lies, aligned or not. */
INLINE int PIECE(beside)(struct span all) {
    const ptrdiff_t bytes = all.count * (ptrdiff_t)sizeof(ELEMENT);
    return VECTOR_BYTES >= 32 && BESIDE_FROM <= bytes && bytes < BESIDE_BELOW;
}

INLINE int PIECE(crossing)(struct span all) {
    return VECTOR_BYTES == 64 && PIECE(beside)(all) && all.count * (ptrdiff_t)sizeof(ELEMENT) < CROSSING_BELOW;
}

/* How many elements of a contiguous input lie before the first aligned address. */
INLINE ptrdiff_t PIECE(unaligned)(struct span all) {
    ptrdiff_t beyond = (ptrdiff_t)((uintptr_t)all.first % PIECE_BYTES);
    if (all.stride != (ptrdiff_t)sizeof(ELEMENT) || beyond == 0) return 0;
    return PIECE(smaller)(all.count, (ptrdiff_t)((PIECE_BYTES - beyond) / sizeof(ELEMENT)));
}

/* Copies `count` elements, and fills up with `pad` to `filled`. */
INLINE void PIECE(copy_aside)(ELEMENT *copy, const char *at, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t filled,
                              ELEMENT pad) {
    if (stride == (ptrdiff_t)sizeof(ELEMENT) && 0 < count && count < ROW)
        memcpy(copy, at, (size_t)count * sizeof(ELEMENT));
    else
        for (ptrdiff_t i = 0; i < count; i++) copy[i] = *(const ELEMENT *)(at + i * stride);
    for (ptrdiff_t i = count; i < filled; i++) copy[i] = pad;
}

/* The next piece, and in *rows how many it has: at most `most` where it is read in place, `room` where it is
 * copied aside into `copy`. NULL at the end. */
INLINE const ELEMENT *PIECE(next_piece)(struct span *rest, ELEMENT *copy, ptrdiff_t room, ptrdiff_t most, ELEMENT pad,
                                        ptrdiff_t *rows) {
    const char *at = rest->first;
    const ptrdiff_t stride = rest->stride, head = PIECE(unaligned)(*rest), whole = rest->count / ROW;
    ptrdiff_t taken;
    if (rest->count == 0) return NULL;
    if (stride == (ptrdiff_t)sizeof(ELEMENT) && head == 0 && whole) {
        *rows = PIECE(smaller)(whole, most);
        taken = *rows * ROW;
        copy = (ELEMENT *)at;
    } else {
        taken = head ? head : whole ? PIECE(smaller)(whole, room) * ROW : rest->count;
        *rows = (taken + ROW - 1) / ROW;
        PIECE(copy_aside)(copy, at, stride, taken, *rows * ROW, pad);
    }
    rest->first = at + taken * stride;
    rest->count -= taken;
    return copy;
}
