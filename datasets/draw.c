/*
 * draw -- the demo's labelled pictures, drawn from a seed
 *
 * A picture is a background gradient, clutter, one object or up to three, something thin that may
 * lie across them, uneven light and noise.  Objects are signed distance functions: f(p) is negative
 * inside, 1 is the object's radius; a pixel's share of an object is 0.5 - distance in pixels, cut
 * to [0,1], which antialiases the edge.  Colour, place, size and turn are drawn alike for every
 * class, so that only form tells them apart: a linear model of the pixels does little better than
 * guessing.
 *
 * single: OUT/{train,val,test}/CLASS/NNNNN.png      multi: OUT/images/NNNNN.png and OUT/labels.csv
 * Picture i is a pure function of (seed, kind, size, i); the threads that draw change nothing.
 */
#include "data/index.h"
#include "data/stb.h"
#include "nn/base/cli.h"
#include "nn/base/file.h"
#include "nn/base/pool.h"
#include "nn/base/rng.h"

#include <math.h>

enum { MAX_SIZE = 256, MAX_OBJECTS = 3, TRIES = 200 };

/* ---- random numbers: one counter a picture -------------------------------------------------- */

struct dice {
    uint64_t seed, stream, next;
};

static float uniform(struct dice *d, float lo, float hi)
{
    return lo + (hi - lo) * rng_f32(d->seed, d->stream, d->next++);
}

static int below(struct dice *d, int n)
{
    return (int)rng_below(d->seed, d->stream, d->next++, (uint32_t)n);
}

/* ---- forms: signed distance at (x,y), y down, in radii; v: three numbers in [0,1) that vary it */

typedef float form_fn(float x, float y, const float *v);

static float segment(float x, float y, float ax, float ay, float bx, float by)
{
    float dx = bx - ax, dy = by - ay;
    float t = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);

    t = fminf(fmaxf(t, 0), 1);
    return hypotf(x - ax - t * dx, y - ay - t * dy);
}

static float circle(float x, float y, const float *v)
{
    (void)v;
    return hypotf(x, y) - 0.92f;
}

static float ring(float x, float y, const float *v)
{
    float half = 0.14f + 0.08f * v[0];

    return fabsf(hypotf(x, y) - (1 - half)) - half;
}

static float square(float x, float y, const float *v)
{
    (void)v;
    return fmaxf(fabsf(x), fabsf(y)) - 0.85f;
}

/* Three half planes at distance 0.6 from the centre: corners at 1.2. */
static float triangle(float x, float y, const float *v)
{
    (void)v;
    return fmaxf(y, fmaxf(0.8660254f * x, -0.8660254f * x) - 0.5f * y) - 0.6f;
}

/* Folded to half a point; then the line from the tip (1.15, 0) to the notch at 36 degrees. */
static float star(float x, float y, const float *v)
{
    float notch = 0.42f + 0.1f * v[0], tip = 1.15f, sector = 2 * (float)M_PI / 5;
    float a = fabsf(remainderf(atan2f(x, -y), sector)), r = hypotf(x, y);
    float nx = notch * cosf(sector / 2) - tip, ny = notch * sinf(sector / 2);

    return (nx * r * sinf(a) - ny * (r * cosf(a) - tip)) / -hypotf(nx, ny);
}

static float cross(float x, float y, const float *v)
{
    float half = 0.22f + 0.1f * v[0];

    x = fabsf(x), y = fabsf(y);
    return fminf(fmaxf(x - 1, y - half), fmaxf(x - half, y - 1));
}

static float letter_a(float x, float y, const float *v)
{
    float legs = segment(fabsf(x), y, 0.66f, 0.9f, 0, -0.85f);

    return fminf(legs, segment(x, y, -0.42f, 0.32f, 0.42f, 0.32f)) - (0.14f + 0.05f * v[0]);
}

/* Distance to the nearest edge of stripes of width w, negative on every second one. */
static float wave(float x, float w)
{
    return fabsf(remainderf(x, 2 * w)) - w / 2;
}

/* Width of stripes and fields, such that four to six lie side by side. */
static float field_width(const float *v)
{
    return 0.4f + 0.12f * v[0];
}

