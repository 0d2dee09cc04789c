/*
 * sandbox -- pictures from strangers are decoded in processes that can do nothing else
 *
 * A worker has three descriptors: a socket for requests and answers of fixed size, and two blocks
 * of shared memory, sparse and as large as the limits allow: bytes go in by the first, pixels come
 * out by the second.  It maps both, then locks itself in.  The parent believes nothing that comes
 * out: sizes are checked against the limits before a pixel is copied, and every pixel is as good as
 * another.
 */
#include "data/sandbox.h"

#include "nn/base/about.h"
#include "nn/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FD_SOCKET = 3, FD_IN, FD_OUT,       /* of a worker */
    TIMEOUT_MS = 10000, START_MS = 10000, RECYCLE = 10000,
    KEEP_BYTES = 24 << 20,              /* of shared memory that stays filled between pictures */
    STATUS_REFUSED = 77,                /* a worker's: the kernel does not let it lock itself in */
    STATUS_OTHER,                       /* it is of another build than who asks */
};

/* Why a worker has no answer, so that the message can say it. */
enum trouble { TROUBLE_NONE, TROUBLE_TIMEOUT, TROUBLE_GONE };

struct request {
    size_t size;                        /* bytes in FD_IN; 0: are you there? */
    int timeout_ms;
    struct data_decode how;
};

struct answer {
    enum err_kind kind;                 /* ERR_NONE: pixels are in FD_OUT */
    int width, height;
    char msg[sizeof ((struct err *)0)->msg];
};

/* How much of each block a picture can take. */
static bool block_sizes(const struct data_decode *how, size_t *in, size_t *out)
{
    *in = how->limits.file_bytes;
    return size_mul((size_t)how->limits.pixels, 3, out);
}

