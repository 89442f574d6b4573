// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/fault.hpp"

#include "core/error.hpp"
#include "dataplane/segmenter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace pagewire::dataplane {

namespace {

constexpr std::array<std::pair<std::string_view, Fault::Kind>, 4> kKinds{{
    {"flip", Fault::Kind::kFlip},
    {"drop", Fault::Kind::kDrop},
    {"duplicate", Fault::Kind::kDuplicate},
    {"reorder", Fault::Kind::kReorder},
}};

/// A decorator. It hands packets on one by one, so that it can act between any two of them.
class FaultyEngine final : public Engine {
  public:
    FaultyEngine(std::unique_ptr<Engine> inner, const Fault& fault)
        : inner_(std::move(inner)),
          fault_(fault)
    {}

    [[nodiscard]] std::span<std::byte> memory() const noexcept override { return inner_->memory(); }

    [[nodiscard]] unsigned num_segments_max() const noexcept override
    {
        return inner_->num_segments_max();
    }

    [[nodiscard]] std::size_t submit(std::span<const Descriptor> descriptors) noexcept override
    {
        std::size_t taken = 0;
        while (taken < descriptors.size()) {
            const auto packet = first_packet(descriptors.subspan(taken));
            if (!take_packet(packet))
                break;
            taken += packet.size();
            ++num_packets_;
        }
        return taken;
    }

    [[nodiscard]] int kick() noexcept override
    {
        // The last packet of a stream has no successor to be overtaken by.
        if (num_held_ > 0 && ++num_kicks_held_ > kPatienceKicks)
            release_held();
        return inner_->kick();
    }

    [[nodiscard]] std::size_t reclaim(std::span<std::uint64_t> addrs) noexcept override
    {
        const std::size_t from_drop = std::min(num_dropped_, addrs.size());
        for (std::size_t i = 0; i < from_drop; ++i)
            addrs[i] = dropped_[--num_dropped_];
        const auto rest = addrs.subspan(from_drop);
        const std::size_t count = inner_->reclaim(rest);
        // A packet sent twice completes twice; its owner waits for the second time.
        const auto kept =
            std::remove_if(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count),
                           [this](std::uint64_t addr) { return swallow(addr); });
        return from_drop + static_cast<std::size_t>(kept - rest.begin());
    }

    void wait(std::chrono::milliseconds longest) noexcept override { inner_->wait(longest); }

    void describe(core::TransferReport& report) const override { inner_->describe(report); }

  private:
    using PacketBuffer = std::array<Descriptor, Segmenter::kSlicesMax + 1>;
    static constexpr unsigned kPatienceKicks = 2;

    static std::span<const Descriptor>
    first_packet(std::span<const Descriptor> descriptors) noexcept
    {
        const auto last = std::find_if(descriptors.begin(), descriptors.end(),
                                       [](const Descriptor& d) { return !d.more; });
        return descriptors.first(static_cast<std::size_t>(last - descriptors.begin()) + 1);
    }

    bool take_packet(std::span<const Descriptor> packet) noexcept
    {
        if (num_packets_ == fault_.packet) {
            switch (fault_.kind) {
            case Fault::Kind::kFlip:
                flip(packet.back());
                if (inner_->submit(packet) == packet.size())
                    return true;
                flip(packet.back()); // no room yet: undone, for the next attempt
                return false;
            case Fault::Kind::kDrop:
                for (const Descriptor& descriptor : packet)
                    dropped_[num_dropped_++] = descriptor.addr;
                return true;
            case Fault::Kind::kDuplicate:
                if (!first_copy_sent_) {
                    if (inner_->submit(packet) != packet.size())
                        return false;
                    first_copy_sent_ = true;
                    for (const Descriptor& descriptor : packet)
                        to_swallow_[num_to_swallow_++] = descriptor.addr;
                }
                return inner_->submit(packet) == packet.size();
            case Fault::Kind::kReorder:
                std::copy(packet.begin(), packet.end(), held_.begin());
                num_held_ = packet.size();
                return true;
            }
        }
        if (inner_->submit(packet) != packet.size())
            return false;
        if (num_held_ > 0)
            release_held();
        return true;
    }

    void flip(const Descriptor& slice) const noexcept
    {
        memory()[slice.addr + slice.len - 1] ^= std::byte{1};
    }

    void release_held() noexcept
    {
        if (inner_->submit(std::span(held_).first(num_held_)) == num_held_)
            num_held_ = 0;
    }

    bool swallow(std::uint64_t addr) noexcept
    {
        const auto end = to_swallow_.begin() + static_cast<std::ptrdiff_t>(num_to_swallow_);
        const auto it = std::find(to_swallow_.begin(), end, addr);
        if (it == end)
            return false;
        *it = to_swallow_[--num_to_swallow_];
        return true;
    }

    std::unique_ptr<Engine> inner_;
    Fault fault_;
    std::uint64_t num_packets_ = 0;
    PacketBuffer held_{};
    std::size_t num_held_ = 0;
    unsigned num_kicks_held_ = 0;
    bool first_copy_sent_ = false;
    std::array<std::uint64_t, Segmenter::kSlicesMax + 1> dropped_{};
    std::size_t num_dropped_ = 0;
    std::array<std::uint64_t, Segmenter::kSlicesMax + 1> to_swallow_{};
    std::size_t num_to_swallow_ = 0;
};

} // namespace

Fault parse_fault(std::string_view text)
{
    const auto at = text.find('@');
    const auto* kind = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& entry) {
        return entry.first == text.substr(0, at);
    });
    if (at != std::string_view::npos && kind != kKinds.end()) {
        Fault fault{.kind = kind->second};
        const char* end = text.data() + text.size();
        const auto [rest, status] = std::from_chars(text.data() + at + 1, end, fault.packet);
        if (status == std::errc{} && rest == end)
            return fault;
    }
    throw core::UsageError(
        fmt::format("'{}' is not a fault: write flip@N, drop@N, duplicate@N or reorder@N, N the "
                    "packet's number from 0",
                    text));
}

std::unique_ptr<Engine> with_fault(std::unique_ptr<Engine> engine, const Fault& fault)
{
    return std::make_unique<FaultyEngine>(std::move(engine), fault);
}

} // namespace pagewire::dataplane
