/*
 * test_pull -- addresses, and where a redirection or a token may go; the rest: tests/cli/pull.sh
 */
#include "infer/foreign/address.h"
#include "infer/foreign/digest.h"
#include "infer/foreign/http.h"
#include "infer/foreign/pull.h"
#include "tests/data/made.h"

static const char hub[] = "https://huggingface.co";

static void addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *owner, *name, *rev, *file, *last;
    } known[] = {
        { "hf://timm/resnet18.a1_in1k", "timm", "resnet18.a1_in1k", "main", NULL, NULL },
        { "HF://a/b@v1.0/x/y.onnx", "a", "b", "v1.0", "x/y.onnx", NULL },
        { "hf://a/b@refs%2Fpr%2F1", "a", "b", "refs/pr/1", NULL, NULL },
        { "hf://a/b/", "a", "b", "main", NULL, NULL },
        { "https://huggingface.co/a/b", "a", "b", "main", NULL, NULL },
        { "https://huggingface.co/a/b/blob/v2/x.bin", "a", "b", "v2", "x.bin", NULL },
        { "https://huggingface.co/a/b/tree/v2", "a", "b", "v2", NULL, NULL },
        { "https://x.org/a/b.onnx?key=1", NULL, NULL, NULL, NULL, "b.onnx" },
        { "http://x.org:80/.a b", NULL, NULL, NULL, NULL, NULL },
        { "https://x.org", NULL, NULL, NULL, NULL, "download" },
        { "https://x.org/%2e%2e", NULL, NULL, NULL, NULL, "_2e_2e" },
        { "https://x.org/..", NULL, NULL, NULL, NULL, "_." },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct arena *mem = arena_new();
        struct infer_address a;
        struct err err = { 0 };
        bool ok = infer_address_parse(known[i].text, hub, mem, &a, &err);

        assert_true(infer_address_meant(known[i].text));
        if (!known[i].owner && !known[i].last) {
            assert_false(ok);
            assert_int_equal(err.kind, ERR_INPUT);
        } else if (known[i].owner) {
            assert_true(ok);
            assert_null(a.url);
            assert_string_equal(a.owner, known[i].owner);
            assert_string_equal(a.name, known[i].name);
            assert_string_equal(a.rev, known[i].rev);
            assert_string_equal(a.file ? a.file : "", known[i].file ? known[i].file : "");
        } else {
            assert_true(ok);
            assert_string_equal(a.url, known[i].text);
            assert_string_equal(a.last, known[i].last);
        }
        arena_free(mem);
    }
    assert_false(infer_address_meant("models/hf://a/b"));
    assert_false(infer_address_meant("file:///etc/passwd"));
}

static void names_that_reach_elsewhere_are_refused(void **state)
{
    static const char *const bad[] = { "", "/etc/passwd", "..", "a/../b", "a//b", "a/", ".git",
                                       "a/.b", "a\\b", "a\nb" };
    char large[300] = "";

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(infer_address_file(bad[i], true));
    assert_true(infer_address_file("a/b-c.d", true));
    assert_false(infer_address_file("a/b", false));
    memset(large, 'x', sizeof large - 1);
    assert_false(infer_address_file(large, true));
}

static void redirections_keep_to_what_is_safe(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_true(infer_http_may_follow("http://a/", "https://b/", &err));
    assert_true(infer_http_may_follow("http://a/", "http://b/x@y", &err));
    assert_true(infer_http_may_follow("HTTPS://a/", "https://b/", &err));
    assert_false(infer_http_may_follow("https://a/", "http://b/", &err));
    assert_false(infer_http_may_follow("http://a/", "file:///etc/passwd", &err));
    assert_false(infer_http_may_follow("http://a/", "http://me:word@b/", &err));
}

static void tokens_stay_where_they_belong(void **state)
{
    (void)state;
    assert_true(infer_http_same_host("https://a/x", "https://a/y/z"));
    assert_false(infer_http_same_host("https://a/x", "http://a/x"));
    assert_false(infer_http_same_host("https://a/x", "https://a.b/x"));
    assert_false(infer_http_same_host("https://a/x", "https://a:8080/x"));
    assert_true(infer_http_is_private("https://a/"));
    assert_true(infer_http_is_private("http://localhost:80/"));
    assert_true(infer_http_is_private("http://[::1]/"));
    assert_false(infer_http_is_private("http://localhost.evil.org/"));
    assert_false(infer_http_is_private("http://127.0.0.1.evil.org"));
}

/* Known answers: of nothing, of FIPS 180's "abc", of git for "hello\n". */
static void sums_are_those_that_are_known(void **state)
{
    static const struct {
        const char *text, *sum;
        enum infer_digest kind;
    } known[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          INFER_DIGEST_SHA256 },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
          INFER_DIGEST_SHA256 },
        { "hello\n", "ce013625030ba8dba906f756967f9e9ca394464a", INFER_DIGEST_GIT },
    };
    struct made_folder folder;

    (void)state;
    made_open(&folder);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char hex[INFER_DIGEST_HEX];
        struct err err = { 0 };
        FILE *f;

        made_text(&folder, "file", known[i].text);
        f = fopen(made_path(&folder, "file"), "rb");
        assert_non_null(f);
        assert_true(infer_digest_file(known[i].kind, fileno(f), (int64_t)strlen(known[i].text),
                                      "file", NULL, NULL, hex, &err));
        assert_string_equal(hex, known[i].sum);
        assert_true(infer_digest_is(known[i].kind, hex, strlen(hex)));
        fclose(f);
    }
    made_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(names_that_reach_elsewhere_are_refused),
        cmocka_unit_test(redirections_keep_to_what_is_safe),
        cmocka_unit_test(tokens_stay_where_they_belong),
        cmocka_unit_test(sums_are_those_that_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
