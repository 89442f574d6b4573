// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/support.hpp"
#include "nic/net_namespace.hpp"

#include <cstdint>
#include <string>

namespace pagewire::nic {

/// Where the payload lay of the skbs that a device was given, by page identity.
struct SkbPlaces {
    std::uint64_t in_file_pages = 0;  ///< the page cache's pages of the file: scattered, not copied
    std::uint64_t in_linear_area = 0; ///< behind the headers, in one piece
    std::uint64_t in_private_pages = 0; ///< fragments, but of pages that somebody copied to

    [[nodiscard]] std::uint64_t total() const noexcept
    {
        return in_file_pages + in_linear_area + in_private_pages;
    }
};

/// Looks at the skbs of one connection as its device is given them. Implemented by the testbed's
/// ledger; a check that needs it skips where there is none.
class SkbWatch {
  public:
    SkbWatch() = default;
    SkbWatch(const SkbWatch&) = delete;
    SkbWatch& operator=(const SkbWatch&) = delete;
    virtual ~SkbWatch() = default;

    [[nodiscard]] virtual core::Support support() const = 0;

    /// From here on: the TCP connection to `peer_ipv4` (network byte order) and `peer_port` (host
    /// byte order) that leaves by the interface, with payload of the file at `source_fd`. Called by
    /// the thread that sends. Throws TransferError.
    virtual void start(int source_fd, const NetNamespace& netns, const std::string& interface,
                       std::uint32_t peer_ipv4, std::uint16_t peer_port) = 0;

    /// By the same thread. Throws TransferError where an skb could not be looked at.
    [[nodiscard]] virtual SkbPlaces stop() = 0;
};

} // namespace pagewire::nic