static float stripes(float x, float y, const float *v)
{
    (void)y;
    return wave(x + v[1], field_width(v));
}

static float checker(float x, float y, const float *v)
{
    float a = wave(x + v[1], field_width(v)), b = wave(y + v[2], field_width(v));

    return copysignf(fminf(fabsf(a), fabsf(b)), -a * b);
}

static float dots(float x, float y, const float *v)
{
    float step = 1.45f * field_width(v);

    return hypotf(remainderf(x + v[1], step), remainderf(y + v[2], step)) - 0.3f * step;
}

/* What textures fill: a disc or a square. */
static float patch(float x, float y, const float *v)
{
    return v[0] < 0.5f ? hypotf(x, y) - 1.05f : fmaxf(fabsf(x), fabsf(y)) - 0.95f;
}

/* From (-1,0) to (1,0), half as wide as v[0]. */
static float bar(float x, float y, const float *v)
{
    return segment(x, y, -1, 0, 1, 0) - v[0] / 2;
}

static const struct label {
    const char *name;
    form_fn *form;
    bool texture;               /* fills a patch, in two colours */
    float turn;                 /* turned by up to this much either way */
} labels[] = {
    { "circle",   circle,   false, (float)M_PI },
    { "cross",    cross,    false, (float)M_PI },
    { "letter-a", letter_a, false, 0.7f },
    { "ring",     ring,     false, (float)M_PI },
    { "square",   square,   false, (float)M_PI },
    { "star",     star,     false, (float)M_PI },
    { "stripes",  stripes,  true,  (float)M_PI },
    { "triangle", triangle, false, (float)M_PI },
    { "checker",  checker,  true,  (float)M_PI },
    { "dots",     dots,     true,  (float)M_PI },
};

enum { N_LABELS = sizeof labels / sizeof *labels, N_MULTI = 8 };     /* multi: the first eight */

/* ---- painting ------------------------------------------------------------------------------- */

struct canvas {
    int size;
    float pixel[MAX_SIZE * MAX_SIZE][3];        /* RGB, 0 to 1 */
};

struct pose {
    float x, y, r;              /* centre and radius, in pixels */
    float cos, sin;             /* of the turn */
    float stretch;              /* width by this, height by its inverse */
};

static float distance_at(form_fn *form, const float *v, const struct pose *p, int i, int j)
{
    float x = (float)j + 0.5f - p->x, y = (float)i + 0.5f - p->y;

    return p->r * form((p->cos * x + p->sin * y) / (p->r * p->stretch),
                       (p->cos * y - p->sin * x) / p->r * p->stretch, v);
}

/* Paints the form, within `inside` when that is given, from colour a on one side to colour b on the
 * other. */
static void paint(struct canvas *c, const struct pose *p, form_fn *form, const float *v,
                  form_fn *inside, const float *inside_v, const float *a, const float *b)
{
    float reach = 1.5f * p->r + 2;
    int i0 = (int)fmaxf(p->y - reach, 0), i1 = (int)fminf(p->y + reach, (float)c->size);
    int j0 = (int)fmaxf(p->x - reach, 0), j1 = (int)fminf(p->x + reach, (float)c->size);

    for (int i = i0; i < i1; i++) {
        for (int j = j0; j < j1; j++) {
            float d = distance_at(form, v, p, i, j);
            float t = fminf(fmaxf(0.5f + 0.5f * ((float)j - p->x) / p->r, 0), 1);

            if (inside)
                d = fmaxf(d, distance_at(inside, inside_v, p, i, j));
            d = fminf(fmaxf(0.5f - d, 0), 1);
            for (int k = 0; k < 3; k++) {
                float *pixel = &c->pixel[i * c->size + j][k];

                *pixel += d * (a[k] + t * (b[k] - a[k]) - *pixel);
            }
        }
    }
}

