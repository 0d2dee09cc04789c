/*
 * forecast: made of the plan alone, and it grows with what it is made of
 */
#include "tests/data/made.h"

#include "nn/kernel/cpu.h"
#include "train/arch.h"
#include "train/forecast.h"

/* n samples without files; lent labels. */
static struct data_index *index_of(int n)
{
    static const char *const labels[] = { "a", "b" };
    struct data_index *x = calloc(1, sizeof *x);

    assert_non_null(x);
    x->sample = calloc((size_t)n, sizeof *x->sample);
    assert_non_null(x->sample);
    x->label = (const char **)(uintptr_t)labels;
    x->n_labels = 2;
    x->n = n;
    return x;
}

static void index_release(struct data_index *x)
{
    free(x->sample);
    free(x);
}

struct asked {
    int n, val, batch, threads;
    int64_t resident, network, caches;
};

static struct train_forecast forecast(struct asked a)
{
    struct data_prep prep = { .size = { 32, 32 }, .crop = 1, .std = { 1, 1, 1 } };
    struct err err = { 0 };
    struct nn_graph *g = train_arch_graph("resnet_small", 2, 0, 0, &prep, &err);
    struct nn_params *p = nn_params_new(g, false, &err);
    struct data_index *train = index_of(a.n), *val = index_of(a.val ? a.val : 1);
    struct infer_model *m = infer_model_new(g, p, &prep, DATA_SINGLE, 2, train->label,
                                            "resnet_small", &err);
    struct data_loader_options loader = { .batch = a.batch, .threads = a.threads };
    struct train_seen seen = { .n = 2, .width = { 10, 100 }, .height = { 10, 50 } };
    struct train_forecast_facts facts = {
        .resident = a.resident, .network = { .state = a.network / 2, .activations = a.network / 2 },
        .model = m,
        .kernels = nn_kernels_get(NULL, &err), .threads = a.threads, .train = train,
        .val = a.val ? val : NULL, .loader = &loader, .val_batch = 64, .seen = &seen,
        .caches = a.caches,
    };
    struct train_forecast out;

    if (!m || !train_forecast(&facts, &out, &err))
        fail_msg("%s", err.msg);
    infer_model_free(m);
    index_release(train);
    index_release(val);
    return out;
}

static void the_total_is_the_sum_of_its_parts(void **state)
{
    struct train_forecast m = forecast((struct asked){ 100, 20, 16, 2, 1000, 2000, 3000 });

    (void)state;
    assert_true(m.program == 1000);
    assert_true(m.network > 2000);
    assert_true(m.caches == 3000);
    assert_true(m.total == m.program + m.network + m.pictures + m.validation + m.caches);
}

static void it_grows_with_what_it_is_made_of(void **state)
{
    struct asked a = { .n = 1000, .val = 200, .batch = 16, .threads = 1 };
    struct train_forecast m = forecast(a), more;

    (void)state;
    a.batch = 32;
    more = forecast(a);
    assert_true(more.pictures > m.pictures && more.validation == m.validation);
    a.threads = 4;
    assert_true(forecast(a).pictures > more.pictures);
    a.val = 0;
    assert_true(forecast(a).validation == 0);
}

static void batches_that_never_come_take_nothing(void **state)
{
    struct asked few = { .n = 40, .batch = 32, .threads = 1 }, many = few;

    (void)state;
    many.n = 4000;
    assert_true(forecast(few).pictures < forecast(many).pictures / 2);
}

static void this_process_is_in_memory(void **state)
{
    (void)state;
    assert_true(train_resident() > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_total_is_the_sum_of_its_parts),
        cmocka_unit_test(it_grows_with_what_it_is_made_of),
        cmocka_unit_test(batches_that_never_come_take_nothing),
        cmocka_unit_test(this_process_is_in_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
