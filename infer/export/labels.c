/*
 * labels -- a model's labels, one a line: "labels.txt" of Viam, imgproxy's classes, Darknet's names
 *
 * Line k, counted from 0, is answer k of the network.  UTF-8; every line ends in a newline.
 */
#include "infer/export/export.h"
#include "nn/base/file.h"

#include <string.h>

static bool write_labels(const struct infer_model *m, const struct infer_export_options *o,
                         const char *path, struct str *report, struct err *err)
{
    struct str text = { 0 };
    bool ok;

    (void)o;
    for (int l = 0; l < m->n_labels; l++) {
        if (strpbrk(m->label[l], "\r\n")) {
            str_release(&text);
            return err_set(err, ERR_UNSUPPORTED,
                           "%s: label %d has a line break in its name: a list of lines cannot hold "
                           "it; --to onnx holds it in its metadata", path, l);
        }
        str_printf(&text, "%s\n", m->label[l]);
    }
    str_printf(report, "%d labels", m->n_labels);
    ok = text.failed ? err_set(err, ERR_MEMORY, "no memory for the labels")
                     : file_replace(path, str_text(&text), text.len, err);
    str_release(&text);
    return ok;
}

const struct infer_exporter infer_export_labels = {
    .name = "labels",
    .suffix = ".labels.txt",
    .write = write_labels,
};
