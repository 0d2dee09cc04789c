/*
 * pool -- threads that run numbered pieces of work
 *
 * Each thread has a run of pieces of its own, in the order of the threads, and takes what is left
 * of the others' from their ends when its own is done.  So what a step of a plan writes lies in the
 * cache of the core that reads it in the next one, as long as both cut pictures alike.
 *
 * Who takes a piece out of a run, which is one atomic word, owns it; while a piece is owned its job
 * cannot end, so fn, arg and n stand still.  A late thread finds runs empty, or of the next job,
 * which it then helps with.  The caller waits for the pieces, not for the threads.  Who waits looks
 * for a while and then sleeps on a futex, which costs the one who wakes it some microseconds and
 * takes as many to come back.
 */
#include "nn/base/pool.h"
#include "nn/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Looks before the clock is asked; and seconds of looking before sleeping, some times what waking
 * takes, so that the answers of a row find threads awake. */
enum { LOOKS = 64 };
static const double patience = 100e-6;

struct worker {
    _Alignas(64) _Atomic uint64_t run;  /* pieces nobody has taken: first, end << 32 */
    struct pool *pool;
    pthread_t thread;
    int id;
};

struct pool {
    int threads;
    bool spins;

    pool_fn *fn;                    /* the job: written while no piece is left or runs */
    void *arg;
    int n;

    _Alignas(64) atomic_uint done;  /* pieces that have run; the caller sleeps on it */
    atomic_bool waiting;            /* it may do so */
    _Alignas(64) atomic_uint jobs;  /* workers sleep on it */
    atomic_int sleeping;            /* workers that may do so */
    atomic_bool stop;

    struct worker worker[];         /* [threads]; 0 is the caller */
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void sleep_on(atomic_uint *word, unsigned was)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, was, NULL, NULL, 0);
}

static void wake(atomic_uint *word, int threads)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}

/* The first piece of a run, or its last; -1: there is none. */
static int take(_Atomic uint64_t *run, bool last)
{
    uint64_t is = atomic_load_explicit(run, memory_order_relaxed), left;
    uint32_t first, end;

    do {
        first = (uint32_t)is;
        end = (uint32_t)(is >> 32);
        if (first >= end)
            return -1;
        left = last ? is - ((uint64_t)1 << 32) : is + 1;
    } while (!atomic_compare_exchange_weak_explicit(run, &is, left, memory_order_acquire,
                                                    memory_order_relaxed));
    return last ? (int)end - 1 : (int)first;
}

/* A piece of the thread's own, or of the next that has one left. */
static int next_piece(struct pool *p, int worker)
{
    int i = take(&p->worker[worker].run, false);

    for (int k = 1; i < 0 && k < p->threads; k++)
        i = take(&p->worker[(worker + k) % p->threads].run, true);
    return i;
}

/* Runs pieces until none is left; wakes the caller when the last one of the job ended here. */
static void work(struct pool *p, int worker)
{
    unsigned ran = 0, n = 0;

    for (int i; (i = next_piece(p, worker)) >= 0; ran++) {
        n = (unsigned)p->n;
        p->fn(p->arg, i, worker);
    }
    if (ran && atomic_fetch_add(&p->done, ran) + ran == n && atomic_load(&p->waiting))
        wake(&p->done, 1);
}

static bool wanted(struct worker *w)
{
    uint64_t run = atomic_load_explicit(&w->run, memory_order_relaxed);

    return (uint32_t)run < (uint32_t)(run >> 32) ||
           atomic_load_explicit(&w->pool->stop, memory_order_relaxed);
}

/* Looks for a while. */
static bool comes(bool spins, bool (*is)(void *), void *arg)
{
    double start = 0;

    for (int i = 0; spins; i++) {
        if (is(arg))
            return true;
        relax();
        if (i % LOOKS)
            continue;
        if (!i)
            start = clock_now();
        else if (clock_now() - start > patience)
            break;
    }
    return is(arg);
}

static bool is_wanted(void *worker)
{
    return wanted(worker);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;

    while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
        unsigned jobs;

        work(p, w->id);
        if (comes(p->spins, is_wanted, w))
            continue;
        /* Either the caller sees that this one may sleep, or it sees the caller's job. */
        jobs = atomic_load(&p->jobs);
        atomic_fetch_add(&p->sleeping, 1);
        if (!wanted(w))
            sleep_on(&p->jobs, jobs);
        atomic_fetch_sub(&p->sleeping, 1);
    }
    return NULL;
}

