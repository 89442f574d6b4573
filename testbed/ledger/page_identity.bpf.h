/* SPDX-License-Identifier: BSD-3-Clause */
/* Where do the payload bytes of an skb lie? In the page-cache page of the file that the disk wrote:
 * nobody copied them. In the skb's linear area or in a page of the kernel's own: somebody did.
 *
 * Positions are plain: a flow's skbs pass each stage one at a time, TCP's under the socket's lock (down
 * to the driver), the others in the backlog of the CPU that their queue's thread is pinned to. Counters
 * are added to atomically: several flows are on several CPUs. */
#ifndef PAGEWIRE_TESTBED_LEDGER_PAGE_IDENTITY_BPF_H
#define PAGEWIRE_TESTBED_LEDGER_PAGE_IDENTITY_BPF_H

#include "disk_pages.bpf.h"
#include "kernel_read.bpf.h"
#include "state.bpf.h"

#include <bpf/bpf_endian.h>

#define MAPPING_FLAGS 3UL /* PAGE_MAPPING_ANON, _MOVABLE: the pointer is no address_space */
#define MAX_FRAGS 45      /* CONFIG_MAX_SKB_FRAGS at its largest */
#define FRAG_BYTES 16     /* of either type below, on 64 bits */
#define FLOW_HEADER_BYTES 24

/* The first page of the folio that `page` is part of: mm's compound_head(). Linux 7 may store a mask
 * in the tail instead of the address: all its upper bits are set. */
static __always_inline unsigned long folio_of(unsigned long page)
{
    unsigned long head = 0;
    if (bpf_core_field_exists(struct page, compound_head))
        head = KERNEL_READ_WORD(struct page, page, compound_head);
    else if (bpf_core_field_exists(struct page___v7, compound_info))
        head = KERNEL_READ_WORD(struct page___v7, page, compound_info);
    if ((head & 1) == 0)
        return page;
    return (__s64)head > -(1LL << 32) && (__s64)head < 0 ? page & (head - 1) : head - 1;
}

/* Which enum ledger_place; `pos` is the file offset of the fragment's first byte. Global, so that the
 * verifier goes through it once, and not for each fragment of each skb. */
__noinline int place_of(__u64 page, __u32 frag_offset, __u64 pos)
{
    if (page == 0 || (page & 1) != 0)
        return LEDGER_OTHER; /* a net_iov: device memory */
    unsigned long folio = folio_of(page);
    unsigned long mapping = KERNEL_READ_WORD(struct folio, folio, mapping);
    if (mapping == 0)
        return LEDGER_PRIVATE;
    if ((mapping & MAPPING_FLAGS) == 1)
        return LEDGER_ANONYMOUS;
    if (mapping != (unsigned long)state.mapping)
        return LEDGER_OTHER;
    __u64 page_in_folio = (page - folio) / bpf_core_type_size(struct page);
    __u64 index = KERNEL_READ_WORD(struct folio, folio, index) + page_in_folio;
    return index * config.page_bytes + frag_offset == pos ? LEDGER_FILE : LEDGER_FILE_ASTRAY;
}

struct frag {
    unsigned long page;
    __u32 len, offset;
};

static __always_inline struct frag read_frag(unsigned long address)
{
    struct frag frag;
    if (bpf_core_type_exists(struct skb_frag)) {
        frag.page = KERNEL_READ_WORD(struct skb_frag, address, netmem);
        frag.len = KERNEL_READ(struct skb_frag, address, len);
        frag.offset = KERNEL_READ(struct skb_frag, address, offset);
    } else {
        frag.page = KERNEL_READ_WORD(struct bio_vec, address, bv_page);
        frag.len = KERNEL_READ(struct bio_vec, address, bv_len);
        frag.offset = KERNEL_READ(struct bio_vec, address, bv_offset);
    }
    return frag;
}

/* The fragments of one skb, as a walk goes through them. */
struct frag_walk {
    unsigned long next; /* address of the next one */
    __u64 pos;          /* file offset of its first byte */
    __u64 bytes[LEDGER_NUM_PLACES];
    __u32 num_frags;
    __u32 rest; /* bytes in fragments that were not walked through yet */
    __u32 skip; /* headers in fragments */
    enum ledger_stage stage;
};

