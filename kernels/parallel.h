/* A pool of threads for jobs of microseconds: run(job, part) for all parts, on the caller and on workers.
 *
 * One caller at a time has the pool. Whoever finds it taken does its work alone. Workers look for the next job for 50
 * us, then sleep. They block all signals and never touch Python. Nothing waits for them at exit: they hold nothing.
 *
 * A gate keeps late workers away from a job that is over: its upper bit says closed, the rest counts who is inside.
 * Fields of the job are written only while it is closed and nobody is inside who saw it open.
 *
 * In a forked child the workers do not exist; a handler makes the pool new there. HAVE_THREADS says whether there is a
 * pool at all. */
#ifndef PERFLAB_PARALLEL_H
#define PERFLAB_PARALLEL_H

#if (defined(__GNUC__) || defined(__clang__)) && (defined(__unix__) || defined(__APPLE__)) && \
    !defined(__EMSCRIPTEN__) && !defined(__wasi__) && !defined(PERFLAB_NO_THREADS)
#define HAVE_THREADS 1

#if defined(__linux__) && !defined(_GNU_SOURCE)
#error "for sched_getaffinity include Python.h first"
#endif
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

typedef void (*work)(void *job, ptrdiff_t part);

#define MOST_WORKERS 255
#define CLOSED 0x80000000u
#define SPIN_NS 50000

