// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/mapping.hpp"
#include "dataplane/dpdk/detached_folder.hpp"
#include "dataplane/split_ring.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace pagewire::dataplane::dpdk {

/// A vhost-user device that waits for one driver (virtio-user in the sender) and lends its TX
/// rings. librte_vhost speaks the protocol on a thread of its own and maps the driver's memory. A
/// ring is there while the driver has it enabled: before the driver changes its memory it disables
/// its rings (vhost-user, "Ring states").
///
///     vhost's thread     enabled: attach --------------------------> disabled, or gone: waits,
///     detaches our thread              with_rings(batch)  with_rings(batch)  |  (none)
class VhostDevice {
  public:
    /// Starts EAL and listens. One at a time in a process. Throws core::TransferError, SystemError.
    VhostDevice();
    ~VhostDevice();
    VhostDevice(const VhostDevice&) = delete;
    VhostDevice& operator=(const VhostDevice&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Calls `use` with each ring that there is; it stays as long. Throws core::TransferError where
    /// a ring could not be had, or holds nonsense.
    template<typename Use>
    void with_rings(Use&& use)
    {
        const std::lock_guard lock(mutex_);
        if (!failure_.empty())
            throw_failure();
        for (auto& [queue, lent] : rings_) {
            use(lent.ring);
            if (lent.ring.is_broken())
                note_broken(queue);
        }
    }

    /// Octets of virtio's own header in front of each packet.
    [[nodiscard]] static constexpr std::uint32_t header_bytes() noexcept { return 12; }

    /// Called by vhost's thread.
    bool attach(int vid);
    void detach(int vid);
    void note_ring_state(int vid, std::uint16_t queue, bool enabled);

  private:
    /// The ring stands where vhost has mapped it, the packets where this has: on hugepages, if the
    /// driver's memory lies on some.
    struct LentRing {
        std::vector<core::Mapping> memory;
        SplitRing ring;
    };

    void attach_ring(std::uint16_t queue) noexcept;
    void try_attach_ring(std::uint16_t queue);
    [[noreturn]] void throw_failure() const;
    void note_broken(std::uint16_t queue);

    DetachedFolder folder_;
    std::string path_;
    std::mutex mutex_;
    std::string failure_;    // of vhost's thread, which knows no exceptions
    std::optional<int> vid_; // the driver's connection, once it is set up
    std::map<std::uint16_t, LentRing> rings_;
};

} // namespace pagewire::dataplane::dpdk
