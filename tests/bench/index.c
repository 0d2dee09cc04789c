/*
 * index -- how long a million files take to become an index, and how much memory
 *
 * Empty files in class folders, in memory (tmpfs): what is measured is our own work and the
 * kernel's.  The reading is a process of its own, whose peak memory the kernel tells.
 */
#include "tests/bench/bench.h"

#include "data/index.h"
#include "nn/base/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES = 1000000 };

static bool make(const char *root, int classes, struct err *err)
{
    char path[256];

    for (int c = 0; c < classes; c++) {
        snprintf(path, sizeof path, "%s/class %d", root, c);
        if (mkdir(path, 0700))
            return err_errno(err, path, "make");
        for (int i = c; i < FILES; i += classes) {
            int fd;

            snprintf(path, sizeof path, "%s/class %d/IMG_%07d.jpg", root, c, i);
            fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
            if (fd < 0)
                return err_errno(err, path, "make");
            close(fd);
        }
    }
    return true;
}

/* In a process of its own: its exit status is 0 when all files are there. */
static int read_all(const char *root, int classes)
{
    struct err err = { 0 };
    struct data_index *x = data_index_open(root, NULL, &err);

    if (!x || x->n != FILES || x->n_labels != classes) {
        fprintf(stderr, "bench: %s\n", x ? "not every file was read" : err.msg);
        return 1;
    }
    return 0;
}

static bool measure(const char *root, int classes, struct err *err)
{
    double start = bench_now();
    struct rusage used;
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(read_all(root, classes));
    if (child < 0 || wait4(child, &status, 0, &used) != child)
        return err_errno(err, root, "read");
    if (status)
        return err_set(err, ERR_IO, "%s: reading it failed", root);
    printf("  %d files in %d folders: %.1f s, %ld MB\n", FILES, classes, bench_now() - start,
           used.ru_maxrss >> 10);
    fflush(stdout);
    return true;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

bool bench_index(struct err *err)
{
    static const int classes[] = { 10, 10000 };
    bool ok = true;

    if (file_kind("/dev/shm") != FILE_FOLDER) {
        printf("  skipped: there is no /dev/shm\n");
        return true;
    }
    for (int i = 0; ok && i < 2; i++) {
        char root[] = "/dev/shm/discern-bench-XXXXXX";

        if (!mkdtemp(root))
            return err_errno(err, root, "make");
        ok = make(root, classes[i], err) && measure(root, classes[i], err);
        nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    return ok;
}
