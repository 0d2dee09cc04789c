/*
 * odd: 1,444 unusual and broken files are read or refused as their INDEX.csv says
 *
 * Every file in a process of its own: none may crash, take longer than two seconds, or more memory
 * than docs/data.md promises.  Where we differ docs/odd_images.md says why, file by file; a
 * difference that it does not list fails, and so does a line that is no longer true.
 */
#include "tests/data/made.h"

#include "data/header.h"
#include "nn/base/clock.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEASURED = 0 };
#else
enum { MEASURED = 1 };
#endif

enum { SECONDS = 2 };

/* What a child found. */
struct found {
    bool ok;
    int width, height;                  /* of the picture, turned */
    int64_t stored[2];                  /* as the header says; 0 when it was refused */
    int orientation;
    struct err err;
};

struct cost {
    double seconds;
    int64_t bytes;                      /* the most that the process had */
    int status;
};

/* A row of INDEX.csv. */
struct row {
    char *path, *format, *expected, *width, *height;
};

static void look(const char *path, struct found *r)
{
    size_t size;
    uint8_t *bytes = file_read(path, (size_t)1 << 28, &size, &r->err);
    struct data_header head;
    struct data_image m;
    struct err ignored;

    if (!bytes)
        return;
    if (data_header_read(bytes, size, &head, &ignored)) {
        r->stored[0] = head.width;
        r->stored[1] = head.height;
        r->orientation = head.orientation;
    }
    r->ok = data_image_decode(bytes, size, NULL, &m, &r->err);
    r->width = m.width;
    r->height = m.height;
}

/* path NULL: a process that does nothing. */
static struct cost in_a_process(const char *path, struct found *r)
{
    double begin = clock_now();
    struct rusage use;
    struct cost c;
    pid_t pid;

