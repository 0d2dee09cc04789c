/*
 * cmd_pull -- discern pull: networks of the net, into a cache; nothing else downloads
 */
#include "infer/cmd.h"
#include "infer/foreign/pull.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <stdlib.h>
#include <string.h>

struct options {
    const char *endpoint, *cache, *token_file, *sha256;
    bool offline, json;
};

static const struct field options[] = {
    FIELD_STRING(struct options, cache, "DIR", NULL,
                 "where it is put; without it, pull in the cache folder of discern"),
    FIELD_STRING(struct options, token_file, "FILE", NULL,
                 "a file with the token that opens private and gated networks"),
    FIELD_STRING(struct options, endpoint, "URL", INFER_PULL_ENDPOINT, "the hub that hf:// is of"),
    FIELD_STRING(struct options, sha256, "HEX", NULL,
                 "what the file of an https:// address must be; hubs tell it themselves"),
    FIELD_BOOL(struct options, offline, "ask no server: only what has come before"),
    FIELD_BOOL(struct options, json, "one JSON object instead of the path"),
    FIELDS_END
};

static void say(void *ctx, const char *line)
{
    (void)ctx;
    cli_say("%s", line);
}

/* The line of one file at a time. */
struct line {
    struct progress p;
    struct str doing;
    bool begun;
};

static void show(void *ctx, const char *doing, const char *name, int64_t done, int64_t total)
{
    struct line *l = ctx;

    if (total < 0) {
        if (l->begun)
            progress_end(&l->p);
        l->begun = false;
        return;
    }
    if (!l->begun) {
        str_clear(&l->doing);
        str_printf(&l->doing, "%s: %s", name, doing);
        cli_progress(&l->p, str_text(&l->doing), "MB", total / 1000000);
        l->begun = true;
    }
    progress_at(&l->p, done / 1000000);
}

static bool print(const struct options *o, const struct infer_pulled *got, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    if (!o->json) {
        str_add(&out, got->path);
    } else {
        json_begin(&out, NULL, '{');
        json_text(&out, "schema", "discern.pull/1");
        json_text(&out, "path", got->path);
        json_text(&out, "commit", got->commit);
        json_begin(&out, "files", '[');
        for (int i = 0; i < got->n; i++) {
            json_begin(&out, NULL, '{');
            json_text(&out, "name", got->file[i].name);
            json_text(&out, "path", got->file[i].path);
            json_number(&out, "bytes", (double)got->file[i].bytes);
            json_number(&out, "downloaded", (double)got->file[i].came);
            json_raw(&out, "checked", got->file[i].checked ? "true" : "false");
            json_end(&out, '}');
        }
        json_end(&out, ']');
        json_end(&out, '}');
    }
    str_addc(&out, '\n');
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

static void tell(const struct infer_pulled *got)
{
    int64_t bytes = 0, came = 0;
    bool checked = true;

    for (int i = 0; i < got->n; i++) {
        bytes += got->file[i].bytes;
        came += got->file[i].came;
        checked = checked && got->file[i].checked;
    }
    cli_say("%d file%s, %.1f MB, of which %.1f MB came now; %s", got->n, str_plural(got->n),
            1e-6 * (double)bytes, 1e-6 * (double)came,
            checked ? "checksums are right" : "nobody says a checksum: --sha256 does");
}

static bool pull(const struct options *o, const char *address, struct err *err)
{
    struct arena *mem = arena_new();
    struct line line = { .begun = false };
    struct infer_pull_options how = {
        .endpoint = o->endpoint, .cache = o->cache, .sha256 = o->sha256, .offline = o->offline,
        .hooks = { .say = say, .progress = show, .ctx = &line } };
    struct infer_pulled got;
    char *cache = o->cache ? NULL : cli_cache_folder(), *folder = NULL;
    size_t n = o->sha256 ? strlen(o->sha256) : 0;
    bool ok = mem || err_set(err, ERR_MEMORY, "no memory for a download");

    if (ok && o->sha256 && !infer_digest_is(INFER_DIGEST_SHA256, o->sha256, n))
        ok = err_set(err, ERR_USAGE, "--sha256 wants 64 digits, 0 to 9 and a to f");
    if (ok && !o->cache) {
        folder = cache ? file_in(cache, "pull", err) : NULL;
        ok = folder || (cache ? false
                              : err_set(err, ERR_USAGE, "where to? --cache DIR says it: neither "
                                        "XDG_CACHE_HOME nor HOME is an absolute path"));
        how.cache = folder;
    }
    cli_trust(&how.trust.file, &how.trust.folder);
    if (ok && o->token_file)
        ok = (how.token = infer_pull_token(o->token_file, mem, err));
    ok = ok && infer_pull(address, &how, mem, &got, err);
    show(&line, "", "", 0, -1);
    if (ok) {
        tell(&got);
        ok = print(o, &got, err);
    }
    str_release(&line.doing);
    free(folder);
    free(cache);
    arena_free(mem);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED || !pull(&o, args.arg[0], &err))
        return cli_fail(&err, o.json);
    return 0;
}

const struct cli_command infer_cmd_pull = {
    .name = "pull",
    .summary = "download a network that others trained",
    .synopsis = "ADDRESS",
    .about = "ADDRESS is hf://OWNER/NAME of a Hugging Face hub, with @REVISION (else main) and "
             "/FILE behind it if need be; or the https:// address of one file. Of a repository "
             "come model.safetensors, or the index and the files that it names, config.json and "
             "preprocessor_config.json; an ONNX file comes with those that it has weights in. "
             "Printed is the path that import and train --init take."
             "\nWhat is there is not downloaded again and what broke off goes on where it ended, "
             "unless a server sends neither checksum nor ETag; what a hub sends, and what came of "
             "it before, is held against its checksums. Without a network, what came before is "
             "taken. This is the only command that downloads anything.",
    .examples = "discern pull hf://timm/resnet18.a1_in1k\n"
                "discern import \"$(discern pull hf://timm/resnet18.a1_in1k)\" -o resnet18\n"
                "discern train photos/ --init \"$(discern pull hf://timm/resnet18.a1_in1k)\"\n"
                "discern pull hf://google/vit-base-patch16-224@main --token-file ~/token\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
