// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/ledger/textbook.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace pagewire::testbed {

namespace {

/// How far a figure may lie from the textbook's whole number. Crossings: a call more in ten turns
/// (a signal, a call cut in two). Copies and DMA: what headers, tails and read-ahead make.
constexpr double kCrossingsTolerance = 0.2;
constexpr double kCopiesTolerance = 0.03;
constexpr double kDiskTolerance = 0.02;
/// Protocol headers are DMA too: 4 % at an MTU of 1500.
constexpr double kNicTolerance = 0.1;

bool within(double value, double wanted, double tolerance)
{
    return std::abs(value - wanted) <= tolerance;
}

/// "write 1.00, mmap 0.00": calls a turn, of those that matter.
std::string calls_a_turn(const LedgerFigures& figures, std::uint64_t num_turns)
{
    constexpr double few = 0.005;
    std::vector<std::string> words;
    for (const auto& [name, count] : figures.syscalls) {
        const double share = static_cast<double>(count) / static_cast<double>(num_turns);
        if (share >= few)
            words.push_back(fmt::format("{} {:.2f}", name, share));
    }
    return fmt::format("calls a turn: {}", fmt::join(words, ", "));
}

class Comparison {
  public:
    Comparison(const core::Method& method, const TextbookConditions& conditions,
               const LedgerFigures& figures)
        : method_(method),
          conditions_(conditions),
          figures_(figures)
    {
        verdict_.crossings = method.textbook->crossings;
        verdict_.dma = method.textbook->dma;
        verdict_.cpu_copies =
            conditions.mode == "copy"
                ? method.textbook->cpu_copies_in_copy_mode.value_or(method.textbook->cpu_copies)
                : method.textbook->cpu_copies;
    }

    TextbookVerdict verdict()
    {
        crossings();
        copies();
        disk();
        nic();
        witnesses();
        receiver();
        if (missing_.empty())
            verdict_.agrees = differences_.empty();
        for (const auto& words : {differences_, missing_, remarks_})
            verdict_.notes.insert(verdict_.notes.end(), words.begin(), words.end());
        return std::move(verdict_);
    }

  private:
    /// The figure's value; nothing, and the reason among the missing, where there is none.
    std::optional<double> value(const Figure& figure, std::string_view name)
    {
        if (!figure.value)
            missing_.push_back(fmt::format("{} {}", name, figure.evidence));
        return figure.value;
    }

    void crossings()
    {
        const auto seen = value(figures_.crossings_per_turn, "crossings");
        if (!seen || within(*seen, verdict_.crossings, kCrossingsTolerance))
            return;
        if (method_.textbook->crossings_at_most && *seen < verdict_.crossings)
            return;
        if (method_.maps_file && !conditions_.map_per_chunk && *seen < verdict_.crossings) {
            differences_.push_back(
                fmt::format("one mapping for the whole file: a turn is a {}(2), and page faults "
                            "take mmap(2)'s place",
                            method_.wire == core::Wire::kUdp ? "sendmmsg" : "write"));
        } else if (method_.family == core::Family::kDataplane) {
            differences_.push_back(fmt::format("a batch of packets needs the kernel: {}",
                                               calls_a_turn(figures_, conditions_.num_turns)));
        } else {
            differences_.push_back(calls_a_turn(figures_, conditions_.num_turns));
        }
    }

    void copies()
    {
        const auto seen = value(figures_.cpu_copies_per_byte, "copies");
        if (!seen || within(*seen, verdict_.cpu_copies, kCopiesTolerance))
            return;
        const double at_transmit = figures_.copies_at_transmit_per_byte.value.value_or(0);
        if (conditions_.scatter_gather == false && at_transmit > kCopiesTolerance &&
            within(*seen - at_transmit, verdict_.cpu_copies, kCopiesTolerance)) {
            differences_.push_back("scatter/gather is off: one copy more, at transmit");
        } else if (conditions_.scatter_gather == true && copies_at_transmit_by_the_book() &&
                   within(*seen, verdict_.cpu_copies - 1, kCopiesTolerance)) {
            differences_.push_back("scatter/gather is on: the copy at transmit falls away");
        } else {
            differences_.push_back(
                fmt::format("copies: {:.2f} to user, {:.2f} to kernel, {:.2f} at transmit",
                            figures_.copies_to_user_per_byte.value.value_or(0),
                            figures_.copies_to_kernel_per_byte.value.value_or(0), at_transmit));
        }
    }

