// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <linux/if_xdp.h>

/// AF_XDP names of kernels newer than Debian 12's headers (6.1): include/uapi/linux/if_xdp.h of
/// Linux 6.18. Macros, because a newer header defines them as such.

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4) // Linux 6.6
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0) // Linux 6.6
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 // Linux 6.17
#endif
