// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/dpdk/detached_folder.hpp"
#include "dataplane/split_ring.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace pagewire::dataplane::dpdk {

/// A vhost-user device that waits for one driver (virtio-user in the sender) and lends its TX
/// ring. librte_vhost speaks the protocol on a thread of its own and maps the driver's memory; ring
/// and memory are there from its new_device() to its destroy_device().
///
///     vhost's thread     new_device: attach -----------------------> destroy_device: waits,
///     detaches our thread              with_ring(batch)  with_ring(batch)  |  with_ring(): false
class VhostDevice {
  public:
    /// Starts EAL and listens. One at a time in a process. Throws core::TransferError, SystemError.
    VhostDevice();
    ~VhostDevice();
    VhostDevice(const VhostDevice&) = delete;
    VhostDevice& operator=(const VhostDevice&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Calls `use` with the ring, which stays as long; false where no driver is there.
    template<typename Use>
    bool with_ring(Use&& use)
    {
        const std::lock_guard lock(mutex_);
        if (!ring_)
            return false;
        use(*ring_);
        return true;
    }

    /// Octets of virtio's own header in front of each packet.
    [[nodiscard]] static constexpr std::uint32_t header_bytes() noexcept { return 12; }

    /// Called by vhost's thread.
    bool attach(int vid);
    void detach();

  private:
    DetachedFolder folder_;
    std::string path_;
    std::mutex mutex_;
    std::optional<SplitRing> ring_;
};

} // namespace pagewire::dataplane::dpdk