    /// The textbook's copy is the one for a NIC without scatter/gather.
    [[nodiscard]] bool copies_at_transmit_by_the_book() const
    {
        return std::any_of(method_.needs.begin(), method_.needs.end(), [](const auto& need) {
            return need.feature == "tx-scatter-gather" && !need.on;
        });
    }

    void disk()
    {
        const auto seen = value(figures_.dma_disk_per_byte, "disk DMA");
        if (!seen || within(*seen, 1, kDiskTolerance))
            return;
        if (conditions_.from_memory && within(*seen, 0, kDiskTolerance))
            differences_.emplace_back("the payload was in memory: no disk DMA");
        else if (conditions_.hot && within(*seen, 0, kDiskTolerance))
            differences_.emplace_back("hot cache: no disk DMA");
        else if (*seen > 1)
            differences_.push_back(fmt::format(
                "disk DMA {:.2f} times: whole pages and read-ahead beyond the range, or others "
                "who read the file",
                *seen));
        else if (conditions_.sparse)
            differences_.push_back(
                fmt::format("disk DMA {:.2f} times: the file's holes have no blocks", *seen));
        else
            differences_.push_back(
                fmt::format("disk DMA {:.2f} times: others brought the rest", *seen));
    }

    void nic()
    {
        const auto seen = value(figures_.dma_nic_per_byte, "NIC DMA");
        if (!seen)
            return;
        const bool emulated =
            figures_.dma_nic_per_byte.evidence.find("emulated") != std::string::npos;
        if (*seen > 1 + kNicTolerance)
            differences_.push_back(fmt::format("NIC DMA {:.2f} times: headers, retransmissions{}",
                                               *seen,
                                               emulated ? "" : ", other traffic of the device"));
        else if (*seen < 1 - kNicTolerance)
            differences_.push_back(fmt::format("NIC DMA {:.2f} times", *seen));
        if (emulated)
            remarks_.emplace_back("NIC DMA emulated");
    }

    /// Not the sender's copies, and yet what the request for zero-copy came to.
    void receiver()
    {
        if (figures_.copied_by_receiver)
            remarks_.push_back(
                fmt::format("the receiver is on this machine: {:.2f} copies a byte behind the "
                            "sending device, in place of a NIC's DMA",
                            *figures_.copied_by_receiver));
    }

    /// Two witnesses of the same copies: their disagreement is a finding.
    void witnesses()
    {
        const auto& one = figures_.cpu_copies_per_byte.value;
        const auto& other = figures_.cpu_copies_per_byte_fentry.value;
        constexpr double disagreement = 0.02;
        if (one && other && std::abs(*one - *other) > disagreement * std::max(1.0, *one))
            differences_.push_back(
                fmt::format("page identity counts {:.2f} copies, fentry {:.2f}", *one, *other));
    }

    const core::Method& method_;
    const TextbookConditions& conditions_;
    const LedgerFigures& figures_;
    TextbookVerdict verdict_;
    std::vector<std::string> differences_;
    std::vector<std::string> missing_;
    std::vector<std::string> remarks_;
};

} // namespace

std::optional<TextbookVerdict> compare_with_textbook(const core::Method& method,
                                                     const TextbookConditions& conditions,
                                                     const LedgerFigures& figures)
{
    if (!method.textbook)
        return std::nullopt;
    return Comparison(method, conditions, figures).verdict();
}

} // namespace pagewire::testbed
