// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <linux/if_xdp.h>

#include <cstdint>

/// AF_XDP names of kernels newer than Debian 12's headers (6.1): include/uapi/linux/if_xdp.h of
/// Linux 6.18. Macros, because a newer header defines them as such.

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4) // Linux 6.6
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0) // Linux 6.6
#endif
#ifndef XDP_TX_METADATA
#define XDP_TX_METADATA (1 << 1) // Linux 6.8
#endif
#ifndef XDP_UMEM_TX_METADATA_LEN
#define XDP_UMEM_TX_METADATA_LEN (1 << 2) // Linux 6.11; before, the length alone told
#endif
#ifndef XDP_TXMD_FLAGS_TIMESTAMP
#define XDP_TXMD_FLAGS_TIMESTAMP (1 << 0) // Linux 6.8
#endif
#ifndef XDP_TXMD_FLAGS_CHECKSUM
#define XDP_TXMD_FLAGS_CHECKSUM (1 << 1) // Linux 6.8
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 // Linux 6.17
#endif

namespace pagewire::nic {

/// struct xdp_umem_reg as of Linux 6.8: a kernel before knows the part up to `flags` and refuses
/// what it does not know, unless it is 0.
struct UmemRegistration {
    std::uint64_t addr = 0;
    std::uint64_t len = 0;
    std::uint32_t chunk_size = 0;
    std::uint32_t headroom = 0;
    std::uint32_t flags = 0;
    std::uint32_t tx_metadata_len = 0;
};

static_assert(sizeof(UmemRegistration) == 32, "shared with the kernel: struct xdp_umem_reg");

/// struct xsk_tx_metadata (Documentation/networking/xsk-tx-metadata.rst): it lies before the
/// packet's first octet.
struct TxMetadata {
    std::uint64_t flags = 0;
    std::uint16_t csum_start = 0;  ///< from the packet's first octet
    std::uint16_t csum_offset = 0; ///< from there
    std::uint32_t pad = 0;
    std::uint64_t pad_launch_time = 0;
};

static_assert(sizeof(TxMetadata) == 24, "shared with the kernel: struct xsk_tx_metadata");

} // namespace pagewire::nic
