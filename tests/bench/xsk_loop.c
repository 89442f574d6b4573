// SPDX-License-Identifier: BSD-3-Clause
// The barest AF_XDP sender there is: packets of a header and page slices, as pagewire's af_xdp
// makes them, laid down once, their descriptors only submitted again and again. Nothing is read
// from a disk, no header is written, no frame is kept account of. What pagewire's engine does over
// this is the price of all that.
//
//     xsk_loop LAYOUT IF DST_MAC SRC_IPV4 DST_IPV4 PORT PAYLOAD_BYTES NUM_PACKETS UMEM_BYTES
//
// LAYOUT "segments": a descriptor for the header and one for each page slice; "headroom": one for
// all of a packet, its header in front of its payload.
// Copy mode, queue 0. Prints {"packets", "bytes", "elapsed_s", "cpu_s"} of the window from just
// before the first submission until the last completion; bytes with their Ethernet headers.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// include/uapi/linux/if_xdp.h of Linux 6.18
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

enum {
    kChunkBytes = 4096,
    kEthernetBytes = 14,
    kIpv4Bytes = 20,
    kUdpBytes = 8,
    kFlowHeaderBytes = 24, // core/flow_header.hpp: zero here
    kHeaderBytes = kEthernetBytes + kIpv4Bytes + kUdpBytes + kFlowHeaderBytes,
    kHeaderStride = 128,
    kHugePageBytes = 2 * 1024 * 1024,
    kRingEntries = 2048, // of pagewire's plan
    kBatchPackets = 256, // dataplane/pipeline.hpp
};

struct ring {
    uint32_t* producer;
    uint32_t* consumer;
    uint32_t* flags;
    void* entries;
};

static void fail(const char* call)
{
    fprintf(stderr, "xsk_loop: %s: %s\n", call, strerror(errno));
    exit(1);
}

static void set_option(int fd, int option, const void* value, socklen_t length, const char* name)
{
    if (setsockopt(fd, SOL_XDP, option, value, length) != 0)
        fail(name);
}

static struct ring map_ring(int fd, const struct xdp_ring_offset* offsets, size_t entry_bytes,
                            off_t page_offset)
{
    char* base = mmap(NULL, offsets->desc + kRingEntries * entry_bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, fd, page_offset);
    if (base == MAP_FAILED)
        fail("mmap of a ring");
    return (struct ring){.producer = (uint32_t*)(base + offsets->producer),
                         .consumer = (uint32_t*)(base + offsets->consumer),
                         .flags = (uint32_t*)(base + offsets->flags),
                         .entries = base + offsets->desc};
}

