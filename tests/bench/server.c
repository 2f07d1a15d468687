/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange of the bench: TLS 1.2 and up on 127.0.0.1, a thread per connection, kept alive, the
 * few replies that Binance gives to a verify and a look at the account. It checks no signature and
 * parses no more than the path, so that it is not what is measured. server CERTIFICATE KEY DELAY-MS
 * prints two ports: the first answers at once, the second DELAY-MS after a request was read. It
 * ends with its stdin. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 8192
#define REPLY_MAX 4096
#define STACK (256 * 1024)

static const char rights[] =
    "{\"ipRestrict\":true,\"createTime\":1698645219000,\"enableReading\":true,"
    "\"enableSpotAndMarginTrading\":true,\"enableWithdrawals\":false,"
    "\"enableInternalTransfer\":false,\"permitsUniversalTransfer\":false,\"enableMargin\":false,"
    "\"enableFutures\":false,\"enableVanillaOptions\":false,"
    "\"enablePortfolioMarginTrading\":false,\"enableFixApiTrade\":false,"
    "\"enableFixReadOnly\":false}";
static const char account[] =
    "{\"makerCommission\":10,\"takerCommission\":10,\"buyerCommission\":0,\"sellerCommission\":0,"
    "\"canTrade\":true,\"canWithdraw\":true,\"canDeposit\":true,\"brokered\":false,"
    "\"requireSelfTradePrevention\":false,\"preventSor\":false,\"updateTime\":1700000000000,"
    "\"accountType\":\"SPOT\",\"permissions\":[\"SPOT\"],\"uid\":354937868,\"balances\":["
    "{\"asset\":\"BTC\",\"free\":\"0.50000000\",\"locked\":\"0.00000000\"},"
    "{\"asset\":\"USDT\",\"free\":\"1000.00000000\",\"locked\":\"0.00000000\"}]}";

struct listener {
    int fd;
    long delay_ms;
    SSL_CTX *tls;
};
struct conn {
    int fd;
    const struct listener *from;
};

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "server: %s\n", what);
        exit(1);
    }
}

/* -- one connection -- */

static const char *body_for(const char *request, char *room, size_t cap)
{
    struct timespec t;

    if (strncmp(request, "GET /api/v3/account?", 20) == 0)
        return account;
    if (strncmp(request, "GET /sapi/v1/account/apiRestrictions?", 37) == 0)
        return rights;
    if (strncmp(request, "GET /api/v3/time ", 17) != 0)
        return NULL;
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(room, cap, "{\"serverTime\":%lld}",
             (long long)t.tv_sec * 1000 + (long long)t.tv_nsec / 1000000);
    return room;
}

static int reply(SSL *tls, const char *request)
{
    char out[REPLY_MAX], room[64];
    const char *body = body_for(request, room, sizeof(room));
    int n = snprintf(out, sizeof(out),
                     "HTTP/1.1 %s\r\nContent-Type: application/json;charset=UTF-8\r\n"
                     "Content-Length: %zu\r\nX-MBX-USED-WEIGHT-1M: 20\r\n\r\n%s",
                     body ? "200 OK" : "404 Not Found", body ? strlen(body) : 0, body ? body : "");
    return n > 0 && n < (int)sizeof(out) && SSL_write(tls, out, n) == n;
}

/* One request, which has no body. 0: the other end has left, or talks too long. */
static int receive(SSL *tls, char request[REQUEST_MAX])
{
    size_t n = 0;

    do {
        int got = SSL_read(tls, request + n, (int)(REQUEST_MAX - 1 - n));
        if (got <= 0)
            return 0;
        n += (size_t)got;
        request[n] = 0;
    } while (!strstr(request, "\r\n\r\n") && n < REQUEST_MAX - 1);
    return n < REQUEST_MAX - 1;
}

static void *serve(void *arg)
{
    struct conn c = *(struct conn *)arg;
    struct timespec delay = {c.from->delay_ms / 1000, c.from->delay_ms % 1000 * 1000000};
    char request[REQUEST_MAX];
    SSL *tls = SSL_new(c.from->tls);

    free(arg);
    must(tls && SSL_set_fd(tls, c.fd) == 1, "SSL_new");
    if (SSL_accept(tls) == 1) {
        while (receive(tls, request)) {
            nanosleep(&delay, NULL);
            if (!reply(tls, request))
                break;
        }
        SSL_shutdown(tls);
    }
    SSL_free(tls);
    close(c.fd);
    return NULL;
}

/* -- all of them -- */

static void take(const struct listener *l, const pthread_attr_t *attr)
{
    struct conn *c = malloc(sizeof(*c));
    pthread_t thread;
    int one = 1;

    must(c != NULL, "memory");
    *c = (struct conn){accept(l->fd, NULL, NULL), l};
    must(c->fd >= 0, "accept");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    must(pthread_create(&thread, attr, serve, c) == 0, "pthread_create");
}

static int listen_at(unsigned *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, 256) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &n) == 0,
         "listen");
    *port = ntohs(at.sin_port);
    return fd;
}

static SSL_CTX *tls_new(const char *cert, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    must(tls && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
             SSL_CTX_use_certificate_chain_file(tls, cert) == 1 &&
             SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1,
         "the certificate");
    return tls;
}

int main(int argc, char **argv)
{
    struct listener l[2] = {{0}};
    unsigned ports[2];
    pthread_attr_t attr;

    must(argc == 4, "usage: server CERTIFICATE KEY DELAY-MS");
    signal(SIGPIPE, SIG_IGN);
    l[0].tls = l[1].tls = tls_new(argv[1], argv[2]);
    l[1].delay_ms = strtol(argv[3], NULL, 10);
    for (int i = 0; i < 2; i++)
        l[i].fd = listen_at(&ports[i]);
    printf("%u %u\n", ports[0], ports[1]);
    fflush(stdout);
    must(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, STACK) == 0 &&
             pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0,
         "pthread_attr");
    for (;;) {
        struct pollfd p[3] = {{l[0].fd, POLLIN, 0}, {l[1].fd, POLLIN, 0}, {0, POLLIN, 0}};
        must(poll(p, 3, -1) > 0, "poll");
        if (p[2].revents)
            return 0;
        for (int i = 0; i < 2; i++)
            if (p[i].revents)
                take(&l[i], &attr);
    }
}
