/*
 * discern -- the program: a table of commands, and pages of the other tables
 */
#include "data/aug/aug.h"
#include "data/cmd.h"
#include "data/image.h"
#include "data/sandbox.h"
#include "infer/cmd.h"
#include "nn/base/about.h"
#include "nn/base/cli_program.h"
#include "nn/base/clock.h"
#include "nn/op.h"
#include "train/cmd.h"
#include "train/recipe.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static void print_recipes_page(FILE *out)
{
    fputs("# Recipes\n\n"
          "Written by `make docs` from the table of recipes; do not edit. `discern train DATA\n"
          "--recipe NAME` begins with these settings; what is said beside goes over them.\n\n"
          "| name | for | settings | gave | with | on |\n|---|---|---|---|---|---|\n",
          out);
    for (const struct train_recipe *r = train_recipes; r->name; r++)
        fprintf(out, "| `%s` | %s | `%s` | %s | `%s` | %s |\n", r->name, r->doc, r->settings,
                r->result, r->command, r->date);
}

static int help(const struct cli_command *self, int argc, char **argv);

struct help_options {
    bool markdown, ops, augments, recipes, man, json;
    int completion;
};

static const struct field help_fields[] = {
    FIELD_BOOL(struct help_options, man, "a manual page, for man -l: of the command, or of all"),
    FIELD_ENUM(struct help_options, completion, cli_shell_names, CLI_SHELL_NONE,
               "a script that completes words in this shell"),
    FIELD_BOOL(struct help_options, json, "commands and their options as one JSON object"),
    FIELD_BOOL(struct help_options, markdown, "all commands as a page: docs/cli.md"),
    FIELD_BOOL(struct help_options, ops, "all operators of graph files as a page: docs/ops.md"),
    FIELD_BOOL(struct help_options, augments, "all augmentations as a page: docs/augment.md"),
    FIELD_BOOL(struct help_options, recipes, "all named settings as a page: docs/recipes.md"),
    FIELDS_END
};

static const struct cli_command help_command = {
    .name = "help",
    .summary = "explain a command, or list them",
    .synopsis = "[COMMAND]",
    .about = "Without a command: what there is. With one: the same as discern COMMAND --help.",
    .examples = "discern help train\n"
                "discern help --man train | man -l -\n"
                "source <(discern help --completion bash)\n",
    .options = help_fields,
    .size = sizeof(struct help_options),
    .min_args = 0,
    .max_args = 2,
    .run = help,
};

static const struct cli_command *const commands[] = {
    &train_cmd_train, &infer_cmd_eval, &infer_cmd_calibrate,
    &infer_cmd_predict, &infer_cmd_embed, &infer_cmd_info, &infer_cmd_export, &infer_cmd_import,
    &infer_cmd_pull, &infer_cmd_merge,
    &data_cmd_check,
    &data_cmd_stats,
    &data_cmd_split,
    &data_cmd_dedup,
    &data_cmd_show,
    &data_cmd_import,
    &infer_cmd_cluster,
    &infer_cmd_similar,
    &infer_cmd_errors,
    &train_cmd_bench,
    &infer_cmd_doctor,
    &help_command,
};
static const struct cli_program program = {
    .about = "learn to tell pictures apart",
    .families = "look after a set",
    .version = about_version,
    .examples = "  discern train photos/                    a folder of pictures for each label\n"
                "  discern eval runs/train-1/best.safetensors photos/\n"
                "  discern predict runs/train-1/best.safetensors new/*.jpg\n",
    .command = commands,
    .n = sizeof commands / sizeof *commands,
};

