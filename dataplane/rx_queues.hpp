// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>

namespace pagewire::dataplane {

/// RX queues that a device of this network namespace has in use: its channels (ETHTOOL_GCHANNELS),
/// else its RX rings (ETHTOOL_GRXRINGS), else 1: a driver that has no word on either has one queue.
/// Throws SystemError where there is no such device.
[[nodiscard]] std::uint32_t num_rx_queues(const std::string& interface);

} // namespace pagewire::dataplane
