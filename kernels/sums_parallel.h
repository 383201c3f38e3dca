/* The sum of float64 by several threads: bit for bit the sum by one.
 *
 * Parts are 2^k blocks, nodes of the tree that one thread would go through (sums_real.h); the caller goes through the
 * rest of it. So neither the number of threads nor who took which part shows in the answer. */
#ifndef PERFLAB_SUMS_PARALLEL_H
#define PERFLAB_SUMS_PARALLEL_H

#include "parallel.h"
#include "sums.h"

#if HAVE_THREADS

#define MOST_PARTS_OF_SUM 512
#define LEAST_PART 8192      /* elements, 64 KiB: 300 ns; a multiple of every level's block */
#define BEST_PART 131072     /* elements, 1 MiB: long enough for the prefetcher */
#define LEAST_SHARED 131072  /* elements, 1 MiB: below, asking others costs more than they could save */
#define FIRST_TOGETHER 524288    /* elements, 4 MiB: the first calls are shared, as they are probably worth it */
#define MOST_LANES 8

struct parallel_sum {
    const struct kernels *level;
    struct span all;
    ptrdiff_t part;
    int distant;
    ALIGN_64 double lanes[MOST_PARTS_OF_SUM][MOST_LANES];
};

static void sum_part(void *job, ptrdiff_t index) {
    struct parallel_sum *sum = (struct parallel_sum *)job;
    struct span rest = sum->all;
    (void)take(&rest, index * sum->part);
    sum->level->float64_lanes(take(&rest, sum->part), sum->distant, sum->lanes[index]);
}

/* The part's power of two: 64 parts or more, but none below 64 KiB nor, while there is room, above 1 MiB. */
static ptrdiff_t part_of(ptrdiff_t count) {
    ptrdiff_t part = LEAST_PART;
    while ((part < BEST_PART && count / part > 64) || count / part >= MOST_PARTS_OF_SUM) part *= 2;
    return part;
}

static void add_lanes(double *to, const double *left, int lanes) {
    for (int k = 0; k < lanes; k++) to[k] = left[k] + to[k];
}

/* The counter's walk over the parts, as sum_blocks has it over blocks. The lanes of the sum, in place. */
static double *join_parts(struct parallel_sum *sum, ptrdiff_t parts) {
    const int lanes = sum->level->lanes;
    double *waiting[64], *total;
    int depth = 0;
    for (ptrdiff_t index = 0; index < parts; index++) {
        total = sum->lanes[index];
        for (ptrdiff_t full = index; full & 1; full >>= 1) add_lanes(total, waiting[--depth], lanes);
        waiting[depth++] = total;
    }
    total = waiting[--depth];
    while (depth) add_lanes(total, waiting[--depth], lanes);
    return total;
}

/* Of vectors of about this length, contiguous or not. By who has the pool. */
static struct pool_account *account_of(struct span all) {
    static struct pool_account accounts[2][64];
    int length = 0;
    while (length < 63 && all.count >> length) length++;
    return &accounts[all.stride == (ptrdiff_t)sizeof(double)][length];
}

static double sum_together(const struct kernels *level, struct span rest, int workers) {
    const ptrdiff_t lanes = level->lanes, vector = lanes * (ptrdiff_t)sizeof(double);
    const ptrdiff_t beyond = rest.stride == (ptrdiff_t)sizeof(double) ? (ptrdiff_t)((uintptr_t)rest.first % vector) : 0;
    const struct span head = take(&rest, beyond ? (vector - beyond) / (ptrdiff_t)sizeof(double) : 0);
    struct parallel_sum sum;
    double edge[MOST_LANES], *total;
    ptrdiff_t parts;
    sum.level = level;
    sum.all = take(&rest, rest.count - rest.count % (8 * lanes));
    sum.part = part_of(sum.all.count);
    sum.distant = sum.all.count >= 2 * DISTANT_BYTES / (ptrdiff_t)sizeof(double);
    parts = (sum.all.count + sum.part - 1) / sum.part;
    pool_run(sum_part, &sum, parts, workers);
    total = join_parts(&sum, parts);
    if (head.count) {
        level->float64_lanes(head, 0, edge);
        add_lanes(total, edge, level->lanes);
    }
    if (rest.count) {
        level->float64_lanes(rest, 0, edge);
        add_lanes(edge, total, level->lanes);
        total = edge;
    }
    for (int width = level->lanes / 2; width; width /= 2)
        for (int k = 0; k < width; k++) total[k] += total[k + width];
    return total[0];
}

/* By up to `threads` threads (0: one for each processor), where that is worth while; otherwise by this one. */
static double parallel_sum(const struct kernels *level, struct span all, int threads) {
    struct pool_account *account = account_of(all);
    enum pool_choice choice;
    int workers;
    int64_t began;
    double total;
    if (all.count < LEAST_SHARED || threads == 1) return level->float64(all);
    workers = pool_enter(threads);
    if (workers == 0) return level->float64(all);
    choice = pool_choose(account, all.count >= FIRST_TOGETHER);
    if (choice == ALONE) {
        pool_leave();
        return level->float64(all);
    }
    began = pool_now_ns();
    total = choice == ALONE_TIMED ? level->float64(all) : sum_together(level, all, workers);
    pool_learn(account, choice, pool_now_ns() - began);
    pool_leave();
    return total;
}

#else

static double parallel_sum(const struct kernels *level, struct span all, int threads) {
    (void)threads;
    return level->float64(all);
}

#endif

#endif