/* Ends and frees a pool of which workers 1 .. started - 1 run. */
static void end(struct pool *p, int started)
{
    atomic_store(&p->stop, true);
    atomic_fetch_add(&p->jobs, 1);
    wake(&p->jobs, p->threads);
    for (int i = 1; i < started; i++)
        pthread_join(p->worker[i].thread, NULL);
    free(p);
}

/* Signals from outside go to the threads that the program made itself; a crash stays its own. */
static void outside_signals(sigset_t *set)
{
    sigfillset(set);
    sigdelset(set, SIGSEGV);
    sigdelset(set, SIGBUS);
    sigdelset(set, SIGFPE);
    sigdelset(set, SIGILL);
    sigdelset(set, SIGABRT);
}

struct pool *pool_new(int threads, struct err *err)
{
    struct pool *p;
    size_t bytes = sizeof *p + (size_t)threads * sizeof p->worker[0];
    size_t align = _Alignof(struct pool);

    assert(threads >= 1);
    p = aligned_alloc(align, (bytes + align - 1) / align * align);
    if (!p) {
        err_set(err, ERR_MEMORY, "cannot hold %d threads", threads);
        return NULL;
    }
    memset(p, 0, bytes);
    p->threads = threads;
    p->spins = threads <= pool_cpus();

    sigset_t outside, old;
    int code = 0, i;

    outside_signals(&outside);
    pthread_sigmask(SIG_BLOCK, &outside, &old);
    for (i = 1; i < threads && !code; i++) {
        p->worker[i].pool = p;
        p->worker[i].id = i;
        code = pthread_create(&p->worker[i].thread, NULL, worker_main, &p->worker[i]);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (code) {
        err_set(err, ERR_IO,
                "cannot start thread %d of %d: too many threads, or too little memory for them",
                i, threads);
        end(p, i - 1);
        return NULL;
    }
    return p;
}

void pool_free(struct pool *p)
{
    if (p)
        end(p, p->threads);
}

int pool_threads(const struct pool *p)
{
    return p ? p->threads : 1;
}

static bool all_done(void *pool)
{
    struct pool *p = pool;

    return atomic_load_explicit(&p->done, memory_order_acquire) == (unsigned)p->n;
}

void pool_for(struct pool *p, int n, pool_fn *fn, void *arg)
{
    int sleeping;

    if (!p || p->threads == 1 || n <= 1) {
        for (int i = 0; i < n; i++)
            fn(arg, i, 0);
        return;
    }

    p->fn = fn;
    p->arg = arg;
    p->n = n;
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    for (int i = 0; i < p->threads; i++) {
        uint64_t first = (uint64_t)n * (unsigned)i / (unsigned)p->threads;
        uint64_t last = (uint64_t)n * ((unsigned)i + 1) / (unsigned)p->threads;

        assert(take(&p->worker[i].run, false) < 0);     /* else a pool_for within a piece */
        atomic_store_explicit(&p->worker[i].run, first | last << 32, memory_order_release);
    }
    atomic_fetch_add(&p->jobs, 1);
    sleeping = atomic_load(&p->sleeping);
    if (sleeping)
        wake(&p->jobs, sleeping < n - 1 ? sleeping : n - 1);

    work(p, 0);
    if (comes(p->spins, all_done, p))
        return;
    atomic_store(&p->waiting, true);
    for (unsigned done; (done = atomic_load(&p->done)) != (unsigned)n;)
        sleep_on(&p->done, done);
    atomic_store(&p->waiting, false);
}

int pool_cpus(void)
{
    /* The kernel refuses a set that is smaller than its own. */
    for (int max = 1024; max <= 1 << 18; max *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)max);
        size_t bytes = CPU_ALLOC_SIZE((size_t)max);

        if (!set)
            break;

        int rc = sched_getaffinity(0, bytes, set), code = errno;
        int n = rc ? 0 : CPU_COUNT_S(bytes, set);

        CPU_FREE(set);
        if (n > 0)
            return n;
        if (rc && code != EINVAL)
            break;
    }

    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > 1 << 18 ? 1 << 18 : (int)n;
}
