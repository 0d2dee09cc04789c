/*
 * pool -- threads that run numbered pieces of work
 *
 * `left` counts the pieces that nobody has taken.  Whoever brings it from k > 0 to k - 1 owns piece
 * n - k, and while a piece is owned its job cannot end, so fn, arg and n stand still: late threads
 * see left == 0 and touch nothing.  The caller waits for the pieces, not for the threads.
 */
#include "nn/base/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before sleeping: some 20 microseconds, longer than the gap between two steps of a plan. */
enum { SPINS = 500 };

struct worker {
    struct pool *pool;
    pthread_t thread;
    int id;
};

struct pool {
    int threads, spins;

    pool_fn *fn;                    /* the job: written while left == 0 and every piece is done */
    void *arg;
    int n;

    _Alignas(64) atomic_int left;
    _Alignas(64) atomic_int done;   /* pieces that have run */
    atomic_bool stop;

    pthread_mutex_t mutex;
    pthread_cond_t start, end;
    int sleeping;                   /* workers in `start`; under the mutex */

    struct worker worker[];         /* [threads]; 0 is the caller */
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Takes pieces until none is left; true when the last one of the job ended here. */
static bool work(struct pool *p, int worker)
{
    int ran = 0, n = 0;
    int left = atomic_load_explicit(&p->left, memory_order_relaxed);

    while (left > 0) {
        if (!atomic_compare_exchange_weak_explicit(&p->left, &left, left - 1, memory_order_acquire,
                                                   memory_order_relaxed))
            continue;
        n = p->n;
        p->fn(p->arg, n - left, worker);
        ran++;
        left = atomic_load_explicit(&p->left, memory_order_relaxed);
    }
    return ran > 0 && atomic_fetch_add_explicit(&p->done, ran, memory_order_acq_rel) + ran == n;
}

static bool wanted(struct pool *p)
{
    return atomic_load_explicit(&p->left, memory_order_relaxed) > 0 ||
           atomic_load_explicit(&p->stop, memory_order_relaxed);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;

    while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
        if (work(p, w->id)) {
            pthread_mutex_lock(&p->mutex);
            pthread_cond_signal(&p->end);
            pthread_mutex_unlock(&p->mutex);
        }
        for (int i = 0; i < p->spins && !wanted(p); i++)
            relax();
        if (wanted(p))
            continue;

        pthread_mutex_lock(&p->mutex);
        p->sleeping++;
        while (!wanted(p))
            pthread_cond_wait(&p->start, &p->mutex);
        p->sleeping--;
        pthread_mutex_unlock(&p->mutex);
    }
    return NULL;
}

/* Ends and frees a pool of which workers 1 .. started - 1 run. */
static void end(struct pool *p, int started)
{
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->stop, true);
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 1; i < started; i++)
        pthread_join(p->worker[i].thread, NULL);
    pthread_cond_destroy(&p->end);
    pthread_cond_destroy(&p->start);
    pthread_mutex_destroy(&p->mutex);
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
    p->spins = threads <= pool_cpus() ? SPINS : 0;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->end, NULL);

    sigset_t outside, old;
    int code = 0, i;

    outside_signals(&outside);
    pthread_sigmask(SIG_BLOCK, &outside, &old);
    for (i = 1; i < threads && !code; i++) {
        p->worker[i] = (struct worker){ .pool = p, .id = i };
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

static bool all_done(struct pool *p, int n)
{
    return atomic_load_explicit(&p->done, memory_order_acquire) == n;
}

void pool_for(struct pool *p, int n, pool_fn *fn, void *arg)
{
    if (!p || p->threads == 1 || n <= 1) {
        for (int i = 0; i < n; i++)
            fn(arg, i, 0);
        return;
    }

    assert(atomic_load(&p->left) == 0);         /* else a pool_for within a piece */
    p->fn = fn;
    p->arg = arg;
    p->n = n;
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);

    pthread_mutex_lock(&p->mutex);
    atomic_store_explicit(&p->left, n, memory_order_release);
    if (p->sleeping > n - 1) {
        for (int i = 1; i < n; i++)
            pthread_cond_signal(&p->start);
    } else if (p->sleeping > 0) {
        pthread_cond_broadcast(&p->start);
    }
    pthread_mutex_unlock(&p->mutex);

    if (work(p, 0))
        return;
    for (int i = 0; i < p->spins; i++) {
        if (all_done(p, n))
            return;
        relax();
    }
    pthread_mutex_lock(&p->mutex);
    while (!all_done(p, n))
        pthread_cond_wait(&p->end, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
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
