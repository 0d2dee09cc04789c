/*
 * test_sandbox -- workers that misbehave cost one answer each, and nothing else
 *
 * The workers are this program, started anew: what begins with "EVIL" makes them do it.
 */
#include "tests/data/made.h"

#include "data/sandbox.h"
#include "nn/base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static const char evil[] = "EVIL";

/* Does what the letter behind EVIL says; each that comes back has got away with it. */
static bool misbehave(const uint8_t *bytes, size_t size, const struct data_decode *how,
                      struct data_image *image, struct err *err)
{
    volatile int spin = 1;
    void *p;

    if (size < sizeof evil || memcmp(bytes, evil, sizeof evil - 1))
        return data_image_decode(bytes, size, how, image, err);
    switch (bytes[sizeof evil - 1]) {
    case 'o':
        open("/etc/passwd", O_RDONLY);
        break;
    case 'w':
        open("/tmp/discern-test-escaped", O_WRONLY | O_CREAT, 0600);
        break;
    case 's':
        socket(AF_INET, SOCK_STREAM, 0);
        break;
    case 'x':
        execl("/bin/sh", "sh", "-c", "true", NULL);
        break;
    case 'f':
        syscall(SYS_fork);
        break;
    case 'k':
        kill(getppid(), SIGTERM);
        break;
    case 'p':
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        break;
    case 'l':
        while (spin)
            ;
        break;
    case 'c':
        raise(SIGSEGV);
        break;
    case 'z':
        *(volatile int *)(uintptr_t)(spin - 1) = 1;
        break;
    case 'q':
        _exit(0);
    case 'm':                           /* 1 TB: refused, and said so */
        p = mmap(NULL, (size_t)1 << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return err_set(err, ERR_MEMORY, "no such memory");
        break;
    case 'n': {                         /* nonsense for an answer */
        static uint8_t pixel[3];

        image->pixel = malloc(sizeof pixel);
        image->width = -5;
        image->height = 0;
        return true;
    }
    }
    return err_set(err, ERR_DIVERGED, "got away with it");
}

static struct data_sandbox *sandbox(int workers, int timeout_ms)
{
    struct err err = { 0 };
    struct data_sandbox *s = data_sandbox_new(
        &(struct data_sandbox_options){ .workers = workers, .timeout_ms = timeout_ms }, NULL, &err);

    if (!s && err.kind == ERR_UNSUPPORTED)
        skip();
    assert_non_null(s);
    return s;
}

static void same_pixels_as_without(void **state)
{
    struct data_sandbox *s = sandbox(1, 0);
    struct data_decode how = data_decode_default;

    (void)state;
    how.sandbox = s;
    for (int k = 0; k < 20; k++) {
        struct data_image a, b;
        struct err err = { 0 };
        size_t n;
        uint8_t *bytes = made_jpeg(8 + 37 * k, 5 + 53 * k, (uint64_t)k, &n);

        assert_true(data_image_decode(bytes, n, NULL, &a, &err));
        assert_true(data_image_decode(bytes, n, &how, &b, &err));
        assert_int_equal(a.width, b.width);
        assert_int_equal(a.height, b.height);
        assert_memory_equal(a.pixel, b.pixel, (size_t)a.width * (size_t)a.height * 3);
        data_image_release(&a);
        data_image_release(&b);
        free(bytes);
    }
    data_sandbox_free(s);
}

static void refusals_say_the_same(void **state)
{
    static const char *const texts[] = { "", "x", "GIF89a", "RIFF....WEBPVP8 ", "<html>" };
    struct data_sandbox *s = sandbox(1, 0);
    struct data_decode how = data_decode_default;

    (void)state;
    how.sandbox = s;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const uint8_t *bytes = (const uint8_t *)texts[i];
        struct err a = { 0 }, b = { 0 };
        struct data_image m;

        assert_false(data_image_decode(bytes, strlen(texts[i]), NULL, &m, &a));
        assert_false(data_image_decode(bytes, strlen(texts[i]), &how, &m, &b));
        assert_int_equal(a.kind, b.kind);
        assert_string_equal(a.msg, b.msg);
    }
    data_sandbox_free(s);
}

/* One letter of misbehave: the answer says `says`, and the next picture decodes. */
static void contained(struct data_sandbox *s, char letter, const char *says)
{
    uint8_t bytes[sizeof evil] = "EVIL";
    struct data_image m;
    struct err err = { 0 };
    size_t n;
    uint8_t *good = made_jpeg(33, 21, 5, &n);

    bytes[sizeof evil - 1] = (uint8_t)letter;
    assert_false(data_sandbox_decode(s, bytes, sizeof bytes, &data_decode_default, &m, &err));
    if (!strstr(err.msg, says))
        fail_msg("%c: \"%s\" does not say \"%s\"", letter, err.msg, says);
    assert_null(m.pixel);
    assert_true(data_sandbox_decode(s, good, n, &data_decode_default, &m, &err));
    assert_int_equal(m.width, 33);
    data_image_release(&m);
    free(good);
}

static void what_it_may_not_do_ends_the_worker_alone(void **state)
{
    struct data_sandbox *s = sandbox(1, 0);

    (void)state;
    for (const char *letter = "owsxfkp"; *letter; letter++)
        contained(s, *letter, "tried what it may not");
    assert_int_not_equal(access("/tmp/discern-test-escaped", F_OK), 0);
    data_sandbox_free(s);
}

static void crashes_end_the_worker_alone(void **state)
{
    struct data_sandbox *s = sandbox(1, 0);

    (void)state;
    contained(s, 'z', "");
    contained(s, 'c', "");
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    contained(s, 'q', "");              /* their way out is not allowed either */
#else
    contained(s, 'q', "crashed");
#endif
    contained(s, 'n', "nonsense");
    data_sandbox_free(s);
}

