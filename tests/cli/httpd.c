/*
 * httpd -- a server for the tests of pull: what it answers lies in files, and it breaks to order
 *
 *   httpd ROOT      prints the port on 127.0.0.1; serves until killed, two minutes at most
 *
 * GET /a/b sends the bytes of ROOT/a/b with the lines of ROOT/a/b.once, which then is removed, or
 * of ROOT/a/b.head, before them: a status ("404 Not Found"), then headers, and orders:
 *   !cut N       only the first N bytes, and the line breaks      !norange     ranges are not known
 *   !stall N     the same, but the line stays silent              !length N    is what is announced
 *   !range N     is where the answer says that a range begins   !text WORD   is for a length
 *   !endless     no length is announced, and zeros follow for ever (64 MB)
 * Each request is a line of ROOT/log: path, first byte asked for, Authorization ("-": none).
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT = 1 << 14 };

struct request {
    char path[1024], token[512];
    long from;                  /* -1: no range was asked for */
};

struct reply {
    char status[128], headers[TEXT];
    char text[64];              /* for a length; "": none */
    long cut, stall, length, range;     /* -1: none */
    bool endless, norange;
};

static bool send_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t k = send(fd, data, n, MSG_NOSIGNAL);

        if (k <= 0)
            return false;
        data += k;
        n -= (size_t)k;
    }
    return true;
}

/* The whole file, and its length; NULL: it is not there. */
static char *read_file(const char *root, const char *path, const char *end, size_t *n, bool remove)
{
    char name[2048];
    FILE *f;
    char *data;
    long size;

    snprintf(name, sizeof name, "%s%s%s", root, path, end);
    f = fopen(name, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    rewind(f);
    data = calloc(1, size > 0 ? (size_t)size + 1 : 1);
    *n = data && size > 0 ? fread(data, 1, (size_t)size, f) : 0;
    fclose(f);
    if (remove)
        unlink(name);
    return data;
}

static bool read_request(int fd, struct request *r)
{
    char text[TEXT] = "", *line, *rest = text;
    size_t n = 0;

    while (!strstr(text, "\r\n\r\n")) {
        ssize_t k = n + 1 < sizeof text ? recv(fd, text + n, sizeof text - 1 - n, 0) : 0;

        if (k <= 0)
            return false;
        n += (size_t)k;
        text[n] = 0;
    }
    *r = (struct request){ .from = -1, .token = "-" };
    if (sscanf(text, "GET %1023s HTTP", r->path) != 1 || strstr(r->path, ".."))
        return false;
    while ((line = strsep(&rest, "\n"))) {
        sscanf(line, "Range: bytes=%ld-", &r->from);
        sscanf(line, "Authorization: %511[^\r]", r->token);
    }
    return true;
}

static void read_reply(char *text, struct reply *r)
{
    char *line, *rest = text;
    size_t n = 0;

    *r = (struct reply){ .status = "200 OK", .cut = -1, .stall = -1, .length = -1,
                          .range = -1 };
    for (int i = 0; (line = strsep(&rest, "\n")); i++) {
        if (!i)
            snprintf(r->status, sizeof r->status, "%s", line);
        else if (*line == '!')
            (void)(sscanf(line, "!cut %ld", &r->cut) + sscanf(line, "!stall %ld", &r->stall) +
                   sscanf(line, "!length %ld", &r->length) +
                   sscanf(line, "!range %ld", &r->range) + sscanf(line, "!text %63s", r->text));
        else if (*line)
            n += (size_t)snprintf(r->headers + n, sizeof r->headers - n, "%s\r\n", line);
        r->endless |= !strcmp(line, "!endless");
        r->norange |= !strcmp(line, "!norange");
    }
}

static void send_body(int fd, const struct reply *r, const char *body, long n)
{
    static const char zeros[1 << 16];
    char ignored[64];
    long most = r->cut >= 0 ? r->cut : r->stall >= 0 ? r->stall : n;
    bool ok = send_all(fd, body, (size_t)(most < n ? most : n));

    for (int i = 0; ok && r->endless && i < 1024; i++)
        ok = send_all(fd, zeros, sizeof zeros);
    while (r->stall >= 0 && recv(fd, ignored, sizeof ignored, 0) > 0)
        ;
}

static void answer(int fd, const char *root)
{
    struct request q;
    struct reply r = { .cut = -1 };
    char head[TEXT + 512], range[128] = "", length[64] = "";
    char *text, *body;
    size_t bytes = 0, lines = 0;
    long n, from = 0;
    FILE *log;
    char name[1100];

    if (!read_request(fd, &q))
        return;
    snprintf(name, sizeof name, "%s/log", root);
    log = fopen(name, "a");
    if (log) {
        fprintf(log, "%s %ld %s\n", q.path, q.from, q.token);
        fclose(log);
    }
    text = read_file(root, q.path, ".once", &lines, true);
    if (!text)
        text = read_file(root, q.path, ".head", &lines, false);
    body = read_file(root, q.path, "", &bytes, false);
    read_reply(text ? text : body ? (char[]){ "200 OK" } : (char[]){ "404 Not Found" }, &r);
    n = (long)bytes;
    if (q.from >= 0 && !r.norange && !strncmp(r.status, "200", 3)) {
        from = q.from < n ? q.from : n;
        snprintf(r.status, sizeof r.status, from < n ? "206 Partial Content"
                                                     : "416 Range Not Satisfiable");
        snprintf(range, sizeof range, "Content-Range: bytes %ld-%ld/%ld\r\n",
                 r.range >= 0 ? r.range : from, n - 1, n);
    }
    if (!r.endless)
        snprintf(length, sizeof length, "Content-Length: %ld\r\n",
                 r.length >= 0 ? r.length : n - from);
    if (*r.text)
        snprintf(length, sizeof length, "Content-Length: %.40s\r\n", r.text);
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nConnection: close\r\n%s%s%s\r\n", r.status, length,
             range, r.headers);
    if (send_all(fd, head, strlen(head)))
        send_body(fd, &r, body ? body + from : "", n - from);
    free(body);
    free(text);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (argc != 2 || fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 8) ||
        getsockname(fd, (struct sockaddr *)&at, &n))
        return 1;
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    alarm(120);
    for (;;) {
        int one = accept(fd, NULL, NULL);

        if (one < 0)
            continue;
        answer(one, argv[1]);
        shutdown(one, SHUT_WR);
        while (recv(one, (char[256]){ 0 }, 256, 0) > 0)
            ;
        close(one);
    }
}
