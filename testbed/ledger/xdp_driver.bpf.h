/* SPDX-License-Identifier: BSD-3-Clause */
/* How AF_XDP's packets reach a driver, which no tracepoint tells; fentry does, where the kernel lets it.
 *
 *   __dev_direct_xmit                copy mode: an skb for each packet, past the queueing disciplines
 *   xsk_tx_peek_release_desc_batch   zero-copy: descriptors of the UMEM as the driver takes them from the
 *                                    TX ring; there is no skb. Drivers that take one at a time, by
 *                                    xsk_tx_peek_desc() alone (mlx5, ixgbe), go unseen
 */
#ifndef PAGEWIRE_TESTBED_LEDGER_XDP_DRIVER_BPF_H
#define PAGEWIRE_TESTBED_LEDGER_XDP_DRIVER_BPF_H

#include "page_identity.bpf.h"

#define ETHERNET_BYTES 14
#define UDP_PACKET_HEADER_BYTES (ETHERNET_BYTES + 20 + 8 + FLOW_HEADER_BYTES)

/* Entries of a TX ring that a driver takes at once: as many as its own ring has free. */
#define MAX_BATCH 8192

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct xdp_desc { /* include/uapi/linux/if_xdp.h */
    __u64 addr;
    __u32 len;
    __u32 options;
};

struct xsk_buff_pool {
    struct net_device *netdev;
    struct xdp_desc *tx_descs;
};
#pragma clang attribute pop

#define XDP_PKT_CONTD 1

/* A device that takes fragments alone (IFF_TX_SKB_NO_LINEAR) is given the headers in a page, where
 * they cannot be read: it is the next packet of the flow, if there is one flow only. */
SEC("fentry/__dev_direct_xmit")
int BPF_PROG(before_direct_xmit, struct sk_buff *skb)
{
    if (config.num_flows == 0 || !is_sending() ||
        !is_device(skb->dev, &state.tx_dev, config.tx_ifindex, config.tx_netns))
        return 0;
    if (skb->len > skb->data_len)
        return on_udp(skb, skb->data + ETHERNET_BYTES, ETHERNET_BYTES, LEDGER_DRIVER);
    if (config.num_flows != 1 || skb->len <= UDP_PACKET_HEADER_BYTES)
        return 0;
    __u64 *next_pos = &state.next_udp_pos[LEDGER_DRIVER][0];
    if (*next_pos == 0)
        *next_pos = config.range_offset;
    add(&counts.header_bytes[LEDGER_DRIVER], UDP_PACKET_HEADER_BYTES);
    count_payload(skb, UDP_PACKET_HEADER_BYTES, 0, *next_pos, LEDGER_DRIVER);
    *next_pos += skb->len - UDP_PACKET_HEADER_BYTES;
    return 0;
}

struct batch_walk {
    unsigned long first; /* a number: the verifier would follow a pointer's every step */
    __u32 num;
};

/* A packet's bytes are summed over its descriptors: the last one has no XDP_PKT_CONTD. */
static long count_descriptor(__u32 step, struct batch_walk *walk)
{
    if (step >= walk->num)
        return 1;
    unsigned long desc = walk->first + step * bpf_core_type_size(struct xdp_desc);
    state.packet_bytes += KERNEL_READ(struct xdp_desc, desc, len);
    if (!(KERNEL_READ(struct xdp_desc, desc, options) & XDP_PKT_CONTD)) {
        if (state.packet_bytes > UDP_PACKET_HEADER_BYTES) {
            add(&counts.header_bytes[LEDGER_DRIVER], UDP_PACKET_HEADER_BYTES);
            add(&counts.payload[LEDGER_DRIVER][LEDGER_UMEM],
                state.packet_bytes - UDP_PACKET_HEADER_BYTES);
        }
        state.packet_bytes = 0;
    }
    return 0;
}

SEC("fexit/xsk_tx_peek_release_desc_batch")
int BPF_PROG(after_descriptors, struct xsk_buff_pool *pool, __u32 most, __u32 taken)
{
    if (config.num_flows != 1 || !is_sending() || taken == 0 ||
        !is_device(pool->netdev, &state.tx_dev, config.tx_ifindex, config.tx_netns))
        return 0;
    struct batch_walk walk = {.num = taken};
    bpf_probe_read_kernel(&walk.first, sizeof(walk.first), &pool->tx_descs);
    add(&counts.umem_descriptors, taken);
    bpf_loop(MAX_BATCH, count_descriptor, &walk, 0);
    return 0;
}

#endif
