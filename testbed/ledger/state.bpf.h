/* SPDX-License-Identifier: BSD-3-Clause */
/* What the ledger's programs share: the testbed's order, the counts, and what they found out. */
#ifndef PAGEWIRE_TESTBED_LEDGER_STATE_BPF_H
#define PAGEWIRE_TESTBED_LEDGER_STATE_BPF_H

#include "kernel_types.bpf.h"
#include "record.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct ledger_config config;
struct ledger_counts counts;

/* What a descriptor of the worker stands for; asked once for each file. */
struct known_file {
    struct file *file;
    __u32 kind;
};

#define KNOWN_FDS 64

/* Of the transfer at hand; the testbed zeroes all of .bss before it. */
static struct {
    __u32 tgid;                    /* of the worker */
    struct address_space *mapping; /* of the source file */
    __u32 disk;                    /* dev_t of its file system's block device */
    struct net_device *tx_dev, *rx_dev;
    __u32 has_first_seq[LEDGER_NUM_STAGES];
    __u32 next_seq[LEDGER_NUM_STAGES]; /* TCP: after the last payload byte seen */
    __u64 next_pos[LEDGER_NUM_STAGES]; /* file offset of it */
    /* UDP, by flow: file offset after the last payload byte seen */
    __u64 next_udp_pos[LEDGER_NUM_STAGES][LEDGER_MAX_FLOWS];
    struct known_file known[KNOWN_FDS];
    __u64 packet_bytes;   /* of the descriptors since the last packet's end */
    __u32 has_disk_pages; /* the disk wrote into pages of the kernel's own */
} state;

static __always_inline void add(ledger_u64 *counter, __u64 amount)
{
    if (amount > 0)
        __sync_fetch_and_add(counter, amount);
}

static __always_inline bool is_worker(void)
{
    return state.tgid != 0 && bpf_get_current_pid_tgid() >> 32 == state.tgid;
}

/* From BEGIN to DONE: payload may be on its way after the last call of the sender. */
static __always_inline bool is_sending(void)
{
    return counts.phase == LEDGER_WINDOW || counts.phase == LEDGER_DRAIN;
}

/* Is this the device? Found once by index and namespace, then known by its address. */
static __always_inline bool is_device(struct net_device *dev, struct net_device **known,
                                      __u32 ifindex, __u32 netns)
{
    if (dev == *known)
        return true;
    if (*known != 0 || (__u32)dev->ifindex != ifindex || dev->nd_net.net->ns.inum != netns)
        return false;
    *known = dev;
    return true;
}

#endif
