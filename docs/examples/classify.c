/*
 * classify -- what pictures show, in C
 *
 *     cc classify.c $(pkg-config --cflags --libs discern) -o classify
 *     ./classify cats.safetensors photo.jpg ...
 */
#include <discern/discern.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    discern_error e;
    discern_model *model = NULL;
    discern_session *session = NULL;
    int status = 1;

    if (argc < 3) {
        fprintf(stderr, "usage: classify MODEL FILE...\n");
        return 2;
    }
    model = discern_open(argv[1], NULL, &e);
    if (model)
        session = discern_session_new(model, NULL, &e);
    if (!session) {
        fprintf(stderr, "%s\n", e.message);
        goto out;
    }
    status = 0;
    for (int i = 2; i < argc; i++) {
        discern_guess guess[3];
        int n = discern_file(session, argv[i], guess, 3, &e);

        if (n < 0) {
            fprintf(stderr, "%s\n", e.message);
            status = 1;
            continue;
        }
        printf("%s:", argv[i]);
        for (int k = 0; k < n; k++)
            printf("%s %s %.1f%%", k ? "," : "", guess[k].label, 100 * guess[k].probability);
        printf("\n");
    }
out:
    discern_session_free(session);
    discern_close(model);
    return status;
}