static void print_commands_page(FILE *out)
{
    fputs("# The command line\n\n"
          "Written by `make docs` from the tables in the source; do not edit.\n\n"
          "Data goes to standard output, everything else to standard error.\n\n"
          "| exit status | |\n|---|---|\n", out);
    for (int i = 0; cli_statuses[i][0]; i++)
        fprintf(out, "| %s | %s |\n", cli_statuses[i][0], cli_statuses[i][1]);
    fputs("\n"
          "A file is written only into a folder that is there (else status 4); a folder that\n"
          "is written, as `--out` of train, is made with those above it.\n\n"
          "With `--json` an error is an object too: {\"error\":{\"code\",\"message\",\"hint\"},\n"
          "\"schema\":\"discern.error/1\"}; code is the exit status, hint may be null.\n\n"
          "What every command takes, beside `--help`:\n",
          out);
    cli_markdown_common(out);
    for (int i = 0; i < program.n; i++) {
        fputc('\n', out);
        cli_markdown(commands[i], out);
    }
}

static void print_op(const struct nn_op *op, FILE *out)
{
    fprintf(out, "\n## %s\n\n%s.\n\n", op->name, op->doc);
    if (op->in_min == op->in_max)
        fprintf(out, "Inputs: %d.  ", op->in_min);
    else
        fprintf(out, "Inputs: %d to %d.  ", op->in_min, op->in_max);
    fprintf(out, "ONNX: %s.\n", op->onnx ? op->onnx : op->onnx_write ? "composed" : "none");
    if (field_count(op->attrs))
        fputs("\n| attribute | meaning | range | default | ONNX |\n|---|---|---|---|---|\n", out);
    for (const struct field *f = op->attrs; f && f->name; f++) {
        double defaults[64] = { 0 }; /* aligned for any attribute struct */
        struct str range = { 0 }, def = { 0 };

        field_range(f, &range);
        if (op->attr_size <= sizeof defaults) {
            field_defaults(op->attrs, defaults);
            field_text(f, defaults, &def);
        }
        for (char *p = range.data; p && *p; p++)
            *p = *p == '|' ? '/' : *p; /* a bar would end the cell */
        fprintf(out, "| `%s` | %s | %s | %s | %s |\n", f->name, f->doc, str_text(&range),
                str_text(&def), f->onnx ? f->onnx : "");
        str_release(&range);
        str_release(&def);
    }
}

static void print_ops_page(FILE *out)
{
    fputs("# Operators\n\n"
          "Written by `make docs` from the table of operators; do not edit.  What a graph file\n"
          "(`--arch FILE`, `discern info --graph`) may hold: `name = op inputs key=value ...`,\n"
          "a line a node.\n",
          out);
    for (int i = 0; i < nn_op_count(); i++)
        print_op(nn_op_at(i), out);
}

static void print_augments_page(FILE *out)
{
    fputs("# Augmentation\n\n"
          "Written by `make docs` from the table of augmentations; do not edit. `--augment` takes\n"
          "a preset, or a list `NAME[:MAGNITUDE[:CHANCE]],...`, or a preset with more behind it:\n"
          "`light,translate:0.1`. Magnitude and chance are above 0 and at most 1.\n\n"
          "| preset | what | is |\n|---|---|---|\n",
          out);
    for (const struct data_preset *p = data_presets; p->name; p++)
        fprintf(out, "| `%s` | %s | %s%s%s |\n", p->name, p->doc, p->text && *p->text ? "`" : "",
                p->text ? p->text : "", p->text && *p->text ? "`" : "");
    fputs("\nWhat works on the view comes before the one resampling, what works on pixels after\n"
          "it, on 8-bit samples of the network's size, and what works on batches last.\n\n"
          "| name | what | on | at magnitude 1 | magnitude | chance | source |\n"
          "|---|---|---|---|---|---|---|\n",
          out);
    for (int i = 0; i < data_aug_count(); i++) {
        const struct data_aug *a = data_aug_at(i);

        fprintf(out, "| `%s` | %s | %s | %s | ", a->name, a->doc,
                a->view ? "view" : a->pixels ? "pixels" : "batch", a->scale ? a->scale : "");
        if (a->scale)
            fprintf(out, "%g", a->magnitude);
        fprintf(out, " | %g | %s |\n", a->chance, a->source ? a->source : "");
    }
}

