// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"

#include <string>
#include <string_view>

namespace pagewire::nic {

/// An XDP program that passes every packet on to the kernel, on a device as long as this lives.
///
/// For drivers that serve zero-copy AF_XDP sockets, sending ones as well, only while the device has
/// a program (igb: drivers/net/ethernet/intel/igb/igb_xsk.c, igb_xsk_wakeup). Attached by a
/// bpf_link: a process that ends, kill -9 included, takes it off.
class XdpPass {
  public:
    /// In the calling thread's network namespace. Where the device has a program already nothing is
    /// changed. The driver may start its link anew, which this waits for. Throws
    /// core::TransferError, SystemError.
    explicit XdpPass(const std::string& interface);
    /// Returns when the link is back, or after a while: what comes next finds it as it was.
    ~XdpPass();
    XdpPass(const XdpPass&) = delete;
    XdpPass& operator=(const XdpPass&) = delete;

    /// Whether this driver wants a program for zero-copy sockets.
    [[nodiscard]] static bool is_wanted_by(std::string_view driver) noexcept
    {
        return driver == "igb";
    }

  private:
    std::string interface_;
    core::UniqueFd program_;
    core::UniqueFd link_; // none: the device had a program
};

} // namespace pagewire::nic
