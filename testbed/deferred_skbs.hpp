// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/net_namespace.hpp"

namespace pagewire::testbed {

/// Makes every CPU of this process free the packets that it still holds for nobody.
///
/// A packet that is freed on another CPU than its own is put on its CPU's list (net/core/skbuff.c,
/// skb_attempt_defer_free) and stays there until that CPU next runs the network's receive softirq:
/// after a quiet end, for good. With sendfile such packets hold page-cache pages, which can then
/// not be dropped: no cold cache. One datagram over loopback on each CPU runs that softirq. `netns`
/// has its loopback up. Throws SystemError.
void flush_deferred_skbs(const nic::NetNamespace& netns);

} // namespace pagewire::testbed
