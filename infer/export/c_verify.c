/*
 * c_verify -- compiles an exported file and asks it
 *
 * In a folder of its own, which goes again: the file, a main that runs it on the pictures of a
 * proof (proof.h), and what that answers.  The compiler is `cc`, started without a shell, and sees
 * no name that a user chose.
 */
#include "infer/export/c.h"

#include "infer/export/proof.h"
#include "nn/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FOLDER_MOST = 64, LOG_MOST = 1 << 20 };

extern char **environ;

static const char *const files[] = { "net.c", "main.c", "in", "out", "log", "run" };
enum { NET, MAIN, IN, OUT, LOG, RUN, FILES };

struct bench {
    char folder[FOLDER_MOST];
    char path[FILES][FOLDER_MOST + 8];
};

static bool bench_init(struct bench *b, struct err *err)
{
    char folder[FOLDER_MOST];

    snprintf(folder, sizeof folder, "%s/discern-XXXXXX", P_tmpdir);
    if (!mkdtemp(folder)) {
        err_errno(err, P_tmpdir, "make a folder there");
        return err_in(err, "to check the file (--no-verify does not)");
    }
    memcpy(b->folder, folder, sizeof folder);
    for (int i = 0; i < FILES; i++)
        snprintf(b->path[i], sizeof b->path[i], "%s/%s", folder, files[i]);
    return true;
}

static void bench_release(struct bench *b)
{
    if (!b->folder[0])
        return;
    for (int i = 0; i < FILES; i++)
        unlink(b->path[i]);
    rmdir(b->folder);
}

/* Prints for each picture of the standard input its answers, and at the end the seconds that one
 * took, the shortest of some. */
static void write_main(const struct infer_proof *proof, const char *name, struct str *out)
{
    str_printf(out,
               "#include <stdint.h>\n#include <stdio.h>\n#include <time.h>\n"
               "int %s_run(const uint8_t *pixel, float *answer);\n"
               "static uint8_t pixel[%zu];\nstatic float answer[%d];\n"
               "int main(void)\n{\n    float least = 1e9f;\n    int runs = 0;\n\n"
               "    while (fread(pixel, sizeof pixel, 1, stdin) == 1) {\n"
               "        %s_run(pixel, answer);\n"
               "        fwrite(answer, sizeof answer, 1, stdout);\n    }\n",
               name, proof->count, proof->n_labels, name);
    str_printf(out,
               "    for (clock_t start = clock(), end = start;\n"
               "         !runs || (runs < 100 && end - start < CLOCKS_PER_SEC / 10); runs++) {\n"
               "        clock_t from = clock();\n        float took;\n\n"
               "        %s_run(pixel, answer);\n        end = clock();\n"
               "        took = (float)(end - from) / (float)CLOCKS_PER_SEC;\n"
               "        least = took < least ? took : least;\n    }\n"
               "    fwrite(&least, sizeof least, 1, stdout);\n    return 0;\n}\n",
               name);
}

/* Runs argv[0], found as a shell would, in -> out, messages to log.  *found false: there is no such
 * program, or none that may be run.  True when it ended well. */
static bool run(char *const argv[], const char *in, const char *out, const char *log, bool *found)
{
    posix_spawn_file_actions_t at;
    int status = -1, failed;
    pid_t pid = -1;

    *found = true;
    if (posix_spawn_file_actions_init(&at))
        return false;
    failed = posix_spawn_file_actions_addopen(&at, 0, in, O_RDONLY, 0) ||
             posix_spawn_file_actions_addopen(&at, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600) ||
             posix_spawn_file_actions_addopen(&at, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!failed)
        failed = posix_spawnp(&pid, argv[0], &at, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&at);
    *found = failed != ENOENT && failed != EACCES;
    if (failed)
        return false;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The error of a compiler that does not take what we wrote: its first words. */
static bool refused(const struct bench *b, struct err *err)
{
    struct err ignored = { 0 };
    size_t size = 0;
    char *log = (char *)file_read(b->path[LOG], LOG_MOST, &size, &ignored);
    const char *from = log ? strstr(log, "error: ") : NULL;

    if (!from)
        from = log && size ? log : "it says nothing";
    err_set(err, ERR_UNSUPPORTED, "cc does not compile it: %.*s (--no-verify writes it)",
            (int)strcspn(from, "\n"), from);
    free(log);
    return false;
}

static bool compile(const struct bench *b, bool *found, struct err *err)
{
    char cc[] = "cc", std[] = "-std=c99", opt[] = "-O2", o[] = "-o";
    char path[3][sizeof b->path[0]], *argv[] = { cc, std, opt, o, path[0], path[1], path[2], NULL };

    memcpy(path[0], b->path[RUN], sizeof path[0]);
    memcpy(path[1], b->path[NET], sizeof path[0]);
    memcpy(path[2], b->path[MAIN], sizeof path[0]);
    return run(argv, "/dev/null", b->path[OUT], b->path[LOG], found) || !*found || refused(b, err);
}

static bool ask(const struct bench *b, const struct infer_proof *proof, bool logits,
                struct str *report, struct err *err)
{
    char path[sizeof b->path[0]], *argv[] = { path, NULL };
    size_t n = (size_t)proof->n * (size_t)proof->n_labels, size = 0;
    float *said;
    bool found, ok;

    memcpy(path, b->path[RUN], sizeof path);
    ok = run(argv, b->path[IN], b->path[OUT], b->path[LOG], &found);
    if (!found) {
        str_printf(report, "; not checked: no program runs in %s", P_tmpdir);
        return true;
    }
    if (!ok)
        return err_set(err, ERR_UNSUPPORTED,
                       "what cc makes of it does not run (--no-verify writes it)");
    said = (float *)(void *)file_read(b->path[OUT], (n + 1) * sizeof *said, &size, err);
    ok = said && (size == (n + 1) * sizeof *said ||
                  err_set(err, ERR_UNSUPPORTED, "the compiled file answers %zu bytes, not %zu",
                          size, (n + 1) * sizeof *said)) &&
         infer_proof_hold(proof, logits ? said : NULL, logits ? NULL : said, report, err);
    if (ok)
        str_printf(report, ", %.3g ms a picture with cc -O2", said[n] * 1000.0);
    free(said);
    return ok;
}

bool infer_c_verify(const struct infer_proof *proof, bool logits, const char *name,
                    const struct str *text, struct str *report, struct err *err)
{
    struct bench b = { .folder = "" };
    struct str main = { 0 };
    bool found = true, ok = bench_init(&b, err);

    write_main(proof, name, &main);
    ok = ok && file_replace(b.path[NET], str_text(text), text->len, err) &&
         file_replace(b.path[MAIN], str_text(&main), main.len, err) &&
         file_replace(b.path[IN], proof->pixel, proof->count * (size_t)proof->n, err) &&
         compile(&b, &found, err);
    if (ok && !found)
        str_add(report, "; not checked: there is no cc");
    else
        ok = ok && ask(&b, proof, logits, report, err);
    bench_release(&b);
    str_release(&main);
    return ok;
}
