// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <istream>
#include <optional>

namespace pagewire::testbed {

/// Datagrams that the kernel of this network namespace has refused for their checksum: Udp
/// InCsumErrors of /proc/net/snmp, since the namespace was made. Nothing where it does not tell.
[[nodiscard]] std::optional<std::uint64_t> udp_in_csum_errors();

/// The same from the file's text.
[[nodiscard]] std::optional<std::uint64_t> udp_in_csum_errors(std::istream& snmp);

} // namespace pagewire::testbed