static struct {
    int taken;          /* 1 while a caller has the pool */
    int workers;        /* threads started */
    int placed;         /* how many of them may run anywhere but on processor `caller` */
    int caller;
    int processors;     /* allowed when first asked for; 0: not yet */
    int ready;          /* the fork handler is installed */
    uint32_t gate;
    uint32_t turn;      /* counts jobs; a change wakes the workers */
    int sleeping;
    int admitted;       /* workers with a smaller index take part in this job */
    work run;
    void *job;
    ptrdiff_t parts;
    ptrdiff_t next[MOST_WORKERS + 1]; /* the next part of each thread's share */
    pthread_t threads[MOST_WORKERS];
    pthread_mutex_t mutex;
    pthread_cond_t wake;
} pool = {.gate = CLOSED, .mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static int64_t pool_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void pool_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/* Where a thread's share of the parts begins. */
static inline ptrdiff_t pool_share(int thread) {
    const ptrdiff_t threads = pool.admitted + 1, each = pool.parts / threads, more = pool.parts % threads;
    return each * thread + (thread < more ? thread : more);
}

/* First the own share, then what is left of others': the same vector summed again meets the same core's cache. */
static void pool_take_parts(int thread) {
    const int threads = pool.admitted + 1;
    for (int i = 0; i < threads; i++) {
        const int of = (thread + i) % threads;
        const ptrdiff_t end = pool_share(of + 1);
        for (;;) {
            const ptrdiff_t part = __atomic_fetch_add(&pool.next[of], 1, __ATOMIC_ACQ_REL);
            if (part >= end) break;
            pool.run(pool.job, part);
        }
    }
}

/* Until the turn differs from `seen`: looking for 50 us, then asleep. */
static uint32_t pool_next_turn(uint32_t seen) {
    const int64_t until = pool_now_ns() + SPIN_NS;
    uint32_t turn;
    do {
        for (int look = 0; look < 64; look++) {
            turn = __atomic_load_n(&pool.turn, __ATOMIC_ACQUIRE);
            if (turn != seen) return turn;
            pool_relax();
        }
    } while (pool_now_ns() < until);
    pthread_mutex_lock(&pool.mutex);
    __atomic_fetch_add(&pool.sleeping, 1, __ATOMIC_SEQ_CST);
    while ((turn = __atomic_load_n(&pool.turn, __ATOMIC_SEQ_CST)) == seen) pthread_cond_wait(&pool.wake, &pool.mutex);
    __atomic_fetch_sub(&pool.sleeping, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&pool.mutex);
    return turn;
}

static void *pool_worker(void *argument) {
    const int thread = (int)(intptr_t)argument; /* from 1: the caller is 0 */
    uint32_t seen = 0;
    for (;;) {
        seen = pool_next_turn(seen);
        if (!(__atomic_fetch_add(&pool.gate, 1, __ATOMIC_ACQ_REL) & CLOSED) && thread <= pool.admitted)
            pool_take_parts(thread);
        __atomic_fetch_sub(&pool.gate, 1, __ATOMIC_ACQ_REL);
    }
    return NULL;
}

/* In a forked child: nobody else is there, whatever they were about. */
static void pool_forget(void) {
    const pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    const pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
    pool.taken = pool.workers = pool.placed = pool.sleeping = pool.processors = 0;
    pool.gate = CLOSED;
    pool.turn = 0;
    pool.mutex = mutex;
    pool.wake = wake;
}

/* Starts workers until there are `wanted`, or no more can be had. Called by who has taken the pool. */
static void pool_grow(int wanted) {
    sigset_t all, before;
    pthread_attr_t detached;
    if (!pool.ready && pthread_atfork(NULL, NULL, pool_forget) != 0) return;
    pool.ready = 1;
    if (pool.workers >= wanted) return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (pool.workers < wanted) {
        pthread_t *thread = &pool.threads[pool.workers];
        if (pthread_create(thread, &detached, pool_worker, (void *)(intptr_t)(pool.workers + 1)) != 0) break;
        pool.workers++;
    }
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void pool_leave(void) { __atomic_store_n(&pool.taken, 0, __ATOMIC_RELEASE); }

/* Processors that this process may use. */
static int pool_count_processors(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Keeps the workers off the processor that the caller runs on.
 *
 * A scheduler often wakes a thread where it was woken from, though another processor is idle, and leaves it there for
 * milliseconds: two threads of one processor then take twice as long as one, for all of a hundred jobs. */
static void pool_place(int workers) {
#if defined(__linux__)
    cpu_set_t set;
    const int caller = sched_getcpu();
    if (caller == pool.caller && workers <= pool.placed) return;
    if (caller < 0 || caller >= CPU_SETSIZE || sched_getaffinity(0, sizeof set, &set) != 0) return;
    CPU_CLR(caller, &set);
    if (CPU_COUNT(&set) == 0) return;
    for (int worker = 0; worker < workers; worker++)
        (void)pthread_setaffinity_np(pool.threads[worker], sizeof set, &set);
    pool.caller = caller;
    pool.placed = workers;
#else
    (void)workers;
#endif
}

/* Takes the pool for `threads` (0: as many as processors were allowed at first) or, if they can't be had, fewer. The
 * number of workers; 0 where another caller has the pool or there are none. */
static int pool_enter(int threads) {
    int workers;
    if (__atomic_exchange_n(&pool.taken, 1, __ATOMIC_ACQUIRE)) return 0;
    if (pool.processors == 0) pool.processors = pool_count_processors();
    if (threads == 0) threads = pool.processors;
    workers = (threads > MOST_WORKERS ? MOST_WORKERS + 1 : threads) - 1;
    pool_grow(workers);
    if (workers > pool.workers) workers = pool.workers;
    if (workers == 0) pool_leave();
    return workers;
}

/* Opens the gate to `workers` workers. */
static void pool_open(work run, void *job, ptrdiff_t parts, int workers) {
    pool.run = run;
    pool.job = job;
    pool.parts = parts;
    pool.admitted = workers;
    for (int thread = 0; thread <= workers; thread++)
        __atomic_store_n(&pool.next[thread], pool_share(thread), __ATOMIC_RELAXED);
    __atomic_fetch_and(&pool.gate, ~CLOSED, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&pool.turn, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&pool.sleeping, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&pool.mutex);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.mutex);
    }
}

/* Closes the gate and waits until everyone is out.
 *
 * A worker that lost its processor in the middle of a part may wait for that of the caller, who then has to sleep: a
 * scheduler need not heed a mere yield for milliseconds. */
static void pool_close(void) {
    const struct timespec nap = {0, 20000};
    int64_t until = 0;
    __atomic_fetch_or(&pool.gate, CLOSED, __ATOMIC_SEQ_CST);
    for (int look = 1; __atomic_load_n(&pool.gate, __ATOMIC_ACQUIRE) != CLOSED; look++) {
        pool_relax();
        if (look % 64) continue;
        if (until == 0) until = pool_now_ns() + SPIN_NS;
        else if (pool_now_ns() > until) nanosleep(&nap, NULL);
    }
}

/* Runs all parts, the caller among the threads. By who has entered. */
static void pool_run(work run, void *job, ptrdiff_t parts, int workers) {
    pool_place(workers);
    pool_open(run, job, parts, workers);
    pool_take_parts(0);
    pool_close();
}

/* --- alone or together ------------------------------------------------------------------------------------------ */

/* Which is sooner depends on the size, on whether the workers are awake, on whose cache holds the data, on neighbours.
 * So it is tried, eight calls together at a time, the first of which may have to wake the workers, and an account is
 * kept: what they took longer than so many calls alone is paid for by what calls together saved before, and the rest by
 * 32 times as long alone. Hence jobs of a kind are slower than alone by 3 % at the worst, but for 32 calls alone that
 * finding out may cost once; and as fast as together while that is sooner, though a thread loses its processor now and
 * then.
 * Waking takes as long as ten small jobs: a trial goes on while calls earn back what the first one cost. */
#define TRIED 8
#define MOST_TRIED 256
#define WAKING_NS 200000 /* more than this, and more than eight calls, is not waited for */
#define PAID_BACK 32
#define GRANTED 32     /* calls alone that may be lost to begin with */
#define MOST_SAVED 256 /* calls alone that savings may stand for: beyond, what was says little of what is */
#define REFRESHED 512       /* calls after which some are made alone and timed again */
#define SOME_ALONE 8        /* so many, of which the last two count, as the first find their data in others' caches */
#define LOOKED_AT 3         /* while alone each so-manyth call is timed, whichever are the ones after a pause */

struct pool_account {
    uint32_t calls;
    int tried;           /* of the calls together that are being judged */
    int64_t alone_ns;    /* of a call alone, as it was lately */
    int64_t loss_ns;     /* of those tried */
    int64_t saved_ns;    /* by those before, and the grant */
    int64_t owed;        /* calls to be made alone */
};

enum pool_choice { ALONE, ALONE_TIMED, TOGETHER, TOGETHER_TIMED };

static enum pool_choice pool_choose(struct pool_account *account, int together_first) {
    const uint32_t call = account->calls++;
    if (together_first && call == 0) return TOGETHER;
    if (account->alone_ns == 0 || call < SOME_ALONE) return ALONE_TIMED;
    if (account->owed == 0 && call % REFRESHED >= SOME_ALONE) return TOGETHER_TIMED;
    if (account->owed == 0) return call % REFRESHED >= SOME_ALONE - 2 ? ALONE_TIMED : ALONE;
    account->owed--;
    return call % LOOKED_AT ? ALONE : ALONE_TIMED;
}

static void pool_learn(struct pool_account *account, enum pool_choice choice, int64_t spent_ns) {
    const int64_t alone_ns = account->alone_ns;
    if (choice == ALONE_TIMED) {
        const int64_t above = spent_ns < 2 * alone_ns ? spent_ns - alone_ns : alone_ns;
        if (alone_ns == 0) account->saved_ns = GRANTED * spent_ns;
        if (alone_ns == 0 || (account->calls <= SOME_ALONE && above < 0))
            account->alone_ns = spent_ns;
        else
            account->alone_ns += above / 4;
    } else if (choice == TOGETHER_TIMED) {
        const int64_t patience = (TRIED * alone_ns > WAKING_NS ? TRIED * alone_ns : WAKING_NS) + account->saved_ns;
        const int64_t most = MOST_SAVED * alone_ns;
        const int earning = account->loss_ns > 0 && spent_ns < alone_ns && account->tried < MOST_TRIED;
        account->loss_ns += spent_ns - alone_ns;
        account->tried++;
        if (account->loss_ns < patience && (account->tried < TRIED || (account->loss_ns > 0 && earning))) return;
        account->saved_ns -= account->loss_ns;
        account->owed = account->saved_ns < 0 ? -PAID_BACK * account->saved_ns / alone_ns + 1 : 0;
        if (account->saved_ns < 0) account->saved_ns = 0;
        else if (account->saved_ns > most) account->saved_ns = most;
        account->loss_ns = account->tried = 0;
    }
}

#else
#define HAVE_THREADS 0
#endif

#endif
