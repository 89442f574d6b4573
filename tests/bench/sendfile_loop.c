// SPDX-License-Identifier: BSD-3-Clause
// The plainest sender there is: sendfile(2) until the file is through, then wait for the sink's
// word that it has all. What pagewire's sendfile_sg does over this is the price of the testbed
// around it.
//
//     sendfile_loop ADDRESS PORT FILE
//
// Prints {"bytes", "elapsed_s", "cpu_s"} of the window from just before the first sendfile to the
// acknowledgement; opening, connecting and starting lie outside, as they do in pagewire's.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { kAcknowledged = 0x06 }; // kernelpath/tcp_stream.hpp

static void fail(const char* call)
{
    fprintf(stderr, "sendfile_loop: %s: %s\n", call, strerror(errno));
    exit(1);
}

static int open_connection(const char* address, const char* port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)atoi(port))};
    if (inet_pton(AF_INET, address, &peer.sin_addr) != 1) {
        errno = EINVAL;
        fail(address);
    }
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket");
    if (connect(fd, (const struct sockaddr*)&peer, sizeof(peer)) != 0)
        fail("connect");
    return fd;
}

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void send_file(int connection, int file, off_t bytes)
{
    off_t offset = 0;
    while (offset < bytes) {
        const ssize_t taken = sendfile(connection, file, &offset, (size_t)(bytes - offset));
        if (taken < 0 && errno != EINTR)
            fail("sendfile");
        if (taken == 0) {
            errno = ENODATA; // it has become shorter
            fail("sendfile");
        }
    }
}

static void await_acknowledgement(int connection)
{
    if (shutdown(connection, SHUT_WR) != 0)
        fail("shutdown");
    char answer = 0;
    const ssize_t got = recv(connection, &answer, 1, 0);
    if (got < 0)
        fail("recv");
    if (got == 0 || answer != kAcknowledged) {
        errno = EPROTO;
        fail("recv");
    }
}

int main(int argc, char** argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: sendfile_loop ADDRESS PORT FILE\n");
        return 2;
    }
    const int file = open(argv[3], O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (file < 0 || fstat(file, &facts) != 0)
        fail(argv[3]);
    const int connection = open_connection(argv[1], argv[2]);

    const double cpu_at_start = cpu_s();
    const double wall_at_start = wall_s();
    send_file(connection, file, facts.st_size);
    await_acknowledgement(connection);
    const double wall = wall_s() - wall_at_start;
    const double cpu = cpu_s() - cpu_at_start;

    printf("{\"bytes\": %lld, \"elapsed_s\": %.9f, \"cpu_s\": %.6f}\n", (long long)facts.st_size,
           wall, cpu);
    return 0;
}
