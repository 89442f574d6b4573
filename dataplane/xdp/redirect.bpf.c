// SPDX-License-Identifier: BSD-3-Clause
// Takes the data datagrams of one flow to the AF_XDP socket of the queue that they came by, and
// passes everything else: ARP, TCP, foreign ports, the flow's own probes and its finish.
#include <stdbool.h>

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#include "redirect.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* include/uapi/linux/bpf.h: fixed, as every user-space interface of the kernel. Debian keeps the
 * header's own headers where clang does not look for this target. */
struct xdp_md {
    __u32 data;
    __u32 data_end;
    __u32 data_meta;
    __u32 ingress_ifindex;
    __u32 rx_queue_index;
    __u32 egress_ifindex;
};

enum { XDP_PASS = 2, XDP_REDIRECT = 4 };

enum { BPF_MAP_TYPE_XSKMAP = 17 };

/* core/flow_header.hpp; dataplane/packet_header.hpp. */
struct headers {
    __u8 mac[12];
    __be16 ethertype;
    /* IPv4, RFC 791 §3.1, without options */
    __u8 version_and_words;
    __u8 tos;
    __be16 total_bytes;
    __be16 id;
    __be16 fragment;
    __u8 ttl;
    __u8 protocol;
    __u16 ip_checksum;
    __be32 source;
    __be32 destination;
    /* UDP, RFC 768 */
    __be16 source_port;
    __be16 destination_port;
    __be16 udp_bytes;
    __u16 udp_checksum;
    __be32 flow;
    __be16 payload_bytes;
    __u8 kind;
    __u8 version;
    __u8 sequence[8];
    __u8 offset[8];
} __attribute__((packed));

_Static_assert(sizeof(struct headers) == 66, "Ethernet 14, IPv4 20, UDP 8, flow header 24");

enum { ETHERTYPE_IPV4 = 0x0800, IPV4_20_OCTETS = 0x45, MORE_OR_OFFSET = 0x3fff, UDP = 17 };

enum { KIND_DATA = 1, FLOW_VERSION = 1 };

const volatile struct redirect_flow wanted;
struct redirect_counts counts[REDIRECT_NUM_COUNTS];

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1); /* the loader sets the number of queues */
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

static bool is_wanted(const struct headers* h)
{
    return h->ethertype == bpf_htons(ETHERTYPE_IPV4) && h->version_and_words == IPV4_20_OCTETS &&
           h->protocol == UDP && (h->fragment & bpf_htons(MORE_OR_OFFSET)) == 0 &&
           h->destination == wanted.ipv4 && h->destination_port == wanted.port &&
           bpf_ntohl(h->flow) - wanted.flow < wanted.num_flows && h->kind == KIND_DATA &&
           h->version == FLOW_VERSION;
}

/* "frags": the program is ready for packets in several buffers, which is what lets it onto a device
 * whose MTU is above a page. It reads by bpf_xdp_load_bytes(), which finds its way in them. */
SEC("xdp.frags")

int redirect_flow(struct xdp_md* ctx)
{
    struct headers h;
    if (bpf_xdp_load_bytes((void*)ctx, 0, &h, sizeof(h)) < 0 || !is_wanted(&h))
        return XDP_PASS; /* too short to be one of ours, or another's */
    const __u32 queue = ctx->rx_queue_index;
    const long verdict = bpf_redirect_map(&sockets, queue, XDP_PASS);
    struct redirect_counts* line = &counts[queue % REDIRECT_NUM_COUNTS];
    __sync_fetch_and_add(verdict == XDP_REDIRECT ? &line->redirected : &line->no_socket, 1);
    return (int)verdict;
}

/* None of the helpers asks for the GPL. */
char LICENSE[] SEC("license") = "BSD-3-Clause";