static float colour_distance(const float *a, const float *b)
{
    return sqrtf((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                 (a[2] - b[2]) * (a[2] - b[2]));
}

/* A colour at least `far` from each of the n others, or the farthest that was tried. */
static void draw_colour(struct dice *d, int n, const float (*other)[3], float far, float *out)
{
    float best = -1;

    for (int try = 0; try < TRIES && best < far; try++) {
        float c[3], nearest = 2;

        for (int k = 0; k < 3; k++)
            c[k] = uniform(d, 0, 1);
        for (int i = 0; i < n; i++)
            nearest = fminf(nearest, colour_distance(c, other[i]));
        if (nearest > best) {
            best = nearest;
            for (int k = 0; k < 3; k++)
                out[k] = c[k];
        }
    }
}

/* A colour at most `near` away in each part: where a gradient leads. */
static void draw_shade(struct dice *d, const float *from, float near, float *out)
{
    for (int k = 0; k < 3; k++)
        out[k] = fminf(fmaxf(from[k] + uniform(d, -near, near), 0), 1);
}

static struct pose draw_pose(struct dice *d, float x, float y, float r, float turn)
{
    float a = uniform(d, -turn, turn);

    return (struct pose){ x, y, r, cosf(a), sinf(a), uniform(d, 0.92f, 1.09f) };
}

static void draw_background(struct dice *d, struct canvas *c, float (*colour)[3])
{
    float a = uniform(d, 0, 2 * (float)M_PI), x = cosf(a) / (float)c->size,
          y = sinf(a) / (float)c->size;

    draw_colour(d, 0, NULL, 0, colour[0]);
    draw_shade(d, colour[0], 0.3f, colour[1]);
    for (int i = 0; i < c->size; i++) {
        for (int j = 0; j < c->size; j++) {
            float t =
                0.5f + x * ((float)j - (float)c->size / 2) + y * ((float)i - (float)c->size / 2);

            t = fminf(fmaxf(t, 0), 1);
            for (int k = 0; k < 3; k++)
                c->pixel[i * c->size + j][k] = colour[0][k] + t * (colour[1][k] - colour[0][k]);
        }
    }
}

/* Short lines and specks, of any colour. */
static void draw_clutter(struct dice *d, struct canvas *c, int n)
{
    float unit = (float)c->size / 32;

    for (int i = 0; i < n; i++) {
        bool line = below(d, 3) != 0;
        float x = uniform(d, 0, (float)c->size), y = uniform(d, 0, (float)c->size);
        float r = unit * (line ? uniform(d, 2, 6) : uniform(d, 0.7f, 1.6f));
        struct pose p = draw_pose(d, x, y, r, (float)M_PI);
        float v[3] = { unit * uniform(d, 0.8f, 1.8f) / r }, colour[3];

        draw_colour(d, 0, NULL, 0, colour);
        paint(c, &p, line ? bar : circle, v, NULL, NULL, colour, colour);
    }
}

static void draw_object(struct dice *d, struct canvas *c, const struct label *l,
                        const struct pose *p, const float (*background)[3])
{
    float v[3], patch_v[3], colour[3][3], shade[2][3];

    for (int k = 0; k < 3; k++)
        v[k] = uniform(d, 0, 1), patch_v[k] = uniform(d, 0, 1);
    for (int k = 0; k < 3; k++)
        colour[0][k] = background[0][k], colour[1][k] = background[1][k];
    draw_colour(d, 2, (const float (*)[3])colour, 0.5f, colour[2]);
    draw_shade(d, colour[2], 0.15f, shade[0]);
    if (l->texture) {
        draw_colour(d, 1, (const float (*)[3])&colour[2], 0.55f, colour[0]);
        draw_shade(d, colour[0], 0.15f, shade[1]);
        paint(c, p, patch, patch_v, NULL, NULL, colour[0], shade[1]);
        paint(c, p, l->form, v, patch, patch_v, colour[2], shade[0]);
    } else {
        paint(c, p, l->form, v, NULL, NULL, colour[2], shade[0]);
    }
}

/* A thin bar whose middle lies off the object's. */
static void draw_occluder(struct dice *d, struct canvas *c, const struct pose *over)
{
    float x = over->x + uniform(d, -0.8f, 0.8f) * over->r,
          y = over->y + uniform(d, -0.8f, 0.8f) * over->r;
    float r = over->r * uniform(d, 0.6f, 1.3f);
    struct pose p = draw_pose(d, x, y, r, (float)M_PI);
    float v[3] = { uniform(d, 0.2f, 0.35f) * over->r / r }, colour[3];

    draw_colour(d, 0, NULL, 0, colour);
    paint(c, &p, bar, v, NULL, NULL, colour, colour);
}

/* Light that falls off to one side, noise up to max_noise either way, 8 bits. */
static void draw_light(struct dice *d, const struct canvas *c, float max_noise, uint8_t *out)
{
    float a = uniform(d, 0, 2 * (float)M_PI), slope = uniform(d, 0, 0.5f) / (float)c->size;
    float x = slope * cosf(a), y = slope * sinf(a);
    float gain = uniform(d, 0.75f, 1.1f), noise = uniform(d, 0.01f, max_noise);

    for (int i = 0; i < c->size; i++) {
        for (int j = 0; j < c->size; j++) {
            float light =
                gain + x * ((float)j - (float)c->size / 2) + y * ((float)i - (float)c->size / 2);
            int at = i * c->size + j;
            /* ten bits a colour: one draw a pixel is enough */
            uint32_t u = rng_u32(d->seed, d->stream, ((uint64_t)1 << 32) + (uint64_t)at);

            for (int k = 0; k < 3; k++, u >>= 10) {
                float value = light * c->pixel[at][k] + noise * ((float)(u & 1023) / 511.5f - 1);

                out[3 * at + k] = (uint8_t)lrintf(255 * fminf(fmaxf(value, 0), 1));
            }
        }
    }
}

/* ---- pictures ------------------------------------------------------------------------------- */

enum { SINGLE, MULTI };
static const char *const kind_names[] = { "single", "multi", NULL };

struct options {
    int count, seed, kind, size;
};

static const struct field option_fields[] = {
    FIELD_INT(struct options, count, NULL, 8000, 20, 99999,
              "pictures: 15 of 20 to train, 2 val, 3 test"),
    FIELD_INT(struct options, seed, NULL, 1, 0, 1e9, "another seed draws other pictures"),
    FIELD_ENUM(struct options, kind, kind_names, SINGLE, "one label a picture, or one to three"),
    FIELD_INT(struct options, size, NULL, 32, 24, MAX_SIZE, "width and height, in pixels"),
    FIELDS_END
};

static struct dice dice_of(const struct options *o, int i)
{
    return (struct dice){ (uint64_t)o->seed,
                          rng_stream(RNG_DRAW, (uint32_t)o->kind << 31 | (uint32_t)i), 0 };
}

static int label_of(int i)
{
    return i % N_LABELS;
}

/* 15 of 20 to train, 2 to val, 3 to test; of a class where a picture has one. */
static const char *split_of(const struct options *o, int i)
{
    int turn = (o->kind == SINGLE ? i / N_LABELS : i) % 20;

    return data_split_names[turn < 15 ? DATA_TRAIN : turn < 17 ? DATA_VAL : DATA_TEST];
}

static void draw_single(const struct options *o, int i, struct canvas *c, uint8_t *out)
{
    struct dice d = dice_of(o, i);
    const struct label *l = &labels[label_of(i)];
    float side = (float)o->size, background[2][3], r = side * uniform(&d, 0.29f, 0.40f);
    float room = side / 2 - 0.95f * r;
    float x = side / 2 + room * uniform(&d, -1, 1), y = side / 2 + room * uniform(&d, -1, 1);
    struct pose p = draw_pose(&d, x, y, r, l->turn);

    draw_background(&d, c, background);
    draw_clutter(&d, c, 1 + below(&d, 4));
    draw_object(&d, c, l, &p, (const float (*)[3])background);
    if (below(&d, 3) == 0)
        draw_occluder(&d, c, &p);
    draw_light(&d, c, 0.08f, out);
}

/* Which labels picture i has: the first numbers of its dice, so that labels.csv needs no drawing.
 */
static int draw_labels(struct dice *d, int *label)
{
    int n = 1 + below(d, MAX_OBJECTS);

    for (int k = 0; k < n; k++) {
        bool taken = true;

        while (taken) {
            label[k] = below(d, N_MULTI);
            taken = false;
            for (int j = 0; j < k; j++)
                taken |= label[j] == label[k];
        }
    }
    return n;
}

/* Places for n objects that lie over one another by little, the best of many tries. */
static void draw_places(struct dice *d, float side, int n, struct pose *p)
{
    float best = -1;

    for (int try = 0; try < TRIES && best < 0.95f; try++) {
        float nearest = 2, x[MAX_OBJECTS], y[MAX_OBJECTS];

        for (int k = 0; k < n; k++) {
            float room = side / 2 - 0.95f * p[k].r;

            x[k] = side / 2 + room * uniform(d, -1, 1);
            y[k] = side / 2 + room * uniform(d, -1, 1);
            for (int j = 0; j < k; j++)
                nearest = fminf(nearest, hypotf(x[k] - x[j], y[k] - y[j]) / (p[k].r + p[j].r));
        }
        if (nearest > best) {
            best = nearest;
            for (int k = 0; k < n; k++)
                p[k].x = x[k], p[k].y = y[k];
        }
    }
}

static void draw_multi(const struct options *o, int i, struct canvas *c, uint8_t *out)
{
    struct dice d = dice_of(o, i);
    int label[MAX_OBJECTS], n = draw_labels(&d, label);
    float side = (float)o->size, background[2][3];
    struct pose p[MAX_OBJECTS];

    for (int k = 0; k < n; k++)
        p[k] = draw_pose(&d, 0, 0, side * uniform(&d, 0.21f, 0.39f - 0.05f * (float)n),
                         labels[label[k]].turn);
    draw_places(&d, side, n, p);
    draw_background(&d, c, background);
    draw_clutter(&d, c, below(&d, 4));
    for (int k = 0; k < n; k++)
        draw_object(&d, c, &labels[label[k]], &p[k], (const float (*)[3])background);
    draw_light(&d, c, 0.08f, out);
}

/* ---- files
 * ------------------------------------------------------------------------------------------------
 */

struct job {
    const struct options *o;
    const char *out;
    struct worker {
        struct canvas *canvas;
        uint8_t *pixel;         /* [size,size,3] */
        struct err err;
    } *worker;
};

static void path_of(const struct job *job, int i, struct str *path)
{
    if (job->o->kind == SINGLE)
        str_printf(path, "%s/%s/%s/%05d.png", job->out, split_of(job->o, i),
                   labels[label_of(i)].name, i);
    else
        str_printf(path, "%s/images/%05d.png", job->out, i);
}

/* Not through file_replace: thousands of fsyncs take longer than drawing all of it again. */
static bool write_file(const char *path, const uint8_t *bytes, size_t size, struct err *err)
{
    FILE *f = fopen(path, "wb");
    bool ok;

    if (!f)
        return err_errno(err, path, "create");
    ok = fwrite(bytes, 1, size, f) == size;
    ok = !fclose(f) && ok;
    return ok || err_errno(err, path, "write");
}

static void piece(void *arg, int i, int w)
{
    const struct job *job = arg;
    struct worker *worker = &job->worker[w];
    int size = job->o->size;
    struct str path = { 0 };
    uint8_t *png;
    size_t bytes = 0;

    if (worker->err.kind)
        return;
    path_of(job, i, &path);
    (job->o->kind == SINGLE ? draw_single : draw_multi)(job->o, i, worker->canvas, worker->pixel);
    png = data_stb_png(worker->pixel, size, size, &bytes);
    if (!png || path.failed)
        err_set(&worker->err, ERR_MEMORY, "memory is out");
    else
        write_file(str_text(&path), png, bytes, &worker->err);
    free(png);
    str_release(&path);
}

static bool make_folders(const struct job *job, struct err *err)
{
    bool ok = true;

    if (job->o->kind == MULTI) {
        struct str path = { 0 };

        str_printf(&path, "%s/images", job->out);
        ok = path.failed ? err_set(err, ERR_MEMORY, "memory is out")
                         : file_mkdir(str_text(&path), err);
        str_release(&path);
        return ok;
    }
    for (int s = DATA_TRAIN; ok && s <= DATA_TEST; s++) {
        for (int l = 0; ok && l < N_LABELS; l++) {
            struct str path = { 0 };

            str_printf(&path, "%s/%s/%s", job->out, data_split_names[s], labels[l].name);
            ok = path.failed ? err_set(err, ERR_MEMORY, "memory is out")
                             : file_mkdir(str_text(&path), err);
            str_release(&path);
        }
    }
    return ok;
}

/* filename,LABEL...,split with a 1 for every label that the picture has. */
static bool write_labels(const struct job *job, struct err *err)
{
    struct str csv = { 0 }, path = { 0 };
    bool ok;

    str_add(&csv, "filename");
    for (int l = 0; l < N_MULTI; l++)
        str_printf(&csv, ",%s", labels[l].name);
    str_add(&csv, ",split\n");
    for (int i = 0; i < job->o->count; i++) {
        struct dice d = dice_of(job->o, i);
        int label[MAX_OBJECTS], n = draw_labels(&d, label), mark[N_MULTI] = { 0 };

        for (int k = 0; k < n; k++)
            mark[label[k]] = 1;
        str_printf(&csv, "%05d.png", i);
        for (int l = 0; l < N_MULTI; l++)
            str_printf(&csv, ",%d", mark[l]);
        str_printf(&csv, ",%s\n", split_of(job->o, i));
    }
    str_printf(&path, "%s/labels.csv", job->out);
    ok = csv.failed || path.failed ? err_set(err, ERR_MEMORY, "memory is out")
                                   : file_replace(str_text(&path), csv.data, csv.len, err);
    str_release(&csv);
    str_release(&path);
    return ok;
}

/* A folder with anything in it is left alone: pictures of another run would mix with ours. */
static bool check_empty(const char *out, struct err *err)
{
    char **names;
    int n;

    if (file_kind(out) == FILE_NONE)
        return true;
    n = file_list(out, &names, err);
    if (n < 0)
        return false;
    free(names);
    return n == 0 || err_set(err, ERR_INPUT,
                             "%s: not empty; name a new folder, or remove this one first", out);
}

static bool draw_all(const struct options *o, const char *out, struct err *err)
{
    int threads = pool_cpus();
    struct job job = { o, out, calloc((size_t)threads, sizeof *job.worker) };
    struct pool *pool = NULL;
    bool ok = false;

    if (!job.worker) {
        err_set(err, ERR_MEMORY, "memory is out");
        goto out;
    }
    for (int i = 0; i < threads; i++) {
        job.worker[i].canvas = malloc(sizeof *job.worker[i].canvas);
        job.worker[i].pixel = malloc((size_t)o->size * (size_t)o->size * 3);
        if (!job.worker[i].canvas || !job.worker[i].pixel) {
            err_set(err, ERR_MEMORY, "memory is out");
            goto out;
        }
        job.worker[i].canvas->size = o->size;
    }
    if (!check_empty(out, err) || !make_folders(&job, err))
        goto out;
    pool = pool_new(threads, err);
    if (!pool)
        goto out;
    pool_for(pool, o->count, piece, &job);
    for (int i = 0; i < threads; i++) {
        if (job.worker[i].err.kind) {
            *err = job.worker[i].err;
            goto out;
        }
    }
    ok = o->kind == SINGLE || write_labels(&job, err);
out:
    pool_free(pool);
    for (int i = 0; job.worker && i < threads; i++) {
        free(job.worker[i].canvas);
        free(job.worker[i].pixel);
    }
    free(job.worker);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o;
    struct cli_args args;
    struct err err = { 0 };

    switch (cli_parse(self, argc, argv, &o, &args, &err)) {
    case CLI_DONE:
        return 0;
    case CLI_RUN:
        if (draw_all(&o, args.arg[0], &err))
            return 0;
        break;
    case CLI_FAILED:
        break;
    }
    fprintf(stderr, "draw: %s\n", err.msg);
    return cli_status(&err);
}

static const struct cli_command command = {
    .name = "draw",
    .summary = "draw labelled pictures to try discern with",
    .synopsis = "OUT",
    .about = "Draws shapes, textures and a letter, with their labels, into the new folder OUT: one "
             "label a picture "
             "in folders by class, or several in a table.  The same seed draws the same pictures.",
    .examples = "draw build/demo/single\n"
                "draw build/demo/multi --kind multi\n",
    .options = option_fields,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};

int main(int argc, char **argv)
{
    return command.run(&command, argc, argv);
}
