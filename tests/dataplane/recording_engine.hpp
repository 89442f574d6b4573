// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/mapping.hpp"
#include "dataplane/engine.hpp"
#include "tests/support/random_bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace pagewire::dataplane {

/// An engine without a device, as unhelpful as the contract allows: it takes a few descriptors at a
/// time or none, completes late and in any order, and now and then completes what was never lent.
///
/// It keeps each packet as it was at submit(), and compares each descriptor's memory with that when
/// it completes: what has changed in between was written to while the engine owned it.
class RecordingEngine final : public Engine {
  public:
    struct Behaviour {
        unsigned num_segments_max = 18;
        std::uint32_t segment_bytes_max = kChunkBytes; ///< less: descriptors may cross chunks
        std::size_t num_descriptors_max = 256;         ///< in flight
        unsigned delay_max = 8; ///< a descriptor completes at one of so many next reclaim() calls
        bool completes_nonsense = false;
        std::uint64_t seed = 1;
    };

    RecordingEngine(std::size_t memory_bytes, const Behaviour& behaviour)
        : memory_(core::Mapping::anonymous(memory_bytes)),
          behaviour_(behaviour),
          random_(behaviour.seed)
    {}

    [[nodiscard]] std::span<std::byte> memory() const noexcept override { return memory_.bytes(); }

    [[nodiscard]] unsigned num_segments_max() const noexcept override
    {
        return behaviour_.num_segments_max;
    }

    [[nodiscard]] std::uint32_t segment_bytes_max() const noexcept override
    {
        return behaviour_.segment_bytes_max;
    }

    [[nodiscard]] std::size_t submit(std::span<const Descriptor> descriptors) noexcept override
    {
        std::size_t taken = 0;
        while (taken < descriptors.size() && tests::below(random_, 4) != 0) {
            const auto rest = descriptors.subspan(taken);
            const auto last =
                std::find_if(rest.begin(), rest.end(), [](const auto& d) { return !d.more; });
            if (last == rest.end()) {
                violations.insert("a packet was split across submits");
                return descriptors.size();
            }
            const auto packet = rest.first(static_cast<std::size_t>(last - rest.begin()) + 1);
            if (loans_.size() + packet.size() > behaviour_.num_descriptors_max)
                break;
            take(packet);
            taken += packet.size();
        }
        return taken;
    }

    [[nodiscard]] int kick() noexcept override { return kick_error; }

    [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept override
    {
        ++now_;
        std::size_t count = 0;
        if (behaviour_.completes_nonsense && tests::below(random_, 8) == 0) {
            addrs[count++] = memory_.size() + (random_() >> 1);
            ++num_nonsense;
        }
        std::shuffle(loans_.begin(), loans_.end(), random_);
        for (std::size_t i = loans_.size(); i-- > 0 && count < addrs.size();) {
            if (loans_[i].due > now_)
                continue;
            expect_unchanged(loans_[i]);
            addrs[count++] = loans_[i].addr;
            std::swap(loans_[i], loans_.back());
            loans_.pop_back();
        }
        return count;
    }

    void wait(std::chrono::milliseconds) noexcept override {}

    void describe(core::TransferReport& report) const override
    {
        report.facts["engine"] = "recording";
    }

    [[nodiscard]] std::size_t num_lent() const noexcept { return loans_.size(); }

    int kick_error = 0;
    std::vector<std::vector<std::byte>> packets; ///< octets, in the order of their submission
    std::size_t num_descriptors = 0;
    std::size_t num_nonsense = 0;
    std::set<std::string> violations; ///< of the Engine contract, by the pipeline

  private:
    struct Loan {
        std::uint64_t addr = 0;
        std::vector<std::byte> octets; ///< at submit()
        std::uint64_t due = 0;
    };

    void take(std::span<const Descriptor> packet)
    {
        if (packet.size() > behaviour_.num_segments_max)
            violations.insert("a packet has too many segments");
        packets.emplace_back();
        for (const auto& [addr, len, more] : packet) {
            const bool crosses = addr / kChunkBytes != (addr + len - 1) / kChunkBytes;
            if (len == 0 || addr + len > memory_.size() || len > behaviour_.segment_bytes_max ||
                (crosses && behaviour_.segment_bytes_max == kChunkBytes)) {
                violations.insert("a descriptor is empty, outside the memory or crosses a chunk");
                continue;
            }
            const auto octets = memory_.bytes().subspan(addr, len);
            packets.back().insert(packets.back().end(), octets.begin(), octets.end());
            loans_.push_back({.addr = addr,
                              .octets = {octets.begin(), octets.end()},
                              .due = now_ + 1 + tests::below(random_, behaviour_.delay_max)});
        }
        num_descriptors += packet.size();
    }

    void expect_unchanged(const Loan& loan)
    {
        const auto now = memory_.bytes().subspan(loan.addr, loan.octets.size());
        if (!std::equal(now.begin(), now.end(), loan.octets.begin()))
            violations.insert("memory was written to while the engine owned it");
    }

    core::Mapping memory_;
    Behaviour behaviour_;
    tests::Random random_;
    std::vector<Loan> loans_;
    std::uint64_t now_ = 0; // calls of reclaim()
};

} // namespace pagewire::dataplane
