/*
 * api_memory: memory that runs out at the n-th request, for all n, is DISCERN_MEMORY or no matter
 *
 * The program's malloc is the one below, for all libraries that it runs on.  It lets the n-th
 * request fail and counts blocks: after each round all that was taken has been given back.
 */
#include "tests/infer/tiny.h"

#include "infer/discern.h"

#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || !defined __GLIBC__

int main(void)
{
    printf("skipped: this malloc is not to be had\n");
    return 0;
}

#else

#define SHOWN __attribute__((visibility("default")))   /* to the libraries */

/* glibc's own. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *p);

static atomic_long requests, held;      /* since the round began; blocks */
static atomic_long fails_at;            /* which request; 0: none */

/* Jansson 2.14 does not look whether the buffer of a token could grow, and writes on: what
 * record_parse asks of it is granted. */
static _Thread_local bool granted;

SHOWN json_t *json_loadb(const char *text, size_t bytes, size_t flags, json_error_t *e)
{
    static json_t *(*asked)(const char *, size_t, size_t, json_error_t *);
    json_t *json;

    if (!asked)
        asked = (json_t * (*)(const char *, size_t, size_t, json_error_t *))(uintptr_t)dlsym(
            RTLD_NEXT, "json_loadb");
    granted = true;
    json = asked(text, bytes, flags, e);
    granted = false;
    return json;
}

static bool falls(void)
{
    if (granted || atomic_fetch_add(&requests, 1) + 1 != atomic_load(&fails_at))
        return false;
    errno = ENOMEM;
    return true;
}

static void *given(void *p)
{
    if (p)
        atomic_fetch_add(&held, 1);
    return p;
}

SHOWN void *malloc(size_t bytes)
{
    return falls() ? NULL : given(__libc_malloc(bytes));
}

SHOWN void *calloc(size_t n, size_t bytes)
{
    return falls() ? NULL : given(__libc_calloc(n, bytes));
}

SHOWN void *realloc(void *p, size_t bytes)
{
    if (falls())
        return NULL;
    return p ? __libc_realloc(p, bytes) : given(__libc_realloc(NULL, bytes));
}

SHOWN void *aligned_alloc(size_t align, size_t bytes)
{
    return falls() ? NULL : given(__libc_memalign(align, bytes));
}

SHOWN int posix_memalign(void **out, size_t align, size_t bytes)
{
    void *p = falls() ? NULL : given(__libc_memalign(align, bytes));

    if (p)
        *out = p;
    return p ? 0 : ENOMEM;
}

SHOWN void free(void *p)
{
    if (p)
        atomic_fetch_sub(&held, 1);
    __libc_free(p);
}

/* ---- the round ------------------------------------------------------------------------------- */

static struct made_folder folder;
static char model[2][96], picture[TINY_PICTURES][96];
static const char *models[] = { model[0], model[1] }, *pictures[TINY_PICTURES];

struct round {
    int status;                 /* of the call that failed; 0: none did */
    int answered, lacking;      /* files: with an answer, without for want of memory */
    char message[600];
};

static int on_answer(void *ctx, const discern_answer *a)
{
    struct round *r = ctx;

    if (a->status == DISCERN_MEMORY)
        r->lacking++;
    else if (a->status == DISCERN_OK)
        r->answered++;
    else
        snprintf(r->message, sizeof r->message, "%d: %s", a->status, a->message);
    return 0;
}

/* A model or two read, a session, a picture, pixels, a row of pictures. */
static void go(struct round *r, int n_models)
{
    discern_session_options o = { .size = sizeof o, .threads = 2, .batch = 4,
                                  .views = n_models > 1 ? DISCERN_VIEW_FOUR : DISCERN_VIEW_ONE };
    discern_error e = { 0 };
    discern_model *m = discern_open_many(n_models, models, NULL, &e);
    discern_session *s = m ? discern_session_new(m, &o, &e) : NULL;
    static const uint8_t rows[4 * 16];
    discern_guess guess[2];

    if (s && discern_file(s, picture[0], guess, 2, &e) == 2 &&
        discern_pixels(s, rows, 5, 4, 16, guess, 2, &e) == 2)
        discern_files(s, TINY_PICTURES, pictures, on_answer, r, &e);
    discern_session_free(s);
    discern_close(m);
    r->status = e.status;
    if (e.status)
        snprintf(r->message, sizeof r->message, "%d: %s", e.status, e.message);
}

static void sweep(int n_models)
{
    struct round r = { 0 };
    long all = 0, before, fell = 0;

    /* Thrice: what libraries keep for ever, and what glibc keeps of threads, is there then. */
    for (int i = 0; i < 3; i++) {
        r = (struct round){ 0 };
        before = atomic_load(&held);
        atomic_store(&requests, 0);
        go(&r, n_models);
        all = atomic_load(&requests);
    }
    if (!all)
        skip();                 /* another malloc is in its place: valgrind's */
    assert_int_equal(r.status, DISCERN_OK);
    assert_int_equal(r.answered, TINY_PICTURES);
    assert_int_equal(atomic_load(&held), before);
    assert_true(all > 100);
    for (long n = 1; n <= all + 50; n++) {
        bool told;

        r = (struct round){ 0 };
        atomic_store(&requests, 0);
        atomic_store(&fails_at, n);
        go(&r, n_models);
        atomic_store(&fails_at, 0);
        told = r.status == DISCERN_MEMORY || r.lacking > 0;
        fell += told;
        if (!told && (r.status || r.answered != TINY_PICTURES))
            fail_msg("request %ld of %ld: %s", n, all, r.message);
        if (atomic_load(&held) != before)
            fail_msg("request %ld of %ld: %ld blocks are not given back; %s", n, all,
                     atomic_load(&held) - before, r.message);
    }
    printf("%ld requests, %ld of which are missed\n", all, fell);
    assert_true(fell > all / 2);
}

static void every_request_may_fail(void **state)
{
    (void)state;
    sweep(1);
}

static void every_request_of_a_committee_may_fail(void **state)
{
    (void)state;
    sweep(2);
}

static int set_up(void **state)
{
    (void)state;
    tiny_open(&folder);
    tiny_write(&folder, "other.safetensors", DATA_SINGLE, 9);
    snprintf(model[0], sizeof model[0], "%s/one.safetensors", folder.path);
    snprintf(model[1], sizeof model[1], "%s/other.safetensors", folder.path);
    for (int i = 0; i < TINY_PICTURES; i++) {
        snprintf(picture[i], sizeof picture[i], "%s/%d.jpg", folder.path, i);
        pictures[i] = picture[i];
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_close(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_may_fail),
        cmocka_unit_test(every_request_of_a_committee_may_fail),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#endif
