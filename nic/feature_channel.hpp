// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/ethtool_channel.hpp"
#include "nic/features.hpp"

#include <string>

namespace pagewire::nic {

/// The features of one interface: FEATURES_GET and FEATURES_SET. Both throw core::UsageError where
/// there is no such interface, core::SystemError for the rest.
class FeatureChannel {
  public:
    FeatureChannel(const NetNamespace& netns, std::string interface);

    [[nodiscard]] FeatureTable read();

    /// Sets what is wanted. The kernel accepts a request and leaves out what the device cannot do:
    /// only another read() tells what came of it.
    void ask(const FeatureSettings& settings);

  private:
    EthtoolChannel channel_;
};

} // namespace pagewire::nic
