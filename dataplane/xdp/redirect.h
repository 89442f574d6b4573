/* SPDX-License-Identifier: BSD-3-Clause */
/* What the XDP program and its loader share: the flow that it takes, and what it has counted. */
#ifndef PAGEWIRE_DATAPLANE_XDP_REDIRECT_H
#define PAGEWIRE_DATAPLANE_XDP_REDIRECT_H

#ifdef __cplusplus
#include <cstdint>
typedef std::uint16_t redirect_u16; // NOLINT(modernize-use-using): C sees it too
typedef std::uint32_t redirect_u32; // NOLINT(modernize-use-using)
typedef std::uint64_t redirect_u64; // NOLINT(modernize-use-using)
#else
typedef __u16 redirect_u16;
typedef __u32 redirect_u32;
typedef __u64 redirect_u64;
#endif

/* Data datagrams of some flows (core/flow_header.hpp) to one address. */
struct redirect_flow {
    redirect_u32 ipv4;      /* destination, network byte order */
    redirect_u32 flow;      /* the first, host byte order */
    redirect_u32 num_flows; /* that follow each other */
    redirect_u16 port;      /* UDP, destination, network byte order */
};

/* Queues count apart, as far as there are lines: each has a cache line of its own. */
#define REDIRECT_NUM_COUNTS 64

struct redirect_counts {
    redirect_u64 redirected; /* handed to the socket of their queue */
    redirect_u64 no_socket;  /* of the flow, on a queue without a socket: passed to the kernel */
    redirect_u64 unused[6];
};

#endif
