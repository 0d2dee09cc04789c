/*
 * normalize -- see normalize.h
 */
#include "infer/foreign/normalize.h"

const char *const infer_normalize_names[] = { "auto", "none", "unit", "half", "full", "imagenet",
                                              NULL };

void infer_normalize(struct data_prep *p, enum infer_normalize how)
{
    static const double mean[3] = { 0.485, 0.456, 0.406 }, std[3] = { 0.229, 0.224, 0.225 };
    static const double plain[][2] = {
        [INFER_NORMALIZE_NONE] = { 0, 1 / 255.0 }, [INFER_NORMALIZE_UNIT] = { 0, 1 },
        [INFER_NORMALIZE_HALF] = { 0.5, 1 },       [INFER_NORMALIZE_FULL] = { 0.5, 0.5 },
    };

    for (int i = 0; i < 3 && how != INFER_NORMALIZE_AUTO; i++) {
        bool measured = how == INFER_NORMALIZE_IMAGENET;

        p->mean[i] = measured ? mean[i] : plain[how][0];
        p->std[i] = measured ? std[i] : plain[how][1];
    }
}

void infer_prep_tell(const struct data_prep *p, const struct infer_prep_said *said, const char *why,
                     struct str *told)
{
    const char *options[3];
    int n = 0;

    if (said->size && said->crop && said->mean)     /* of the filter alone nobody can say another */
        return;
    str_printf(told, "pictures: nothing says %show they were prepared; taken are",
               said->size || said->crop || said->filter || said->mean ? "all of " : "");
    if (!said->size) {
        str_printf(told, " %dx%d pixels,", p->size[1], p->size[0]);
        options[n++] = "--size";
    }
    if (!said->crop) {
        str_printf(told, p->crop < 1 ? " crop %g," : " crop %g (the whole picture),", p->crop);
        options[n++] = "--crop";
    }
    if (!said->filter)
        str_printf(told, " filter %s,", data_filter_names[p->filter]);
    if (!said->mean) {
        str_printf(told, " mean %g %g %g, deviation %g %g %g,", p->mean[0], p->mean[1], p->mean[2],
                   p->std[0], p->std[1], p->std[2]);
        options[n++] = "--normalize";
    }
    str_cut(told, told->len - 1);
    str_add(told, why);
    for (int i = 0; i < n; i++)
        str_printf(told, "%s%s", i == 0 ? "; " : i + 1 < n ? ", " : " and ", options[i]);
    if (n)
        str_printf(told, " of discern import say%s", n > 1 ? " others" : "s another");
    str_addc(told, '\n');
}
