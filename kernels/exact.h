/* The exact sum of a few doubles, rounded once.
 *
 * An expansion: doubles of growing magnitude that do not overlap and whose sum, never rounded, is the sum of everything
 * added (J. R. Shewchuk, Adaptive Precision Floating-Point Arithmetic, Discrete & Computational Geometry 18, 1997).
 * For finite values whose partial sums stay finite. */
#ifndef PERFLAB_EXACT_H
#define PERFLAB_EXACT_H

#include <math.h>

#define MOST_PARTS 2100 /* each part owns at least one of the 2098 bits between 2^-1074 and 2^1024 */

struct exact {
    int count;
    double part[MOST_PARTS];
};

static void exact_add(struct exact *sum, double x) {
    int kept = 0;
    for (int i = 0; i < sum->count; i++) {
        double y = sum->part[i], high, low;
        if (fabs(x) < fabs(y)) { double swap = x; x = y; y = swap; }
        high = x + y;
        low = y - (high - x); /* exact, as |x| >= |y| (T. J. Dekker, 1971) */
        if (low != 0) sum->part[kept++] = low;
        x = high;
    }
    sum->part[kept++] = x;
    sum->count = kept;
}

/* The double nearest to the sum, ties to even. */
static double exact_round(const struct exact *sum) {
    int left = sum->count;
    double high = 0, low = 0;
    if (left) high = sum->part[--left];
    while (left && low == 0) {
        double x = high, y = sum->part[--left];
        high = x + y;
        low = y - (high - x);
    }
    /* If low is half a unit, high is a tie only in appearance when more of the same sign follows. */
    if (left && ((low < 0 && sum->part[left - 1] < 0) || (low > 0 && sum->part[left - 1] > 0))) {
        double twice = 2 * low, moved = high + twice;
        if (moved - high == twice) high = moved;
    }
    return high;
}

#endif
