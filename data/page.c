/*
 * page -- see page.h
 */
#include "data/page.h"

#include "data/image.h"
#include "data/stb.h"
#include "nn/base/cli.h"

#include <stdlib.h>

/* ---- thumbnails ------------------------------------------------------------------------------ */

static char *uri_of(const uint8_t *bytes, size_t size)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct str out = { 0 };

    str_add(&out, "data:image/jpeg;base64,");
    for (size_t i = 0; i < size; i += 3) {
        uint32_t v = (uint32_t)bytes[i] << 16 | (i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0) |
                     (i + 2 < size ? (uint32_t)bytes[i + 2] : 0);

        str_addc(&out, digit[v >> 18]);
        str_addc(&out, digit[v >> 12 & 63]);
        str_addc(&out, i + 1 < size ? digit[v >> 6 & 63] : '=');
        str_addc(&out, i + 2 < size ? digit[v & 63] : '=');
    }
    if (out.failed)
        str_release(&out);
    return out.data;
}

static int shrunk(int length, int longest, int side)
{
    int n = longest > side ? (int)((int64_t)length * side / longest) : length;

    return n > 1 ? n : 1;
}

char *data_page_thumb(const struct data_sample *s, const struct data_decode *how, int side)
{
    struct data_image image = { 0 };
    struct err ignored;
    uint8_t *pixel, *jpeg = NULL;
    char *uri = NULL;
    size_t size = 0;
    int longest, w, h;

    if (!data_sample_image(s, how, &image, &ignored))
        return NULL;
    longest = image.width > image.height ? image.width : image.height;
    w = shrunk(image.width, longest, side);
    h = shrunk(image.height, longest, side);
    pixel = malloc((size_t)w * (size_t)h * 3);
    if (pixel && data_image_resample(&image, 0, 0, image.width, image.height, w, h, pixel,
                                     &ignored))
        jpeg = data_stb_jpeg(pixel, w, h, 75, &size);
    if (jpeg)
        uri = uri_of(jpeg, size);
    free(jpeg);
    free(pixel);
    data_image_release(&image);
    return uri;
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char common[] =
    ":root{color-scheme:light dark;--line:#8886;--soft:#8882;--bar:#4a7fb5}"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .3rem}"
    "table{border-collapse:collapse}td,th{padding:.15rem .7rem;text-align:left;"
    "border-bottom:1px solid var(--line)}td.n,th.n{text-align:right}"
    "b.error{color:#c0392b}b.warning{color:#b9770e}b.note{color:#4a7fb5}"
    "@media(prefers-color-scheme:dark){b.error{color:#f1877b}b.warning{color:#f0b252}"
    "b.note{color:#8fb8de}}"
    ".row{display:flex;flex-wrap:wrap;gap:.3rem}figure{margin:0;font-size:.75rem}"
    "img{display:block}.advice{margin:.3rem 0 .6rem}";

void data_page_text(struct str *out, const char *text)
{
    struct str clean = { 0 };

    cli_clean(&clean, text);
    for (const char *p = str_text(&clean); *p; p++) {
        switch (*p) {
        case '&': str_add(out, "&amp;"); break;
        case '<': str_add(out, "&lt;"); break;
        case '>': str_add(out, "&gt;"); break;
        case '"': str_add(out, "&quot;"); break;
        case '\'': str_add(out, "&#39;"); break;
        default: str_addc(out, *p);
        }
    }
    out->failed |= clean.failed;
    str_release(&clean);
}

void data_page_begin(struct str *out, const char *title, const char *what, const char *style)
{
    str_add(out, "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
                 "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
                 "img-src data:; style-src 'unsafe-inline'\">\n"
                 "<meta name=viewport content=\"width=device-width\">\n<title>");
    data_page_text(out, title);
    str_printf(out, " - %s</title>\n<style>%s%s</style>\n<h1>", what, common, style);
    data_page_text(out, title);
    str_add(out, "</h1>\n");
}

void data_page_end(struct str *out)
{
    str_add(out, "</html>\n");
}