/* A callback of bpf_loop(): verified once, where Linux 6.1 follows a loop with this body until it
 * gives up. 1 ends the walk. */
static long count_frag(__u32 i, void *context)
{
    struct frag_walk *walk = context;
    if (i >= walk->num_frags)
        return 1;
    struct frag frag = read_frag(walk->next);
    if (frag.len > walk->rest)
        return 1;
    walk->next += FRAG_BYTES;
    walk->rest -= frag.len;
    __u32 skipped = walk->skip < frag.len ? walk->skip : frag.len;
    walk->skip -= skipped;
    frag.offset += skipped;
    frag.len -= skipped;
    __u64 place = place_of(frag.page, frag.offset, walk->pos);
    if (place == LEDGER_PRIVATE && state.has_disk_pages && frag.len > 0 &&
        take_disk_bytes(frag.page + frag.offset / config.page_bytes *
                                        bpf_core_type_size(struct page),
                        frag.len, walk->stage))
        place = LEDGER_DISK;
    barrier_var(place); /* what the compiler knows of place_of(), the verifier does not */
    if (place < LEDGER_NUM_PLACES)
        walk->bytes[place] += frag.len;
    walk->pos += frag.len;
    return 0;
}

/* Counts the payload of one skb, of which `header_bytes` from skb->data on are headers, and
 * `inner_bytes` more lie among the payload. `pos` is the file offset of its first payload byte. */
static __always_inline void count_payload(struct sk_buff *skb, __u32 header_bytes,
                                          __u32 inner_bytes, __u64 pos, enum ledger_stage stage)
{
    unsigned long shared = (unsigned long)(skb->head + skb->end);
    struct frag_walk walk = {
        .next = shared + bpf_core_field_offset(struct skb_shared_info, frags),
        .pos = pos,
        .rest = skb->data_len,
        .stage = stage,
    };
    __u32 linear = skb->len - walk.rest;
    if (linear > header_bytes) {
        walk.bytes[LEDGER_LINEAR] = linear - header_bytes;
        walk.pos += linear - header_bytes;
    } else {
        walk.skip = header_bytes - linear;
    }
    if (walk.rest > 0) {
        walk.num_frags = KERNEL_READ(struct skb_shared_info, shared, nr_frags);
        bpf_loop(MAX_FRAGS, count_frag, &walk, 0);
    }
    walk.bytes[LEDGER_OTHER] += walk.rest; /* in a list of skbs */
    /* A socket copies headers and payload alike: they lie in the same place. */
    static const enum ledger_place likely[] = {LEDGER_PRIVATE, LEDGER_LINEAR, LEDGER_ANONYMOUS};
    for (int i = 0; i < 3; ++i) {
        __u64 *bytes = &walk.bytes[likely[i]];
        __u64 here = *bytes < inner_bytes ? *bytes : inner_bytes;
        *bytes -= here;
        inner_bytes -= here;
    }
    for (int i = 0; i < LEDGER_NUM_PLACES; ++i)
        add(&counts.payload[stage][i], walk.bytes[i]);
}

struct ip_head { /* RFC 791 §3.1, without options */
    __u8 version_ihl, tos;
    __be16 total_length, id, fragment;
    __u8 ttl, protocol;
    __be16 check;
    __be32 source, destination;
};

struct tcp_head { /* RFC 9293 §3.1 */
    __be16 source, destination;
    __be32 seq, ack;
    __u8 data_offset, flags;
    __be16 window, check, urgent;
};

struct udp_head { /* RFC 768, and core/flow_header.hpp behind it */
    __be16 source, destination, length, check;
    __be32 flow;
    __be16 flow_length;
    __u8 kind, version;
    __u64 sequence, offset;
};

/* IPv4 to the peer by this protocol? Then its header's length, else 0. Reads both headers at once;
 * options between them cost a second read. */
#define HEADERS(transport)                                                                         \
    struct __attribute__((packed)) {                                                               \
        struct ip_head ip;                                                                         \
        struct transport next;                                                                     \
    }

