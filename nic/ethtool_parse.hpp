// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/features.hpp"

#include <cstddef>
#include <span>

namespace pagewire::nic {

/// The features in one ETHTOOL_MSG_FEATURES_GET_REPLY with verbose bitsets
/// (Documentation/networking/ethtool-netlink.rst, "Bit sets" and "FEATURES_GET").
///
/// `payload` holds the attributes behind the generic netlink header and begins at an address that
/// is a multiple of 4, as every netlink message does. Reads nothing outside of it, whatever it
/// holds. Throws core::SystemError (EBADMSG) when a bitset is absent, cut off, compact, or names a
/// bit that the hw bitset does not.
[[nodiscard]] FeatureTable parse_features_reply(std::span<const std::byte> payload);

} // namespace pagewire::nic
