// SPDX-License-Identifier: BSD-3-Clause
// The software NIC: plays the device of the sender's virtio-user port. It takes descriptor chains
// from the driver's ring and reads what they point to, which is its DMA: emulated. It notes how
// many descriptors a packet has and whether the payload's addresses are those where the sender's
// disk reads landed. Probes and the finish come by a UDP socket, and credit goes by it.
#include "core/error.hpp"
#include "core/flow_group.hpp"
#include "core/mapping.hpp"
#include "core/receiver.hpp"
#include "dataplane/control_socket.hpp"
#include "dataplane/dpdk/vhost_device.hpp"
#include "dataplane/vhost_packet.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace pagewire::dataplane {

namespace {

/// Chains between two looks at the rest.
constexpr unsigned kBatchChains = 64;
constexpr unsigned kRoundsBetweenLooks = 64;
/// The driver does not wake this process: it looks again by itself.
constexpr std::chrono::milliseconds kLongestWait{1};
/// After so long without a packet none is expected soon.
constexpr std::chrono::milliseconds kStill{2};
/// A ring loses nothing: credit is there for the sender's look at it, which is to be rare.
constexpr std::uint64_t kCreditWindow = 65536;
constexpr std::size_t kLongestPacket = 65536 + 64;

class VhostReception final : public core::Reception {
  public:
    explicit VhostReception(const core::ReceiveOrder& order)
        : socket_(order),
          first_flow_(order.flow),
          flow_(order, socket_.fd(), kCreditWindow),
          disk_memory_(order.num_flows),
          buffer_(core::Mapping::anonymous(kLongestPacket))
    {}

    [[nodiscard]] std::uint16_t port() const override { return socket_.port(); }

    [[nodiscard]] std::string path() const override { return device_.path(); }

    core::ReceiveReport run(core::BlockVerifier* verifier, core::ReceiveStop& stop) override
    {
        unsigned round = 0;
        while (!stop.stop_now()) {
            bool any = drain_ring(verifier);
            if (!any || ++round % kRoundsBetweenLooks == 0)
                any = drain_socket() || any;
            flow_.end_batch(any);
            if (!any)
                wait();
            else
                last_found_ = Clock::now();
        }
        return report();
    }

  private:
    using Clock = std::chrono::steady_clock;

    /// A NIC does not sleep while it is fed; who shares its CPU may have it meanwhile.
    void wait()
    {
        if (Clock::now() - last_found_ < kStill) {
            ::sched_yield();
            return;
        }
        pollfd readable{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
        (void)::poll(&readable, 1, static_cast<int>(kLongestWait.count()));
    }

    bool drain_ring(core::BlockVerifier* verifier)
    {
        bool any = false;
        device_.with_rings([&](SplitRing& ring) {
            unsigned count = 0;
            for (; count < kBatchChains; ++count) {
                const auto chain = ring.next();
                if (!chain)
                    break;
                take(*chain, verifier);
                ring.finish(*chain);
            }
            if (count > 0)
                ring.publish();
            any = any || count > 0;
        });
        return any;
    }

    void take(const DescriptorChain& chain, core::BlockVerifier* verifier)
    {
        if (!chain.well_formed) {
            ++num_malformed_;
            return;
        }
        const VhostPacket packet(chain, dpdk::VhostDevice::header_bytes());
        bytes_fetched_ += packet.bytes();
        if (!packet.header() || packet.header()->kind != core::FlowHeader::Kind::kData) {
            ++num_refused_;
            return;
        }
        if (!packet.checksum_is_right()) {
            ++num_bad_checksums_;
            return;
        }
        num_checksums_made_ += packet.leaves_checksum() ? 1 : 0;
        if (flow_.take(packet.header(), nullptr) != core::FlowReception::Taken::kData)
            return;
        note_descriptors(packet);
        if (verifier != nullptr)
            packet.verify(*verifier);
        else
            packet.copy_payload(buffer_.bytes());
    }

    void note_descriptors(const VhostPacket& packet)
    {
        const std::uint64_t count = packet.num_segments();
        descriptors_min_ = std::min(descriptors_min_, count);
        descriptors_max_ = std::max(descriptors_max_, count);
        num_descriptors_ += count;
        const auto& memory = disk_memory_[packet.header()->flow - first_flow_]; // a flow of ours
        if (!memory)
            return;
        const std::uint64_t inside = packet.payload_bytes_in(*memory);
        payload_bytes_inside_ += inside;
        payload_bytes_outside_ += packet.header()->length - inside;
    }

    /// Where the sender's disk reads land, probes, and the finish.
    bool drain_socket()
    {
        return socket_.drain([&](const auto& header, auto, const sockaddr_in& sender) {
            if (header && header->kind == core::FlowHeader::Kind::kMemory)
                note_memory(*header);
            else
                (void)flow_.take(header, &sender);
        });
    }

    void note_memory(const core::FlowHeader& header)
    {
        const std::uint32_t index = header.flow - first_flow_;
        if (index < disk_memory_.size())
            disk_memory_[index] = AddressRange{.begin = header.sequence, .bytes = header.offset};
    }

    core::ReceiveReport report()
    {
        core::ReceiveReport report = flow_.report();
        auto& counters = report.counters;
        counters["nic_bytes_fetched"] = bytes_fetched_;
        counters["nic_descriptors"] = num_descriptors_;
        counters["nic_descriptors_min"] = num_descriptors_ > 0 ? descriptors_min_ : 0;
        counters["nic_descriptors_max"] = descriptors_max_;
        counters["nic_chains_malformed"] = num_malformed_;
        counters["packets_refused"] = num_refused_;
        counters["packets_checksum_bad"] = num_bad_checksums_;
        counters["nic_checksums_made"] = num_checksums_made_;
        if (std::all_of(disk_memory_.begin(), disk_memory_.end(),
                        [](const auto& memory) { return memory.has_value(); })) {
            counters["nic_payload_in_disk_memory"] = payload_bytes_inside_;
            counters["nic_payload_elsewhere"] = payload_bytes_outside_;
        }
        report.facts = {{"sink_receiver", "vhost"},
                        {"sink_nic", "emulated: this process reads what the descriptors point to"}};
        return report;
    }

    ControlSocket socket_;
    std::uint32_t first_flow_;
    core::FlowGroup flow_;
    dpdk::VhostDevice device_;
    Clock::time_point last_found_{};
    std::vector<std::optional<AddressRange>> disk_memory_; // by flow; nothing: it was not told
    std::uint64_t bytes_fetched_ = 0;
    std::uint64_t num_descriptors_ = 0;
    std::uint64_t descriptors_min_ = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t descriptors_max_ = 0;
    std::uint64_t payload_bytes_inside_ = 0;
    std::uint64_t payload_bytes_outside_ = 0;
    std::uint64_t num_malformed_ = 0;
    std::uint64_t num_refused_ = 0;
    std::uint64_t num_bad_checksums_ = 0;
    std::uint64_t num_checksums_made_ = 0;
    core::Mapping buffer_;
};

} // namespace

extern const core::Receiver receiver_vhost;
constinit const core::Receiver receiver_vhost{
    .name = "vhost",
    .summary = "A software NIC behind DPDK's virtio-user: its DMA is emulated",
    .wire = core::Wire::kUdp,
    .probe = dpdk::DetachedFolder::probe,
    .open = [](const core::ReceiveOrder& order) -> std::unique_ptr<core::Reception> {
        return std::make_unique<VhostReception>(order);
    },
};

} // namespace pagewire::dataplane