static void put16(unsigned char* at, unsigned value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

// Ethernet II, IPv4 with DF (RFC 791), UDP without a checksum (RFC 768).
static void write_header(unsigned char* header, const unsigned char* to, const unsigned char* from,
                         const struct in_addr addresses[2], unsigned port, unsigned payload_bytes)
{
    memset(header, 0, kHeaderBytes);
    memcpy(header, to, 6);
    memcpy(header + 6, from, 6);
    put16(header + 12, 0x0800);
    unsigned char* ip = header + kEthernetBytes;
    const unsigned udp_bytes = kUdpBytes + kFlowHeaderBytes + payload_bytes;
    ip[0] = 0x45;
    put16(ip + 2, kIpv4Bytes + udp_bytes);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = 17;
    memcpy(ip + 12, addresses, 8);
    uint32_t sum = 0; // RFC 1071
    for (int i = 0; i < kIpv4Bytes; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, ~sum & 0xffff);
    unsigned char* udp = ip + kIpv4Bytes;
    put16(udp, port);
    put16(udp + 2, port);
    put16(udp + 4, udp_bytes);
}

static void own_mac(const char* interface, unsigned char* mac)
{
    struct ifreq request = {0};
    strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0)
        fail(interface);
    memcpy(mac, request.ifr_hwaddr.sa_data, 6);
    close(fd);
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

int main(int argc, char** argv)
{
    struct in_addr addresses[2];
    unsigned char to[6];
    if (argc != 10 || (strcmp(argv[1], "segments") != 0 && strcmp(argv[1], "headroom") != 0) ||
        inet_pton(AF_INET, argv[4], &addresses[0]) != 1 ||
        inet_pton(AF_INET, argv[5], &addresses[1]) != 1 ||
        sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3], &to[4],
               &to[5]) != 6) {
        fprintf(stderr,
                "usage: xsk_loop segments|headroom IF DST_MAC SRC_IPV4 DST_IPV4 PORT PAYLOAD_BYTES "
                "NUM_PACKETS UMEM_BYTES\n");
        return 2;
    }
    const bool headroom = strcmp(argv[1], "headroom") == 0;
    const char* interface = argv[2];
    const unsigned port = (unsigned)atoi(argv[6]);
    const unsigned payload_bytes = (unsigned)atoi(argv[7]);
    if (payload_bytes == 0) {
        errno = EINVAL;
        fail("PAYLOAD_BYTES");
    }
    const uint64_t num_packets = strtoull(argv[8], NULL, 10);
    const size_t umem_bytes = strtoull(argv[9], NULL, 10) / kChunkBytes * kChunkBytes;

    // 1. Packets over all of the UMEM, lying as pagewire's do: headers side by side, then payloads,
    // several to a chunk or each in whole chunks.
    unsigned char* umem = mmap(NULL, umem_bytes + kHugePageBytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (umem == MAP_FAILED)
        fail("mmap of the UMEM");
    umem += (kHugePageBytes - (uintptr_t)umem % kHugePageBytes) % kHugePageBytes;
    madvise(umem, umem_bytes, MADV_HUGEPAGE);
    memset(umem, 0xa5, umem_bytes);
    unsigned char from[6];
    own_mac(interface, from);
    const unsigned num_slices = (payload_bytes + kChunkBytes - 1) / kChunkBytes;
    const unsigned descriptors_each = headroom ? 1 : 1 + num_slices;
    if (headroom && kHeaderStride + payload_bytes > kChunkBytes) {
        errno = EMSGSIZE;
        fail("headroom: a packet is one descriptor, and that lies in one chunk");
    }
    const size_t packets_each_chunk = num_slices == 1 ? kChunkBytes / payload_bytes : 1;
    const size_t group_bytes =
        packets_each_chunk * kHeaderStride + (size_t)num_slices * kChunkBytes;
    const size_t num_ready = headroom
                                 ? umem_bytes / kChunkBytes
                                 : (umem_bytes - kChunkBytes) / group_bytes * packets_each_chunk;
    const uint64_t payloads =
        (num_ready * kHeaderStride + kChunkBytes - 1) / kChunkBytes * kChunkBytes;
    struct xdp_desc* ready = calloc(num_ready * descriptors_each, sizeof(*ready));
    if (ready == NULL || num_ready == 0) {
        errno = ENOMEM;
        fail("packets");
    }
    for (size_t i = 0; i < num_ready; ++i) {
        struct xdp_desc* packet = ready + i * descriptors_each;
        if (headroom) { // a chunk each
            packet[0].addr = i * kChunkBytes + kHeaderStride - kHeaderBytes;
            packet[0].len = kHeaderBytes + payload_bytes;
        } else {
            packet[0] = (struct xdp_desc){
                .addr = i * kHeaderStride, .len = kHeaderBytes, .options = XDP_PKT_CONTD};
        }
        write_header(umem + packet[0].addr, to, from, addresses, port, payload_bytes);
        const uint64_t chunk = payloads + i / packets_each_chunk * num_slices * kChunkBytes;
        const uint64_t payload = chunk + i % packets_each_chunk * payload_bytes;
        for (unsigned slice = 0; slice + 1 < descriptors_each; ++slice) {
            const unsigned left = payload_bytes - slice * kChunkBytes;
            packet[1 + slice] =
                (struct xdp_desc){.addr = payload + slice * kChunkBytes,
                                  .len = left < kChunkBytes ? left : kChunkBytes,
                                  .options = slice + 1 < num_slices ? XDP_PKT_CONTD : 0};
        }
    }

    // 2. The socket, in the kernel's order (Documentation/networking/af_xdp.rst).
    const int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket AF_XDP");
    const struct xdp_umem_reg umem_reg = {
        .addr = (uint64_t)(uintptr_t)umem, .len = umem_bytes, .chunk_size = kChunkBytes};
    set_option(fd, XDP_UMEM_REG, &umem_reg, sizeof(umem_reg), "XDP_UMEM_REG");
    const int entries = kRingEntries;
    set_option(fd, XDP_UMEM_FILL_RING, &entries, sizeof(entries), "XDP_UMEM_FILL_RING");
    set_option(fd, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries), "XDP_UMEM_COMPLETION_RING");
    set_option(fd, XDP_TX_RING, &entries, sizeof(entries), "XDP_TX_RING");
    struct xdp_mmap_offsets offsets;
    socklen_t length = sizeof(offsets);
    if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) != 0)
        fail("XDP_MMAP_OFFSETS");
    const struct ring tx = map_ring(fd, &offsets.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
    const struct ring completion =
        map_ring(fd, &offsets.cr, sizeof(uint64_t), (off_t)XDP_UMEM_PGOFF_COMPLETION_RING);
    const struct sockaddr_xdp own = {.sxdp_family = AF_XDP,
                                     .sxdp_ifindex = if_nametoindex(interface),
                                     .sxdp_flags = XDP_COPY | XDP_USE_SG | XDP_USE_NEED_WAKEUP};
    while (bind(fd, (const struct sockaddr*)&own, sizeof(own)) != 0) {
        if (errno != EBUSY) // the queue's last owner goes in a work item
            fail("bind");
        usleep(1000);
    }
    setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &entries, sizeof(entries)); // Linux 6.17

    // 3. Submit, kick, count completions.
    uint64_t num_submitted = 0;
    uint64_t num_completed = 0; // descriptors
    size_t next = 0;
    struct xdp_desc* ring = tx.entries;
    const double cpu_at_start = cpu_s();
    const double wall_at_start = wall_s();
    while (num_completed < num_packets * descriptors_each) {
        const uint32_t completed = __atomic_load_n(completion.producer, __ATOMIC_ACQUIRE);
        const uint32_t seen = *completion.consumer;
        num_completed += completed - seen;
        __atomic_store_n(completion.consumer, completed, __ATOMIC_RELEASE);

        uint32_t producer = *tx.producer;
        bool submitted = false;
        for (int i = 0; i < kBatchPackets && num_submitted < num_packets; ++i) {
            const uint64_t outstanding = num_submitted * descriptors_each - num_completed;
            if (outstanding + descriptors_each > kRingEntries)
                break;
            for (unsigned part = 0; part < descriptors_each; ++part)
                ring[producer++ & (kRingEntries - 1)] = ready[next++];
            if (next == num_ready * descriptors_each)
                next = 0;
            ++num_submitted;
            submitted = true;
        }
        __atomic_store_n(tx.producer, producer, __ATOMIC_RELEASE);
        if ((*(volatile uint32_t*)tx.flags & XDP_RING_NEED_WAKEUP) != 0 &&
            sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY &&
            errno != ENOBUFS && errno != EINTR)
            fail("sendto");
        if (!submitted && completed == seen) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, 1);
        }
    }
    const double wall = wall_s() - wall_at_start;
    const double cpu = cpu_s() - cpu_at_start;

    printf("{\"packets\": %llu, \"bytes\": %llu, \"elapsed_s\": %.9f, \"cpu_s\": %.6f}\n",
           (unsigned long long)num_packets,
           (unsigned long long)(num_packets * (kHeaderBytes + payload_bytes)), wall, cpu);
    return 0;
}
