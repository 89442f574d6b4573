// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/features.hpp"
#include "nic/netlink.hpp"

#include <cstdint>
#include <string>

namespace pagewire::nic {

/// The "ethtool" generic netlink family, for the features of one interface: FEATURES_GET and
/// FEATURES_SET. Both throw core::UsageError where there is no such interface, core::SystemError
/// for the rest.
class FeatureChannel {
  public:
    FeatureChannel(const NetNamespace& netns, std::string interface);

    [[nodiscard]] FeatureTable read();

    /// Sets what is wanted. The kernel accepts a request and leaves out what the device cannot do:
    /// only another read() tells what came of it.
    void ask(const FeatureSettings& settings);

  private:
    [[nodiscard]] MessagePtr new_request(std::uint8_t command, std::uint32_t header_flags);
    std::vector<MessagePtr> exchange(const MessagePtr& request, std::string_view action);

    NetlinkSocket socket_;
    int family_;
    std::string interface_;
};

} // namespace pagewire::nic
