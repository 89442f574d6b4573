/* SPDX-License-Identifier: BSD-3-Clause */
/* What the ledger's BPF programs and the testbed share. Plain C: included from both. */
#ifndef PAGEWIRE_TESTBED_LEDGER_RECORD_H
#define PAGEWIRE_TESTBED_LEDGER_RECORD_H

#ifdef __cplusplus
#    include <cstdint>
typedef std::uint32_t ledger_u32; // NOLINT(modernize-use-using): C sees it too
typedef std::uint64_t ledger_u64; // NOLINT(modernize-use-using)
#else
typedef unsigned int ledger_u32;
typedef unsigned long long ledger_u64;
#endif

/* A mark is a call prctl(LEDGER_MARK, token, mark, argument, 0), which the kernel refuses with
 * EINVAL: "PWLM" is no option of prctl(2). The programs see it at its exit, and so does strace. */
#define LEDGER_MARK 0x50574C4D

enum ledger_mark {
    LEDGER_MARK_FILE = 1,  /* argument: a descriptor of the source file; by the testbed */
    LEDGER_MARK_BEGIN = 2, /* by the worker: the transfer begins */
    LEDGER_MARK_SENT = 3,  /* the last byte was handed to the kernel; an engine has its frames back */
    LEDGER_MARK_DONE = 4,  /* the receiver has everything */
};

/* Phases: before BEGIN, between BEGIN and SENT (the window), between SENT and DONE, after it. */
enum ledger_phase {
    LEDGER_IDLE = 0,
    LEDGER_WINDOW = 1,
    LEDGER_DRAIN = 2,
    LEDGER_OVER = 3,
    LEDGER_NUM_PHASES = 4,
};

/* Where a payload byte lies in an skb. */
enum ledger_place {
    LEDGER_LINEAR = 0,       /* the skb's linear area: copied there */
    LEDGER_PRIVATE = 1,      /* a page of the kernel's own: copied there */
    LEDGER_FILE = 2,         /* the source file's page-cache page, at the offset that is sent */
    LEDGER_FILE_ASTRAY = 3,  /* the source file's, at another offset */
    LEDGER_ANONYMOUS = 4,    /* an anonymous user page: a buffer of the sender's, UMEM */
    LEDGER_OTHER = 5,        /* anything else: another file's, device memory, a list of skbs */
    LEDGER_DISK = 6,         /* a page of the kernel's own that the disk wrote for the worker */
    LEDGER_UMEM = 7,         /* no skb at all: a descriptor of the UMEM, as the driver took it */
    LEDGER_NUM_PLACES = 8,
};

/* Where skbs are looked at. */
enum ledger_stage {
    LEDGER_QUEUE = 0,    /* net_dev_queue: as the protocol, or a packet socket, hands them down */
    LEDGER_TRANSMIT = 1, /* net_dev_start_xmit: as the driver takes them */
    LEDGER_ARRIVAL = 2,  /* netif_receive_skb at the veth peer: for AF_XDP, which passes neither */
    LEDGER_DELIVERY = 3, /* tcp_probe: as TCP at the veth peer takes them, before it copies to user space */
    LEDGER_DRIVER = 4,   /* AF_XDP's own ways to the driver, seen by fentry */
    LEDGER_NUM_STAGES = 5,
};

/* What read-like and write-like system calls in the window moved between user and kernel memory. */
enum ledger_call_bytes {
    LEDGER_READ_FILE = 0,   /* read from the source file through the page cache */
    LEDGER_READ_DIRECT = 1, /* read with O_DIRECT: no copy */
    LEDGER_READ_PIPE = 2,
    LEDGER_WRITE_PIPE = 3,
    LEDGER_WRITE_SOCKET = 4, /* no copy of its own here: the page identity tells */
    LEDGER_FILE_OTHER = 5,   /* read from or written to any other file */
    LEDGER_NUM_CALL_BYTES = 6,
};

/* Functions that copy payload, hooked where fentry attaches. */
enum ledger_copier {
    LEDGER_FILEMAP_READ = 0,
    LEDGER_TCP_SENDMSG = 1,
    LEDGER_SKB_COPY_BITS = 2, /* and skb_copy_and_csum_bits, its sister */
    LEDGER_NUM_COPIERS = 3,
};

/* Flows of one transfer, one a hardware queue; a power of two. */
#define LEDGER_MAX_FLOWS 64

/* System call numbers above this are counted as this one. */
#define LEDGER_NUM_SYSCALLS 512

struct ledger_config {
    ledger_u64 token;        /* 0: deaf */
    ledger_u64 range_offset; /* in the file, of the stream's first byte */
    ledger_u32 tx_ifindex;   /* the sending device */
    ledger_u32 tx_netns;     /* inode number of its network namespace */
    ledger_u32 rx_ifindex;   /* the veth peer; 0: none here */
    ledger_u32 rx_netns;
    ledger_u32 peer_ipv4; /* network byte order */
    ledger_u32 peer_port; /* host byte order */
    ledger_u32 flow;      /* of the UDP wire (core/flow_header.hpp): the first */
    ledger_u32 num_flows; /* that follow each other, LEDGER_MAX_FLOWS at most; 0: the wire is TCP */
    ledger_u32 page_bytes;
};

struct ledger_task { /* of the task that made the mark, at the mark */
    ledger_u64 min_flt, maj_flt, nvcsw, nivcsw;
};

struct ledger_counts {
    ledger_u64 calls[LEDGER_NUM_PHASES][LEDGER_NUM_SYSCALLS];
    ledger_u64 call_bytes[LEDGER_NUM_CALL_BYTES];
    ledger_u64 payload[LEDGER_NUM_STAGES][LEDGER_NUM_PLACES];
    ledger_u64 copier_bytes[LEDGER_NUM_COPIERS];
    ledger_u64 repeated_bytes[LEDGER_NUM_STAGES]; /* payload seen there before: retransmissions */
    ledger_u64 header_bytes[LEDGER_NUM_STAGES];
    ledger_u64 umem_descriptors; /* that a driver took from the TX ring in zero-copy mode */
    ledger_u64 disk_bytes; /* reads of the file's device by the worker, or into the file's pages */
    ledger_u64 cache_insertions; /* folios of the file that the worker brought into the page cache */
    struct ledger_task at_begin, at_sent;
    ledger_u32 phase;
    ledger_u32 file_has_device; /* the file system sits on one block device */
};

#endif
