/* SPDX-License-Identifier: BSD-3-Clause */
/* A second witness, where the kernel lets fentry attach: bytes that the functions which copy payload
 * moved during the transfer. lib/ is built without ftrace, so _copy_to_iter() and _copy_from_iter()
 * cannot be hooked; their callers can.
 *
 *   filemap_read         page cache -> the worker's buffer; returns the bytes
 *   tcp_sendmsg_locked   the worker's buffer -> the socket's pages; returns the bytes
 *   skb_copy_bits        pages -> linear area, for skbs of the sending device: __pskb_pull_tail() and
 *                        skb_segment() copy through it
 *   skb_copy_and_csum_bits   the same for skb_segment() where the device has no checksum offload
 */
#ifndef PAGEWIRE_TESTBED_LEDGER_COPIERS_BPF_H
#define PAGEWIRE_TESTBED_LEDGER_COPIERS_BPF_H

#include "state.bpf.h"

#define MSG_ZEROCOPY 0x4000000
#define MSG_SPLICE_PAGES 0x8000000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct msghdr {
    unsigned int msg_flags;
};
struct iov_iter {
    unsigned char iter_type;
};
#pragma clang attribute pop

/* include/linux/uio.h before Linux 6.5. */
enum iter_type___v6_1 { ITER_PIPE = 3 };

/* Into a pipe, for splice(2) and sendfile(2), go references to the pages: lib/iov_iter.c,
 * copy_page_to_iter_pipe(). Later kernels have no such iterator. */
static __always_inline bool is_pipe(struct iov_iter *iter)
{
    return bpf_core_enum_value_exists(enum iter_type___v6_1, ITER_PIPE) &&
           iter->iter_type == bpf_core_enum_value(enum iter_type___v6_1, ITER_PIPE);
}

SEC("fexit/filemap_read")
int BPF_PROG(after_filemap_read, void *iocb, struct iov_iter *iter, long already_read, long ret)
{
    if (counts.phase == LEDGER_WINDOW && is_worker() && ret > already_read && !is_pipe(iter))
        add(&counts.copier_bytes[LEDGER_FILEMAP_READ], ret - already_read);
    return 0;
}

SEC("fexit/tcp_sendmsg_locked")
int BPF_PROG(after_tcp_sendmsg_locked, void *sk, struct msghdr *msg, unsigned long size, int ret)
{
    if (counts.phase == LEDGER_WINDOW && is_worker() && ret > 0 &&
        !(msg->msg_flags & (MSG_ZEROCOPY | MSG_SPLICE_PAGES)))
        add(&counts.copier_bytes[LEDGER_TCP_SENDMSG], ret);
    return 0;
}

static __always_inline int count_skb_copy(struct sk_buff *skb, int len)
{
    struct net_device *dev = skb->dev;
    if (is_sending() && dev && len > 0 &&
        is_device(dev, &state.tx_dev, config.tx_ifindex, config.tx_netns))
        add(&counts.copier_bytes[LEDGER_SKB_COPY_BITS], len);
    return 0;
}

SEC("fentry/skb_copy_bits")
int BPF_PROG(before_skb_copy_bits, struct sk_buff *skb, int offset, void *to, int len)
{
    return count_skb_copy(skb, len);
}

SEC("fentry/skb_copy_and_csum_bits")
int BPF_PROG(before_skb_copy_and_csum_bits, struct sk_buff *skb, int offset, void *to, int len)
{
    return count_skb_copy(skb, len);
}

#endif