/* All of it, whatever signals come; false at the end of the file. */
static bool read_all(int fd, void *to, size_t n)
{
    for (char *p = to; n > 0;) {
        ssize_t got = read(fd, p, n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t n)
{
    for (const char *p = from; n > 0;) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* ---- the worker ------------------------------------------------------------------------------ */

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SANITIZED = 1 };                 /* their shadow memory is larger than any limit */
#else
enum { SANITIZED = 0 };
#endif

static bool limit(int what, rlim_t most)
{
    struct rlimit r = { most, most };

    return !setrlimit((__rlimit_resource_t)what, &r);
}

/* Memory for the two blocks, for what decoding may hold and its result, and for the program. */
static bool limit_resources(const struct data_decode *how, size_t in, size_t out)
{
    size_t most;

    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) &&
           (SANITIZED || (size_add(in, out, &most) && size_add(most, out, &most) &&
                          size_add(most, how->limits.decode_bytes, &most) &&
                          size_add(most, in, &most) && size_add(most, (size_t)512 << 20, &most) &&
                          limit(RLIMIT_AS, most)));
}

/* Everything else ends the process.  Memory may not become executable. */
static bool lock_in(void)
{
    static const int allowed[] = {
        SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(sendto), SCMP_SYS(munmap), SCMP_SYS(mremap),
        SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(sched_yield),
        SCMP_SYS(clock_gettime), SCMP_SYS(setitimer), SCMP_SYS(rt_sigreturn), SCMP_SYS(exit),
        SCMP_SYS(exit_group),
    };
    static const int no_exec[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool ok = f && !seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);

    for (size_t i = 0; ok && i < sizeof allowed / sizeof *allowed; i++)
        ok = !seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; ok && i < sizeof no_exec / sizeof *no_exec; i++)
        ok = !seccomp_rule_add(f, SCMP_ACT_ALLOW, no_exec[i], 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    ok = ok && !seccomp_load(f);
    if (f)
        seccomp_release(f);
    return ok;
}

/* A parent that died cannot end a worker that hangs: then the clock does. */
static void set_alarm(int ms)
{
    struct itimerval t = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

    setitimer(ITIMER_REAL, &t, NULL);
}

int data_sandbox_worker(const char *build, data_sandbox_decode_fn *decode)
{
    struct request r;
    uint8_t *in, *out;
    size_t in_bytes, out_bytes;

    if (strcmp(build, about_git) != 0)
        return STATUS_OTHER;
    if (!read_all(FD_SOCKET, &r, sizeof r) || !block_sizes(&r.how, &in_bytes, &out_bytes))
        return 1;
    in = mmap(NULL, in_bytes, PROT_READ, MAP_SHARED, FD_IN, 0);
    out = mmap(NULL, out_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, FD_OUT, 0);
    close(FD_IN);
    close(FD_OUT);
    if (in == MAP_FAILED || out == MAP_FAILED || !limit_resources(&r.how, in_bytes, out_bytes) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return 1;
    if (!lock_in())
        return STATUS_REFUSED;
    do {
        struct answer a = { .kind = ERR_NONE };
        struct data_image image = { 0 };
        struct err err = { 0 };

        set_alarm(2 * r.timeout_ms);
        if (r.size && !(decode ? decode : data_image_decode)(in, r.size, &r.how, &image, &err)) {
            a.kind = err.kind;
            memcpy(a.msg, err.msg, sizeof a.msg);
        } else if (r.size) {
            a.width = image.width;
            a.height = image.height;
            memcpy(out, image.pixel, (size_t)image.width * (size_t)image.height * 3);
        }
        set_alarm(0);
        data_image_release(&image);
        if (!write_all(FD_SOCKET, &a, sizeof a))
            return 1;
    } while (read_all(FD_SOCKET, &r, sizeof r));
    return 0;
}

/* ---- the parent ------------------------------------------------------------------------------ */

struct worker {
    pid_t pid;                          /* 0: none runs */
    int socket, in_fd, out_fd;
    uint8_t *in;
    const uint8_t *out;
    int answered;
    bool busy;
};

struct data_sandbox {
    struct data_sandbox_options opt;
    struct data_decode how;             /* its limits are the workers' */
    size_t in_bytes, out_bytes;
    pthread_mutex_t lock;               /* of the workers' busy */
    pthread_cond_t idle;
    struct worker *worker;
};

/* Ends a worker that runs; how it ended, as waitpid tells it. */
static int stop(struct data_sandbox *s, struct worker *w)
{
    int status = 0;

    if (w->pid > 0) {
        kill(w->pid, SIGKILL);
        while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    if (w->socket >= 0)
        close(w->socket);
    if (w->in)
        munmap(w->in, s->in_bytes);
    if (w->out)
        munmap((void *)(uintptr_t)w->out, s->out_bytes);
    if (w->in_fd >= 0)
        close(w->in_fd);
    if (w->out_fd >= 0)
        close(w->out_fd);
    /* All but busy, which is the lock's. */
    w->pid = 0;
    w->socket = w->in_fd = w->out_fd = -1;
    w->in = NULL;
    w->out = NULL;
    w->answered = 0;
    return status;
}

/* A sparse block of shared memory, mapped. */
static void *make_block(size_t bytes, int prot, int *fd)
{
    void *p;

    *fd = memfd_create("discern", MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, (off_t)bytes))
        return NULL;
    p = mmap(NULL, bytes, prot, MAP_SHARED, *fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Signals as for any program: threads that decode block them all, and the alarm must come. */
static bool free_signals(posix_spawnattr_t *how)
{
    sigset_t none, alarm;

    sigemptyset(&none);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    return !posix_spawnattr_setsigmask(how, &none) && !posix_spawnattr_setsigdefault(how, &alarm) &&
           !posix_spawnattr_setflags(how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* The call, whose answer is an errno, which it sets. */
static bool start_program(struct worker *w, const char *program,
                          const posix_spawn_file_actions_t *files, const posix_spawnattr_t *how)
{
    char name[] = "discern", argument[] = DATA_SANDBOX_ARGUMENT,
         threads[] = "OPENBLAS_NUM_THREADS=1";
    char *argv[] = { name, argument, (char *)(uintptr_t)about_git, NULL },
         *env[] = { threads, NULL };

    errno = posix_spawnp(&w->pid, program, files, how, argv, env);
    return errno == 0;
}

/* Starts the program with the worker's three descriptors and no others. */
static bool spawn(struct worker *w, const char *program, int socket)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    bool ok;

    if (posix_spawn_file_actions_init(&files))
        return false;
    if (posix_spawnattr_init(&how)) {
        posix_spawn_file_actions_destroy(&files);
        return false;
    }
    /* Above everything that is put in place first, so that no descriptor overwrites another. */
    ok = free_signals(&how) && socket > FD_OUT && w->in_fd > FD_OUT && w->out_fd > FD_OUT;
    for (int fd = 0; ok && fd < FD_SOCKET; fd++)
        ok = !posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    ok = ok && !posix_spawn_file_actions_adddup2(&files, socket, FD_SOCKET) &&
         !posix_spawn_file_actions_adddup2(&files, w->in_fd, FD_IN) &&
         !posix_spawn_file_actions_adddup2(&files, w->out_fd, FD_OUT) &&
         !posix_spawn_file_actions_addclosefrom_np(&files, FD_OUT + 1) &&
         start_program(w, program, &files, &how);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return ok;
}

/* The descriptor, or a copy of it above those that a worker has. */
static int lift(int fd)
{
    int high;

    if (fd < 0 || fd > FD_OUT)
        return fd;
    high = fcntl(fd, F_DUPFD_CLOEXEC, FD_OUT + 1);
    close(fd);
    return high;
}

static enum trouble ask(struct worker *w, const struct request *r, int timeout_ms,
                        struct answer *a)
{
    struct pollfd p = { .fd = w->socket, .events = POLLIN };
    int ready;

    if (!write_all(w->socket, r, sizeof *r))
        return TROUBLE_GONE;
    do
        ready = poll(&p, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return TROUBLE_TIMEOUT;
    return read_all(w->socket, a, sizeof *a) ? TROUBLE_NONE : TROUBLE_GONE;
}

/* A worker that has answered that it is there, locked in. */
static bool start(struct data_sandbox *s, struct worker *w, struct err *err)
{
    struct request hello = { 0, s->opt.timeout_ms, s->how };
    struct answer a;
    int pair[2] = { -1, -1 }, status;
    bool ok = !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);

    w->in = make_block(s->in_bytes, PROT_READ | PROT_WRITE, &w->in_fd);
    w->out = make_block(s->out_bytes, PROT_READ, &w->out_fd);
    w->in_fd = lift(w->in_fd);
    w->out_fd = lift(w->out_fd);
    w->socket = lift(pair[0]);
    pair[1] = lift(pair[1]);
    ok = ok && w->in && w->out && spawn(w, s->opt.program, pair[1]);
    if (pair[1] >= 0)
        close(pair[1]);
    if (!ok) {
        err_errno(err, s->opt.program, "start as a process to decode in");
        stop(s, w);
        return false;
    }
    if (ask(w, &hello, START_MS, &a) == TROUBLE_NONE)
        return true;
    status = stop(s, w);
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_REFUSED)
        return err_set(err, ERR_UNSUPPORTED, "the kernel refuses seccomp: no sandbox here");
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_OTHER)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s is of another build than %s (%s), which asks it to decode: name the "
                       "one that belongs to it", s->opt.program, about_version, about_git);
    return err_set(err, ERR_IO, "%s: a process to decode in ended before it began",
                   s->opt.program);
}

struct data_sandbox *data_sandbox_new(const struct data_sandbox_options *opt,
                                      const struct data_limits *limits, struct err *err)
{
    struct data_sandbox *s = calloc(1, sizeof *s);

    if (s)
        s->worker = calloc((size_t)opt->workers, sizeof *s->worker);
    if (!s || !s->worker) {
        free(s);
        err_set(err, ERR_MEMORY, "cannot hold %d workers", opt->workers);
        return NULL;
    }
    s->opt = *opt;
    s->opt.program = opt->program ? opt->program : "/proc/self/exe";
    s->opt.timeout_ms = opt->timeout_ms ? opt->timeout_ms : TIMEOUT_MS;
    s->opt.recycle = opt->recycle ? opt->recycle : RECYCLE;
    s->how = data_decode_default;
    if (limits)
        s->how.limits = *limits;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    for (int i = 0; i < opt->workers; i++)
        s->worker[i] = (struct worker){ .socket = -1, .in_fd = -1, .out_fd = -1 };
    if (!block_sizes(&s->how, &s->in_bytes, &s->out_bytes)) {
        err_set(err, ERR_INPUT, "a limit of %lld pixels is too many",
                (long long)s->how.limits.pixels);
        data_sandbox_free(s);
        return NULL;
    }
    for (int i = 0; i < opt->workers; i++) {
        if (!start(s, &s->worker[i], err)) {
            data_sandbox_free(s);
            return NULL;
        }
    }
    return s;
}

void data_sandbox_free(struct data_sandbox *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->opt.workers; i++)
        stop(s, &s->worker[i]);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s->worker);
    free(s);
}

