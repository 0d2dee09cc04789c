/*
 * kind -- see kind.h
 */
#include "infer/foreign/kind.h"

#include "nn/base/file.h"
#include "nn/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is read nowhere, and what makes of it something that is. */
static const struct {
    const char *end, *is, *made_by;
} refused[] = {
    { ".pt", "a Python pickle, which can run code",
      "python3 -c \"import torch, safetensors.torch as s; s.save_file({k: v.contiguous() for k, v "
      "in torch.load('IN', map_location='cpu', weights_only=True).items()}, 'OUT.safetensors')\"" },
    { ".h5", "an HDF5 file, as Keras writes",
      "python3 -m tf2onnx.convert --keras IN --output OUT.onnx  (pip install tf2onnx)" },
    { ".tflite", "a TensorFlow Lite file",
      "python3 -m tf2onnx.convert --tflite IN --output OUT.onnx  (pip install tf2onnx)" },
};
static const char *const alike[][2] = {
    { ".pth", ".pt" }, { ".pkl", ".pt" }, { ".bin", ".pt" }, { ".ckpt", ".pt" }, { ".th", ".pt" },
    { ".hdf5", ".h5" }, { ".keras", ".h5" },
};

/* The row of `refused` that a path is of, or -1. */
static int refused_row(const char *path)
{
    const char *end = strrchr(path, '.');

    for (size_t i = 0; end && i < sizeof alike / sizeof *alike; i++)
        if (!strcasecmp(end, alike[i][0])) {
            end = alike[i][1];
            break;
        }
    for (size_t i = 0; end && i < sizeof refused / sizeof *refused; i++)
        if (!strcasecmp(end, refused[i].end))
            return (int)i;
    return -1;
}

/* Of a safetensors file: 8 bytes of a length, and '{'. */
enum { HEAD = 9 };

static bool begins(const char *path, uint8_t head[HEAD])
{
    struct err ignored;
    size_t size = 0;
    uint64_t whole;
    uint8_t *bytes = file_kind(path) == FILE_REGULAR
                         ? file_head(path, HEAD, &size, &whole, &ignored) : NULL;

    if (bytes && size == HEAD)
        memcpy(head, bytes, HEAD);
    free(bytes);
    return size == HEAD;
}

bool infer_onnx_meant(const char *path)
{
    const char *dot = strrchr(path, '.');
    uint8_t head[HEAD];

    /* A number of field 1, and no safetensors. */
    return (dot && !strcasecmp(dot, ".onnx")) ||
           (begins(path, head) && head[0] == 0x08 && head[8] != '{');
}

bool infer_other_meant(const char *path)
{
    return refused_row(path) >= 0;
}

bool infer_other_refuse(const char *path, struct err *err)
{
    int row = file_kind(path) == FILE_REGULAR ? refused_row(path) : -1;

    return row < 0 ||
           err_set(err, ERR_UNSUPPORTED, "%s: %s, and is not read; this converts it: %s", path,
                   refused[row].is, refused[row].made_by);
}

static bool is_picture(const uint8_t head[HEAD])
{
    static const char *const magic[] = { "\xff\xd8\xff", "\x89PNG", "GIF8", "BM" };

    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
        if (!memcmp(head, magic[i], strlen(magic[i])))
            return true;
    return false;
}

/* A folder in which a training has left its model. */
static void tell_folder(const char *path, struct err *err)
{
    size_t len = strlen(path);
    struct str best = { 0 };

    str_printf(&best, "%s%sbest.safetensors", path, len && path[len - 1] == '/' ? "" : "/");
    if (!best.failed && file_kind(str_text(&best)) == FILE_REGULAR)
        err_set(err, ERR_INPUT, "%s: is a folder; did you mean %s?", path, str_text(&best));
    str_release(&best);
}

bool infer_kind_tell(const char *path, struct err *err)
{
    int row = refused_row(path);
    uint8_t head[HEAD];

    if (file_kind(path) == FILE_FOLDER)
        tell_folder(path, err);
    /* What begins as safetensors do was to be that, whatever it is called. */
    if (!begins(path, head) || head[8] == '{')
        return false;
    if (is_picture(head))
        return err_set(err, ERR_INPUT, "%s: is a picture, no model", path);
    if (infer_onnx_meant(path))
        return err_set(err, ERR_UNSUPPORTED, "%s: is an ONNX file, no discern model; \"discern "
                       "import %s -o MODEL\" makes one of it", path, path);
    if (row >= 0)
        err_set(err, ERR_UNSUPPORTED, "%s: %s, no discern model; \"discern import\" makes one of "
                "what this converts it to: %s", path, refused[row].is, refused[row].made_by);
    return false;
}
