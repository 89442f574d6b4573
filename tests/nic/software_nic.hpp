// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/unique_fd.hpp"
#include "nic/checks/lab.hpp"
#include "nic/checks/vnet_header.hpp"
#include "nic/device_guard.hpp"
#include "nic/net_namespace.hpp"
#include "tests/nic/wire_frames.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace pagewire::nic {

/// A frame that the receiving device hands to its driver.
struct WireFrame {
    VnetHeader header; ///< what the device says of it: nothing, or that it merged several
    Octets octets;
};

/// What the device was given.
struct Handed {
    VnetHeader asked;
    std::span<const std::byte> frame;
    HeaderPlaces at;             ///< of TCP and UDP frames
    bool is_transport = false;   ///< it is one of them
    std::uint32_t mtu_found = 0; ///< the sender's as the NIC was made

    [[nodiscard]] bool is_large() const { return asked.gso_type != kVnetGsoNone; }

    [[nodiscard]] bool is_pending() const { return (asked.flags & kVnetNeedsChecksum) != 0; }

    [[nodiscard]] std::size_t payload_bytes() const { return frame.size() - at.payload; }
};

/// Changes what an honest device would have put on the wire; true where it did. Called by the NIC's
/// thread for each frame that the near end sends.
using Lie = std::function<bool(const Handed& handed, std::vector<WireFrame>& wire)>;

/// Two TAP devices (tun(4)), each in a network namespace of its own, and a thread that is their
/// hardware and the cable:
///
///     near: IP -> driver -> [VnetHeader, frame] -> wire_frames() -> lie -> far's driver -> IP
///
/// and back without a lie. A real cut, real checksums, in pieces that fit the MTU: what veth, which
/// hands everything over as it is, never shows. The kernel counts TAP devices among the virtual
/// ones all the same.
class SoftwareNic final : public CheckLab {
  public:
    /// Throws SystemError.
    SoftwareNic();
    SoftwareNic(const SoftwareNic&) = delete;
    SoftwareNic& operator=(const SoftwareNic&) = delete;
    ~SoftwareNic() override;

    [[nodiscard]] RigEnd near() override;
    [[nodiscard]] RigEnd far() override;

    /// From here on; an empty one: honest again.
    void set_lie(Lie lie);

    /// Frames that were not as they should have been, since set_lie().
    [[nodiscard]] std::uint64_t num_lies() const noexcept { return num_lies_.load(); }

    /// Large sends that were cut, of both ends, since the beginning.
    [[nodiscard]] std::uint64_t num_cuts() const noexcept { return num_cuts_.load(); }

  private:
    struct Port {
        NetNamespace netns = NetNamespace::create_anonymous();
        core::UniqueFd fd;
        std::unique_ptr<DeviceGuard> guard;
    };

    void work() noexcept;
    void carry(const Port& from, const Port& to);
    void tell_lie(const VnetHeader& asked, std::span<const std::byte> frame,
                  std::vector<WireFrame>& wire);

    Port near_;
    Port far_;
    core::UniqueFd stop_;
    std::uint32_t mtu_found_ = 0;
    std::mutex mutex_;
    Lie lie_; ///< under mutex_
    std::atomic<std::uint64_t> num_lies_{0};
    std::atomic<std::uint64_t> num_cuts_{0};
    Octets buffer_; ///< the thread's
    std::thread thread_;
};

} // namespace pagewire::nic
