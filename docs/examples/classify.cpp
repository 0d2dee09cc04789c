// classify -- what pictures show, in C++: all files in one call, on all processors, in order
//
//     c++ classify.cpp $(pkg-config --cflags --libs discern) -o classify
//     ./classify cats.safetensors photo.jpg ...
#include <discern/discern.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

struct close_model {
    void operator()(discern_model *m) const { discern_close(m); }
};
struct free_session {
    void operator()(discern_session *s) const { discern_session_free(s); }
};
using model_ptr = std::unique_ptr<discern_model, close_model>;
using session_ptr = std::unique_ptr<discern_session, free_session>;

// What a call has told on failure, as an exception.
template <typename T> T checked(T result, bool ok, const discern_error &e)
{
    if (!ok)
        throw std::runtime_error(e.message);
    return result;
}

struct printer {
    char **path;
    bool failed;
};

// C calls it: no exception may leave it.
static int on_answer(void *ctx, const discern_answer *a) noexcept
{
    auto *p = static_cast<printer *>(ctx);

    if (a->status != DISCERN_OK) {
        std::fprintf(stderr, "%s\n", a->message);
        p->failed = true;
        return 0;
    }
    std::printf("%s:", p->path[a->file]);
    for (int k = 0; k < a->n; k++)
        std::printf("%s %s %.1f%%", k ? "," : "", a->guess[k].label, 100 * a->guess[k].probability);
    std::printf("\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        std::fprintf(stderr, "usage: classify MODEL FILE...\n");
        return 2;
    }
    try {
        discern_error e;
        discern_model *m = discern_open(argv[1], nullptr, &e);
        model_ptr model(checked(m, m != nullptr, e));
        discern_session_options options = {};

        options.size = sizeof options;
        options.batch = 16;
        discern_session *s = discern_session_new(model.get(), &options, &e);
        session_ptr session(checked(s, s != nullptr, e));
        printer out = { argv + 2, false };
        int rc = discern_files(session.get(), argc - 2, argv + 2, on_answer, &out, &e);

        checked(rc, rc == 0, e);
        return out.failed;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