#define READ_HEADERS(headers, at, wanted_protocol)                                                 \
    ({                                                                                             \
        bpf_probe_read_kernel(&(headers), sizeof(headers), (at));                                  \
        __u32 ip_bytes_ = ((headers).ip.version_ihl & 15) * 4;                                     \
        if ((headers).ip.version_ihl >> 4 != 4 || (headers).ip.protocol != (wanted_protocol) ||    \
            (headers).ip.destination != config.peer_ipv4)                                          \
            ip_bytes_ = 0;                                                                         \
        else if (ip_bytes_ != sizeof((headers).ip))                                                \
            bpf_probe_read_kernel(&(headers).next, sizeof((headers).next), (at) + ip_bytes_);      \
        ip_bytes_;                                                                                 \
    })

static __always_inline int on_segment(struct sk_buff *skb, enum ledger_stage stage)
{
    HEADERS(tcp_head) headers = {};
    unsigned char *network = skb->head + skb->network_header;
    __u32 ip_bytes = READ_HEADERS(headers, network, 6);
    if (ip_bytes == 0 || bpf_ntohs(headers.next.destination) != config.peer_port)
        return 0;
    __u32 header_bytes =
        (__u32)(network - skb->data) + ip_bytes + (__u32)(headers.next.data_offset >> 4) * 4;
    if (skb->len <= header_bytes)
        return 0;
    __u32 payload = skb->len - header_bytes;
    __u32 seq = bpf_ntohl(headers.next.seq);
    if (!state.has_first_seq[stage]) {
        state.has_first_seq[stage] = 1;
        state.next_seq[stage] = seq;
        state.next_pos[stage] = config.range_offset;
    }
    counts.header_bytes[stage] += header_bytes;
    /* RFC 9293 §3.4: numbers wrap; what lies before the next one was here already. */
    __s32 ahead = (__s32)(seq - state.next_seq[stage]);
    if (ahead < 0) {
        __u32 again = -ahead < (__s32)payload ? (__u32)-ahead : payload;
        counts.repeated_bytes[stage] += again;
        counts.payload[stage][LEDGER_OTHER] += payload - again;
        state.next_seq[stage] += payload - again;
        state.next_pos[stage] += payload - again;
        return 0;
    }
    state.next_seq[stage] += ahead; /* what was not seen stays uncounted, and is missed in the sum */
    state.next_pos[stage] += ahead;
    count_payload(skb, header_bytes, 0, state.next_pos[stage], stage);
    state.next_seq[stage] += payload;
    state.next_pos[stage] += payload;
    return 0;
}

static __always_inline int on_tcp(struct sk_buff *skb, enum ledger_stage stage)
{
    if (!is_sending() ||
        !is_device(skb->dev, &state.tx_dev, config.tx_ifindex, config.tx_netns))
        return 0;
    return on_segment(skb, stage);
}

/* Where the headers from the network's on are. A packet socket with a ring (net/packet/af_packet.c,
 * tpacket_fill_skb) copies out the link's alone, and leaves the rest in the ring, of whose frame the
 * skb keeps the address: skb_zcopy_set_nouarg(). */
static __always_inline unsigned char *network_of(struct sk_buff *skb)
{
    unsigned char *network = skb->head + skb->network_header;
    if (skb->data_len == 0 || network - skb->data != skb->len - skb->data_len)
        return network;
    unsigned long shared = (unsigned long)(skb->head + skb->end);
    unsigned long frame = KERNEL_READ_WORD(struct skb_shared_info, shared, destructor_arg);
    struct frag frag = read_frag(shared + bpf_core_field_offset(struct skb_shared_info, frags));
    if ((frame & 1) == 0)
        return network;
    return (unsigned char *)((frame & ~(config.page_bytes - 1UL)) + frag.offset);
}

/* A datagram of the flows, or several that generic segmentation offload will make of this skb.
 * `network` is where its headers are, `link_bytes` what lies before them from skb->data on.
 *
 * A socket that segments, or whose datagram is larger than its linear area may be, has all behind
 * UDP's header in fragments (net/ipv4/ip_output.c, __ip_append_data), the flow header too, and then
 * that cannot be read. What else the socket sends is a flow header alone, and linear: so this is
 * data, of the one flow that a socket has, and what comes next in it. */
