// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/vhost_device.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "dataplane/dpdk/eal.hpp"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_vhost.h>

#include <linux/virtio_config.h>

#include <atomic>
#include <bit>
#include <cstdlib>
#include <memory>
#include <vector>

namespace pagewire::dataplane::dpdk {

namespace {

/// VIRTIO_NET_F_CSUM, VIRTIO_NET_F_MQ (§5.1.3): linux/virtio_net.h is no C++.
constexpr unsigned kVirtioNetCsum = 0;
constexpr unsigned kVirtioNetMq = 22;

/// virtio 1.1 §5.1.2: receiveqN is 2(N-1), transmitqN the one after it.
constexpr bool is_transmit_queue(std::uint16_t queue)
{
    return queue % 2 == 1;
}

/// For librte_vhost's own tables; packets lie in the driver's memory.
constexpr std::uint64_t kEalBytes = 32 * core::kMiB;
/// The split ring of virtio 1.1, several of them, UDP checksums, and nothing else: no indirect
/// tables, no merged buffers, no packed ring. virtio_net_hdr has 12 octets with VERSION_1
/// (§5.1.6.1).
constexpr std::uint64_t kFeatures = (1ULL << VIRTIO_F_VERSION_1) |
                                    (1ULL << VHOST_USER_F_PROTOCOL_FEATURES) |
                                    (1ULL << kVirtioNetCsum) | (1ULL << kVirtioNetMq);

/// What vhost's callbacks, which know a number alone, are about.
std::atomic<VhostDevice*> current{nullptr};

const rte_vhost_device_ops kOperations = [] {
    rte_vhost_device_ops operations{};
    operations.new_device = [](int vid) { return current.load()->attach(vid) ? 0 : -1; };
    operations.destroy_device = [](int vid) { current.load()->detach(vid); };
    operations.vring_state_changed = [](int vid, std::uint16_t queue, int enabled) {
        current.load()->note_ring_state(vid, queue, enabled != 0);
        return 0;
    };
    return operations;
}();

} // namespace

VhostDevice::VhostDevice() : path_(folder_.path() + "/vhost.sock")
{
    Eal::start({.memory_bytes = kEalBytes,
                .may_use_hugepages = false,
                .pci = {},
                .drivers = {"mempool_ring"}});
    VhostDevice* nobody = nullptr;
    if (!current.compare_exchange_strong(nobody, this))
        throw core::TransferError("a software NIC is open in this process");
    Eal::clear_log();
    const auto check = [this](int error) {
        if (error == 0)
            return;
        const std::string why = Eal::error("software NIC", error);
        (void)rte_vhost_driver_unregister(path_.c_str());
        current.store(nullptr);
        throw core::TransferError(why);
    };
    check(rte_vhost_driver_register(path_.c_str(), 0));
    check(rte_vhost_driver_set_features(path_.c_str(), kFeatures));
    check(rte_vhost_driver_callback_register(path_.c_str(), &kOperations));
    check(rte_vhost_driver_start(path_.c_str()));
}

VhostDevice::~VhostDevice()
{
    (void)rte_vhost_driver_unregister(path_.c_str()); // ends the connection: detach()
    current.store(nullptr);
}

bool VhostDevice::attach(int vid)
{
    const std::lock_guard lock(mutex_);
    vid_ = vid;
    rings_.clear();
    const std::uint16_t num_queues = rte_vhost_get_vring_num(vid);
    for (std::uint16_t queue = 0; queue < num_queues; ++queue)
        attach_ring(queue);
    if (rings_.empty())
        vid_.reset(); // vhost does not take it as attached either, and will not tell of its end
    return !rings_.empty();
}

void VhostDevice::note_ring_state(int vid, std::uint16_t queue, bool enabled)
{
    const std::lock_guard lock(mutex_);
    rings_.erase(queue);
    if (enabled && vid_ == vid)
        attach_ring(queue);
}

void VhostDevice::attach_ring(std::uint16_t queue) noexcept
{
    try {
        try_attach_ring(queue);
    } catch (const std::exception& error) {
        failure_ = error.what();
    }
}

void VhostDevice::throw_failure() const
{
    throw core::TransferError(fmt::format("software NIC: {}", failure_));
}

void VhostDevice::note_broken(std::uint16_t queue)
{
    failure_ = fmt::format("more became available in the driver's ring {} than it holds", queue);
}

void VhostDevice::try_attach_ring(std::uint16_t queue)
{
    rte_vhost_vring vring{};
    rte_vhost_memory* table = nullptr;
    if (!is_transmit_queue(queue) || rte_vhost_get_vhost_vring(*vid_, queue, &vring) != 0 ||
        vring.desc == nullptr || vring.avail == nullptr || vring.used == nullptr ||
        !std::has_single_bit(vring.size) || rte_vhost_get_mem_table(*vid_, &table) != 0)
        return;
    const std::unique_ptr<rte_vhost_memory, decltype(&std::free)> owner(table, &std::free);
    std::vector<core::Mapping> memory;
    std::vector<GuestMemory::Region> regions;
    for (std::uint32_t i = 0; i < table->nregions; ++i) {
        const rte_vhost_mem_region& region = table->regions[i];
        const auto skipped =
            region.host_user_addr - reinterpret_cast<std::uintptr_t>(region.mmap_addr);
        memory.push_back(
            core::Mapping::shared_memory(region.fd, region.mmap_size, "memory of the driver's"));
        regions.push_back({.guest_addr = region.guest_phys_addr,
                           .bytes = memory.back().bytes().subspan(skipped, region.size)});
    }
    // All that was taken from a ring is given back within the same batch: a ring that comes again
    // goes on where its used index stands.
    SplitRing ring(
        SplitRing::Areas{
            .desc = vring.desc, .avail = vring.avail, .used = vring.used, .size = vring.size},
        GuestMemory(std::move(regions)), vring.used->idx);
    ring.decline_kicks();
    rings_.insert_or_assign(queue, LentRing{.memory = std::move(memory), .ring = std::move(ring)});
}

void VhostDevice::detach(int vid)
{
    const std::lock_guard lock(mutex_);
    if (vid_ != vid)
        return;
    vid_.reset();
    rings_.clear();
}

} // namespace pagewire::dataplane::dpdk