static void a_hang_ends_at_the_timeout(void **state)
{
    struct data_sandbox *s = sandbox(1, 200);
    double begin = clock_now();

    (void)state;
    contained(s, 'l', "not decoded after 0.2 s");
    assert_true(clock_now() - begin < 5);
    data_sandbox_free(s);
}

static void memory_is_limited(void **state)
{
    struct data_sandbox *s = sandbox(1, 0);

    (void)state;
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    contained(s, 'm', "no such memory");
#endif
    data_sandbox_free(s);
}

static void too_large_a_file_never_reaches_a_worker(void **state)
{
    struct data_limits limits = data_decode_default.limits;
    struct data_sandbox *s;
    struct data_image m;
    struct err err = { 0 };
    uint8_t bytes[2000] = { 0 };

    (void)state;
    limits.file_bytes = 1000;
    s = data_sandbox_new(&(struct data_sandbox_options){ .workers = 1 }, &limits, &err);
    if (!s && err.kind == ERR_UNSUPPORTED)
        skip();
    assert_non_null(s);
    assert_false(data_sandbox_decode(s, bytes, sizeof bytes, &data_decode_default, &m, &err));
    assert_non_null(strstr(err.msg, "over the limit of 1000"));
    data_sandbox_free(s);
}

/* A parent as a thread of a pool is: no signal reaches it.  Hangs until it is killed. */
static void hang_unreachable(int ready)
{
    struct data_sandbox_options opt = { .workers = 1, .timeout_ms = 250 };
    struct data_sandbox *s;
    struct data_image m;
    struct err err;
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    s = data_sandbox_new(&opt, NULL, &err);
    if (s && write(ready, "r", 1) == 1)
        data_sandbox_decode(s, (const uint8_t *)"EVILl", 5, &data_decode_default, &m, &err);
    _exit(0);
}

static void a_worker_that_hangs_does_not_outlive_its_parent_for_long(void **state)
{
    int ready[2], status = 0, worker_status = -1;
    pid_t parent, worker = -1;
    char byte;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(pipe(ready), 0);
    parent = fork();
    assert_true(parent >= 0);
    if (!parent)
        hang_unreachable(ready[1]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1) {
        char path[64];
        FILE *f;

        usleep(50 * 1000);
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
        f = fopen(path, "r");
        if (!f || fscanf(f, "%d", &worker) != 1)
            worker = -1;
        if (f)
            fclose(f);
    }
    close(ready[0]);
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    if (worker < 0)
        skip();                         /* no seccomp here, or no such file */
    for (int i = 0; i < 50 && waitpid(worker, &worker_status, WNOHANG) != worker; i++)
        usleep(100 * 1000);
    kill(worker, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    assert_true(worker_status != -1 && WIFSIGNALED(worker_status));
    assert_int_equal(WTERMSIG(worker_status), SIGALRM);
}

struct client {
    struct data_sandbox *s;
    int good, refused;
};

static void *decode_many(void *arg)
{
    struct client *c = arg;
    size_t n;
    uint8_t *bytes = made_jpeg(40, 30, 9, &n);

    for (int i = 0; i < 40; i++) {
        uint8_t bad[sizeof evil] = "EVIL";
        struct data_image m;
        struct err err = { 0 };
        bool turn = i % 8 == 7;

        bad[sizeof evil - 1] = 'q';
        if (data_sandbox_decode(c->s, turn ? bad : bytes, turn ? sizeof bad : n,
                                &data_decode_default, &m, &err))
            c->good += m.width == 40 && m.height == 30;
        else
            c->refused++;
        data_image_release(&m);
    }
    free(bytes);
    return NULL;
}

static void any_number_of_threads_share_the_workers(void **state)
{
    struct client client[5];
    pthread_t thread[5];
    struct data_sandbox *s = sandbox(2, 0);

    (void)state;
    for (int i = 0; i < 5; i++) {
        client[i] = (struct client){ .s = s };
        assert_int_equal(pthread_create(&thread[i], NULL, decode_many, &client[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(client[i].good, 35);
        assert_int_equal(client[i].refused, 5);
    }
    data_sandbox_free(s);
}

static void workers_are_recycled_and_leave_nothing(void **state)
{
    struct err err = { 0 };
    struct data_sandbox *s = data_sandbox_new(
        &(struct data_sandbox_options){ .workers = 1, .recycle = 3 }, NULL, &err);
    size_t n;
    uint8_t *bytes = made_jpeg(20, 20, 3, &n);

    (void)state;
    if (!s && err.kind == ERR_UNSUPPORTED)
        skip();
    assert_non_null(s);
    for (int i = 0; i < 10; i++) {
        struct data_image m;

        assert_true(data_sandbox_decode(s, bytes, n, &data_decode_default, &m, &err));
        data_image_release(&m);
    }
    data_sandbox_free(s);
    data_sandbox_free(NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);   /* no children */
    free(bytes);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_pixels_as_without),
        cmocka_unit_test(refusals_say_the_same),
        cmocka_unit_test(what_it_may_not_do_ends_the_worker_alone),
        cmocka_unit_test(crashes_end_the_worker_alone),
        cmocka_unit_test(a_hang_ends_at_the_timeout),
        cmocka_unit_test(a_worker_that_hangs_does_not_outlive_its_parent_for_long),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(too_large_a_file_never_reaches_a_worker),
        cmocka_unit_test(any_number_of_threads_share_the_workers),
        cmocka_unit_test(workers_are_recycled_and_leave_nothing),
    };

    if (argc == 3 && !strcmp(argv[1], DATA_SANDBOX_ARGUMENT))
        return data_sandbox_worker(argv[2], misbehave);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