static __always_inline int on_udp(struct sk_buff *skb, unsigned char *network, __u32 link_bytes,
                                  enum ledger_stage stage)
{
    HEADERS(udp_head) headers = {};
    __u32 ip_bytes = READ_HEADERS(headers, network, 17);
    __u32 transport_bytes = link_bytes + ip_bytes + 8;
    if (ip_bytes == 0 || bpf_ntohs(headers.next.destination) != config.peer_port ||
        skb->len <= transport_bytes + FLOW_HEADER_BYTES)
        return 0;
    bool unread = config.num_flows == 1 && skb->data_len > 0 &&
                  skb->len - skb->data_len == transport_bytes &&
                  network == skb->head + skb->network_header;
    __u32 flow = unread ? 0 : bpf_ntohl(headers.next.flow) - config.flow;
    if (flow >= config.num_flows || (!unread && headers.next.kind != 1))
        return 0;
    __u64 *next_pos = &state.next_udp_pos[stage][flow & (LEDGER_MAX_FLOWS - 1)];
    if (*next_pos == 0)
        *next_pos = config.range_offset;
    unsigned long shared = (unsigned long)(skb->head + skb->end);
    __u32 datagram = KERNEL_READ(struct skb_shared_info, shared, gso_size);
    __u32 udp_payload = skb->len - transport_bytes;
    __u32 num_datagrams = datagram > 0 ? (udp_payload + datagram - 1) / datagram : 1;
    __u32 inner_bytes = (num_datagrams - 1) * FLOW_HEADER_BYTES;
    __u32 header_bytes = transport_bytes + FLOW_HEADER_BYTES;
    if (udp_payload <= num_datagrams * FLOW_HEADER_BYTES)
        return 0;
    __u32 payload = udp_payload - num_datagrams * FLOW_HEADER_BYTES;
    __u64 pos =
        unread ? *next_pos : config.range_offset + bpf_be64_to_cpu(headers.next.offset);
    add(&counts.header_bytes[stage], header_bytes + inner_bytes);
    if (pos < *next_pos) {
        add(&counts.repeated_bytes[stage], payload);
        return 0;
    }
    count_payload(skb, header_bytes, inner_bytes, pos, stage);
    *next_pos = pos + payload;
    return 0;
}

/* As the sending device gets it. */
static __always_inline int on_sent_udp(struct sk_buff *skb, enum ledger_stage stage)
{
    if (!is_sending() || !is_device(skb->dev, &state.tx_dev, config.tx_ifindex, config.tx_netns))
        return 0;
    return on_udp(skb, network_of(skb), skb->head + skb->network_header - skb->data, stage);
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(on_queue, struct sk_buff *skb)
{
    return config.num_flows == 0 ? on_tcp(skb, LEDGER_QUEUE) : on_sent_udp(skb, LEDGER_QUEUE);
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_transmit, struct sk_buff *skb)
{
    return config.num_flows == 0 ? on_tcp(skb, LEDGER_TRANSMIT) : on_sent_udp(skb, LEDGER_TRANSMIT);
}

/* What the engines send: the peer's end of the link, for AF_XDP's own path to the driver has no
 * tracepoint. */
SEC("tp_btf/netif_receive_skb")
int BPF_PROG(on_arrival, struct sk_buff *skb)
{
    if (config.num_flows == 0 || !is_sending() ||
        !is_device(skb->dev, &state.rx_dev, config.rx_ifindex, config.rx_netns))
        return 0;
    return on_udp(skb, skb->data, 0, LEDGER_ARRIVAL);
}

/* What has become of the payload where the other end of the link is on this machine, too: pages of a
 * process's own are copied before anybody may keep them (net/core/dev.c, skb_orphan_frags_rx). */
SEC("tp_btf/tcp_probe")
int BPF_PROG(on_delivery, struct sock *sk, struct sk_buff *skb)
{
    if (config.num_flows != 0 || config.rx_ifindex == 0 || !is_sending() ||
        sk->__sk_common.skc_net.net->ns.inum != config.rx_netns)
        return 0;
    return on_segment(skb, LEDGER_DELIVERY);
}

#endif