static struct worker *take(struct data_sandbox *s)
{
    struct worker *w = NULL;

    pthread_mutex_lock(&s->lock);
    while (!w) {
        for (int i = 0; !w && i < s->opt.workers; i++)
            w = s->worker[i].busy ? NULL : &s->worker[i];
        if (!w)
            pthread_cond_wait(&s->idle, &s->lock);
    }
    w->busy = true;
    pthread_mutex_unlock(&s->lock);
    return w;
}

static void give_back(struct data_sandbox *s, struct worker *w)
{
    pthread_mutex_lock(&s->lock);
    w->busy = false;
    pthread_cond_signal(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

/* The pixels of an answer that claims some. */
static bool fetch(const struct data_sandbox *s, const struct worker *w, const struct answer *a,
                  struct data_image *image, struct err *err)
{
    const struct data_limits *l = &s->how.limits;
    size_t bytes;

    if (a->width < 1 || a->height < 1 || a->width > l->side || a->height > l->side ||
        (int64_t)a->width * a->height > l->pixels)
        return err_set(err, ERR_INPUT, "its decoder answered with nonsense: take it for hostile");
    bytes = (size_t)a->width * (size_t)a->height * 3;
    image->pixel = malloc(bytes);
    if (!image->pixel)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", a->width, a->height);
    memcpy(image->pixel, w->out, bytes);
    image->width = a->width;
    image->height = a->height;
    return true;
}

/* What a worker that gave no answer tells by its end. */
static bool explain(enum trouble trouble, int timeout_ms, int status, struct err *err)
{
    if (trouble == TROUBLE_TIMEOUT)
        return err_set(err, ERR_INPUT, "not decoded after %g s: left out", timeout_ms / 1000.0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return err_set(err, ERR_INPUT, "its decoder tried what it may not: take it for hostile");
    return err_set(err, ERR_INPUT, "its decoder crashed on it: take it for broken or hostile");
}

/* Gives a large picture's memory back: the small ones that follow do without. */
static void empty(struct data_sandbox *s, struct worker *w)
{
    enum { HOLE = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };

    if (fallocate(w->in_fd, HOLE, 0, (off_t)s->in_bytes) ||
        fallocate(w->out_fd, HOLE, 0, (off_t)s->out_bytes))
        stop(s, w);
}

bool data_sandbox_decode(struct data_sandbox *s, const uint8_t *bytes, size_t size,
                         const struct data_decode *how, struct data_image *image,
                         struct err *err)
{
    struct request r = { size, s->opt.timeout_ms, s->how };
    struct answer a;
    struct worker *w;
    enum trouble trouble;
    bool ok = false;

    memset(image, 0, sizeof *image);
    memcpy(r.how.background, how->background, sizeof r.how.background);
    if (size > s->in_bytes)
        return err_set(err, ERR_INPUT, "file of %zu bytes is over the limit of %zu", size,
                       s->in_bytes);
    if (size == 0)
        return data_image_decode(bytes, size, &r.how, image, err);      /* says what it is */
    w = take(s);
    if (w->pid && w->answered >= s->opt.recycle)
        stop(s, w);
    if (!w->pid && !start(s, w, err)) {
        give_back(s, w);
        return false;
    }
    memcpy(w->in, bytes, size);
    trouble = ask(w, &r, s->opt.timeout_ms, &a);
    if (trouble) {
        explain(trouble, s->opt.timeout_ms, stop(s, w), err);
    } else if (a.kind == ERR_NONE) {
        ok = fetch(s, w, &a, image, err);
    } else {
        a.msg[sizeof a.msg - 1] = 0;
        err_set(err, a.kind == ERR_UNSUPPORTED || a.kind == ERR_MEMORY ? a.kind : ERR_INPUT, "%s",
                a.msg);
    }
    w->answered++;
    if (w->pid && size + (size_t)image->width * (size_t)image->height * 3 > KEEP_BYTES)
        empty(s, w);
    give_back(s, w);
    return ok;
}

bool data_sandbox_choose(bool wanted, int workers, struct data_decode *how, struct err *err)
{
    *how = data_decode_default;
    if (wanted)
        how->sandbox = data_sandbox_new(&(struct data_sandbox_options){ .workers = workers }, NULL,
                                        err);
    return !wanted || how->sandbox;
}