/* What was asked for; command and family NULL: all. */
static bool print_help(const struct help_options *o, const struct cli_command *command,
                       const char *family, struct err *err)
{
    struct str text = { 0 };
    bool ok;

    if (o->json)
        cli_program_json(&program, command, family, &text);
    else if (o->man)
        cli_program_man(&program, command, &text);
    else if (o->completion)
        cli_program_completion(&program, o->completion, &text);
    else if (command)
        cli_help(command, stdout);
    else if (family)
        cli_program_help_family(&program, family, stdout);
    else if (o->markdown)
        print_commands_page(stdout);
    else if (o->ops)
        print_ops_page(stdout);
    else if (o->augments)
        print_augments_page(stdout);
    else if (o->recipes)
        print_recipes_page(stdout);
    else
        cli_program_help(&program, stdout);
    ok = text.len || text.failed ? cli_print(&text, err) : cli_flush(err);
    str_release(&text);
    return ok;
}

static int help(const struct cli_command *self, int argc, char **argv)
{
    struct help_options o;
    struct cli_args args;
    struct err err = { 0 };
    const struct cli_command *command = NULL;
    const char *family = NULL;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    int used;

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_RUN && args.n == 1 && cli_program_family(&program, args.arg[0]))
        family = args.arg[0];
    if (parsed == CLI_RUN && args.n && !family)
        command = cli_program_find(&program, args.n, args.arg, &used, &err);
    if (command && used < args.n)
        err_set(&err, ERR_USAGE, "help expects a command, and nothing like \"%.200s\" behind it",
                args.arg[used]);
    if (err.kind || !print_help(&o, command, family, &err))
        return cli_fail(&err, o.json);
    return 0;
}

static int version(bool json)
{
    struct err err = { 0 };

    if (json)
        printf("{\"schema\":\"discern.version/1\",\"version\":\"%s\",\"git\":\"%s\","
               "\"decoders\":\"%s\"}\n", about_version, about_git, data_decoders);
    else
        printf("discern %s (%s)\n", about_version, about_git);
    return cli_flush(&err) ? 0 : cli_fail(&err, json);
}

/* A standard stream that is closed must not become the number of a file that we open.  What is
 * printed still fails, as it would have. */
static void hold_streams(void)
{
    static const int modes[] = { O_WRONLY, O_RDONLY, O_WRONLY };

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) < 0)
            return;
}

/* Of a command line that no command has parsed. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--json"))
            return true;
    return false;
}

/* With what it cost, for --verbose. */
static int run(const struct cli_command *command, int argc, char **argv)
{
    double from = clock_now();
    int status = command->run(command, argc, argv);
    struct rusage cost = { .ru_maxrss = 0 };

    getrusage(RUSAGE_SELF, &cost);
    cli_detail("version %s (%s): %.2f s, %.0f MB of memory at most", about_version, about_git,
               clock_now() - from, 1024e-6 * (double)cost.ru_maxrss);
    return status;
}

int main(int argc, char **argv)
{
    struct err err = { 0 };
    const struct cli_command *command;
    int used;

    if (argc == 3 && !strcmp(argv[1], DATA_SANDBOX_ARGUMENT))
        return data_sandbox_worker(argv[2], NULL);
    /* A reader that goes away ends us quietly, even if a parent ignored the signal. */
    signal(SIGPIPE, SIG_DFL);
    hold_streams();
    signal(SIGXFSZ, SIG_IGN);           /* a file that may not grow is an error of its writer */
    if (argc < 2) {
        cli_program_help(&program, stdout);
        return cli_flush(&err) ? 0 : cli_fail(&err, false);
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
        return version(argc > 2 && !strcmp(argv[2], "--json"));
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return help_command.run(&help_command, 1, (char *[]){ "help", NULL });
    if (cli_program_family(&program, argv[1]) &&
        (argc == 2 || !strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
        cli_program_help_family(&program, argv[1], stdout);
        return cli_flush(&err) ? 0 : cli_fail(&err, false);
    }
    command = cli_program_find(&program, argc - 1, argv + 1, &used, &err);
    if (!command)
        return cli_fail(&err, wants_json(argc, argv));
    return run(command, argc - used, argv + used);
}
