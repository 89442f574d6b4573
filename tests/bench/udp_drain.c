// SPDX-License-Identifier: BSD-3-Clause
// The receiver of senders that nobody acknowledges: a UDP socket, read as pagewire's sink reads its
// own (kernelpath/receive_udp.cpp, core/rx_moderation.hpp: 32 datagrams a call, a buffer of 32 MiB,
// a sleep of 30 us by the clock when it is drained), and nothing done with what came.
//
//     udp_drain PORT
//
// Runs until it is killed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum { kBatch = 32, kSlotBytes = 65536, kReceiveBufferBytes = 32 * 1024 * 1024, kMomentNs = 30000 };

static char buffer[kBatch][kSlotBytes];

static int fail(const char* call)
{
    fprintf(stderr, "udp_drain: %s: %s\n", call, strerror(errno));
    return 1;
}

int main(int argc, char** argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: udp_drain PORT\n");
        return 2;
    }
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail("socket");
    const int bytes = kReceiveBufferBytes;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
        return fail("setsockopt SO_RCVBUFFORCE");
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_port = htons((unsigned short)atoi(argv[1]))};
    if (bind(fd, (const struct sockaddr*)&own, sizeof(own)) != 0)
        return fail("bind");

    struct iovec parts[kBatch];
    struct mmsghdr messages[kBatch];
    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < kBatch; ++i) {
        parts[i] = (struct iovec){.iov_base = buffer[i], .iov_len = kSlotBytes};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    puts("ready");
    fflush(stdout);
    prctl(PR_SET_TIMERSLACK, 1000UL);
    const struct timespec moment = {.tv_nsec = kMomentNs};
    while (1) {
        if (recvmmsg(fd, messages, kBatch, MSG_DONTWAIT, NULL) >= 0)
            continue;
        if (errno != EAGAIN && errno != EINTR)
            return fail("recvmmsg");
        nanosleep(&moment, NULL);
    }
}
