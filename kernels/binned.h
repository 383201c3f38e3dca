/* A sum that does not depend on the order of its terms: what is kept of it, and how two of them merge.
 *
 * The range of doubles is cut at fixed places into bins 40 bits wide: bin i holds whole multiples of its unit,
 * 2^(40 i - 1074). Each element is cut at the units, always in the same way, and its slices are counted in the bins,
 * exactly, as integers. Kept are the bin of the largest magnitude seen and the two below it. Integer sums do not
 * depend on their order, nor does a maximum; so neither does the state, bit for bit, whatever the parts, the merge tree
 * and the instruction set. (J. Demmel, H. D. Nguyen, Parallel Reproducible Summation, IEEE Trans. Computers 64, 2015;
 * P. Ahrens, J. Demmel, H. D. Nguyen, Algorithms for Efficient Reproducible Floating Point Summation, ACM TOMS 46,
 * 2020. Theirs keeps the bins as doubles with carries; these are integers.)
 *
 * What lies below the lowest kept bin is rounded to its unit: the error is at most n * 2^-80 * max|x|, and half a unit
 * in the last place of the answer. */
#ifndef PERFLAB_BINNED_H
#define PERFLAB_BINNED_H

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "exact.h"

#define BINS 3
#define BIN_WIDTH 40
#define LOWEST_UNIT (-1074) /* the exponent of the smallest double */
#define BINNED_FORMAT 0x31424c50u /* "PLB1" */

enum { SEEN_ANY = 1, SEEN_NAN = 2, SEEN_PLUS_INFINITY = 4, SEEN_MINUS_INFINITY = 8, SEEN_PLUS_ZERO = 16 };

struct bin { /* high * 2^40 + low units, with 0 <= low < 2^40 */
    int64_t high;
    int64_t low;
};

struct binned {
    uint32_t format;
    uint32_t seen;          /* SEEN_PLUS_ZERO only while all finite elements are zeros */
    int64_t top;            /* which bin bin[0] is; -1: nothing but zeros so far */
    struct bin bin[BINS];   /* highest first; those below bin 0 of the range stay zero */
};

static struct binned binned_nothing(void) {
    struct binned state = {BINNED_FORMAT, 0, -1, {{0, 0}, {0, 0}, {0, 0}}};
    return state;
}

/* The highest bin that a finite magnitude above zero may leave a slice in: the highest whose half unit it reaches.
 * In the bins above it rounds to zero units; hence an element adds nothing to a bin above its own, whichever are
 * kept. */
static int64_t bin_of(double magnitude) {
    int exponent; /* the magnitude is in [2^(exponent - 1), 2^exponent) */
    (void)frexp(magnitude, &exponent);
    return (exponent - LOWEST_UNIT) / BIN_WIDTH;
}

/* The exponent of a bin's unit. */
static int unit_of(int64_t bin) { return LOWEST_UNIT + BIN_WIDTH * (int)(bin < 0 ? 0 : bin); }

static void bin_add(struct bin *to, int64_t high, int64_t low) {
    const int64_t whole = INT64_C(1) << BIN_WIDTH;
    to->low += low;
    to->high += high + (to->low >= whole);
    to->low &= whole - 1;
}

static void bin_add_units(struct bin *to, int64_t units) {
    bin_add(to, units >> BIN_WIDTH, units & ((INT64_C(1) << BIN_WIDTH) - 1));
}

/* Makes `top` the highest bin kept, if it is higher; what falls below the last is dropped. */
static void binned_raise(struct binned *state, int64_t top) {
    const struct bin none = {0, 0};
    int64_t shift = state->top < 0 ? BINS : top - state->top;
    if (top <= state->top) return;
    for (int64_t j = BINS - 1; j >= 0; j--) state->bin[j] = j >= shift ? state->bin[j - shift] : none;
    state->top = top;
    state->seen &= ~(uint32_t)SEEN_PLUS_ZERO;
}

static void binned_merge(struct binned *into, struct binned other) {
    binned_raise(into, other.top);
    binned_raise(&other, into->top);
    for (int j = 0; j < BINS; j++) bin_add(&into->bin[j], other.bin[j].high, other.bin[j].low);
    into->seen |= into->top < 0 ? other.seen : other.seen & ~(uint32_t)SEEN_PLUS_ZERO;
}

/* Whether bytes from elsewhere can be a state. */
static int binned_is_sound(const struct binned *state) {
    int sound = state->format == BINNED_FORMAT && state->seen < 32 && state->top >= -1 && state->top <= bin_of(DBL_MAX);
    for (int j = 0; j < BINS; j++)
        sound = sound && state->bin[j].low >= 0 && state->bin[j].low < INT64_C(1) << BIN_WIDTH;
    return sound;
}

/* The exact value of the bins, rounded once; infinities and NaN as addition has them. */
static double binned_value(const struct binned *state) {
    const uint32_t both = SEEN_PLUS_INFINITY | SEEN_MINUS_INFINITY;
    struct exact sum;
    sum.count = 0;
    if ((state->seen & SEEN_NAN) || (state->seen & both) == both) return NAN;
    if (state->seen & both) return state->seen & SEEN_PLUS_INFINITY ? INFINITY : -INFINITY;
    if (state->top < 0) return state->seen == SEEN_ANY ? -0.0 : 0.0;
    for (int j = BINS - 1; j >= 0; j--) { /* in units of the lowest bin: nothing overflows */
        exact_add(&sum, ldexp((double)state->bin[j].low, BIN_WIDTH * (BINS - 1 - j)));
        exact_add(&sum, ldexp((double)state->bin[j].high, BIN_WIDTH * (BINS - j)));
    }
    /* One rounding in all: a result too small for 53 bits is a multiple of 2^-1074 and was exact before. */
    return ldexp(exact_round(&sum), LOWEST_UNIT + BIN_WIDTH * (int)(state->top - (BINS - 1)));
}

#endif