    memset(r, 0, sizeof *r);
    fflush(NULL);
    pid = fork();
    if (!pid) {
        alarm(10 * SECONDS);
        if (path)
            look(path, r);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(wait4(pid, &c.status, 0, &use), pid);
    c.seconds = clock_now() - begin;
    c.bytes = (int64_t)use.ru_maxrss * 1024;
    return c;
}

/* The first five cells of a line, which have no quotes; false at the end. */
static bool next_row(char **text, struct row *r)
{
    char *line = strsep(text, "\n");
    char **cell[] = { &r->path, &r->format, &r->expected, &r->width, &r->height };

    if (!line || !*line)
        return false;
    for (int i = 0; i < 5; i++) {
        *cell[i] = strsep(&line, ",");
        assert_non_null(line);
    }
    return true;
}

/* What the page lists for a file: "read", "refused", "other size"; NULL when it does not.  The line
 * is struck out. */
static char *listed(char *page, const char *path)
{
    char key[512], *at, *with, *what;

    snprintf(key, sizeof key, "\n| `%s` | ", path);
    for (at = strstr(page, key); at; at = strstr(at + 1, key)) {
        with = at + strlen(key);
        what = strstr(with, " | ");
        assert_non_null(what);
        if (!memcmp(with, "all ", 4) ||
            !memcmp(with, strstr(data_decoders, "turbojpeg") ? "turbojpeg " : "stb ", 4)) {
            at[1] = '-';
            what += 3;
            return strndup(what, strcspn(what, " |") + (memcmp(what, "other", 5) ? 0 : 5));
        }
    }
    return NULL;
}

static const char *difference(const struct row *r, const struct found *f)
{
    bool turned = f->orientation >= 5;
    long w = strtol(r->width, NULL, 10), h = strtol(r->height, NULL, 10);

    if (!strcmp(r->expected, "any") ||
        (!strcmp(r->format, "webp") && strstr(data_decoders, "webp")))
        return NULL;
    if (!strcmp(r->expected, "error"))
        return f->ok ? "read" : NULL;
    if (!f->ok)
        return "refused";
    return f->width == (turned ? h : w) && f->height == (turned ? w : h) ? NULL : "other size";
}

/* A refusal says why; of a format that we know by name, it says the name. */
static bool says_why(const struct row *r, const struct found *f)
{
    static const char *const named[] = { "webp", "avif", "heic", "tiff", "pdf", "ico", "psd",
                                         "svg", "mp4", "gzip", "html", NULL };

    if (!f->err.msg[0] || f->err.kind == ERR_NONE)
        return false;
    for (int i = 0; named[i]; i++)
        if (!strcmp(named[i], r->format) && !strcasestr(f->err.msg, named[i]))
            return false;
    return true;
}

/* docs/data.md: what a picture may take, and the file and a turned copy beside. */
static int64_t allowed(const struct found *f, int64_t size)
{
    int64_t pixels = f->stored[0] ? (f->stored[0] + 64) * (f->stored[1] + 64) : 0;
    int64_t budget = 24 * pixels + 4 * size + (1 << 20);

    if (budget > (int64_t)data_decode_default.limits.decode_bytes)
        budget = (int64_t)data_decode_default.limits.decode_bytes;
    return budget + 3 * pixels + 2 * size + (1 << 20);
}

static int check_row(const struct row *r, const char *folder, int64_t idle, struct found *f,
                     char *page, int *differ)
{
    char path[700], *known;
    struct stat st;
    struct cost c;
    const char *what;
    int wrong = 0;

    snprintf(path, sizeof path, "%s/odd_images/%s", folder, r->path);
    assert_int_equal(stat(path, &st), 0);
    c = in_a_process(path, f);
    if (c.status) {
        printf("%s: ended with status %d\n", r->path, c.status);
        return 1;
    }
    if (MEASURED && c.seconds > SECONDS)
        wrong += printf("%s: took %.1f s\n", r->path, c.seconds) > 0;
    if (MEASURED && c.bytes - idle > allowed(f, st.st_size))
        wrong += printf("%s: took %lld bytes\n", r->path, (long long)(c.bytes - idle)) > 0;
    if (!f->ok && !says_why(r, f))
        wrong += printf("%s: refused with \"%s\"\n", r->path, f->err.msg) > 0;
    what = difference(r, f);
    known = listed(page, r->path);
    *differ += what != NULL;
    if (what && (!known || strcmp(known, what)))
        wrong += printf("%s: expected %s: %s %d x %d %s\n", r->path, r->expected, what, f->width,
                        f->height, f->err.msg) > 0;
    if (known && !what)
        wrong += printf("%s: docs/odd_images.md lists it as %s, but we agree\n", r->path,
                        known) > 0;
    free(known);
    return wrong;
}

static void odd_images_are_read_or_refused_as_expected(void **state)
{
    const char *archive = made_dataset("odd_images.tar.gz");
    struct made_folder f;
    struct found *found;
    struct row row;
    struct err err;
    size_t size;
    char *text, *page, *p;
    int64_t idle;
    int n = 0, wrong = 0, differ = 0, decided = 0;

    (void)state;
    if (!archive)
        skip();
    found = mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(found != MAP_FAILED);
    made_open(&f);
    made_unpack(&f, archive);
    p = text = (char *)file_read(made_path(&f, "odd_images/INDEX.csv"), 1 << 20, &size, &err);
    page = (char *)file_read("docs/odd_images.md", 1 << 20, &size, &err);
    assert_true(text && page);
    idle = in_a_process(NULL, found).bytes;
    strsep(&p, "\n");
    for (; next_row(&p, &row); n++) {
        wrong += check_row(&row, f.path, idle, found, page, &differ);
        decided += strcmp(row.expected, "any") != 0;
    }
    printf("%d files: of %d with one right answer %d agree, %d differ\n", n, decided,
           decided - differ, differ);
    free(text);
    free(page);
    munmap(found, sizeof *found);
    made_close(&f);
    assert_int_equal(n, 1444);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_images_are_read_or_refused_as_expected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
