// SPDX-License-Identifier: BSD-3-Clause
#include "core/flow_reception.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace pagewire::core {

namespace {

using FlowKind = FlowHeader::Kind;

/// After the sender's finish, datagrams still on the way are waited for until none has come for
/// this long.
constexpr std::chrono::milliseconds kQuiet{50};

} // namespace

FlowReception::FlowReception(const ReceiveOrder& order, int socket, std::uint64_t window)
    : flow_(order.flow),
      socket_(socket),
      window_(window),
      // A datagram carries at least one octet of the stream, and a duplicate has its original's
      // number.
      arrivals_(order.length)
{}

FlowReception::Taken FlowReception::take(const std::optional<FlowHeader>& header,
                                         const sockaddr_in* sender)
{
    if (header && header->flow == flow_) {
        switch (header->kind) {
        case FlowKind::kData:
            return take_data(*header);
        case FlowKind::kProbe:
            if (sender == nullptr)
                break;
            // What was sent before the probe has been drained, is lost, or lies within the room
            // that the window leaves: either way this much may follow.
            sender_ = *sender;
            grant(std::max(header->sequence, arrivals_.next()) + window_);
            return Taken::kControl;
        case FlowKind::kFinish:
            if (sender == nullptr)
                break;
            sender_ = *sender;
            num_sent_ = header->sequence;
            if (complete_)
                tell_done(); // asked again: the first answer was lost
            return Taken::kControl;
        case FlowKind::kCredit:
        case FlowKind::kDone:
        case FlowKind::kMemory:
            break;
        }
    }
    ++num_foreign_;
    return Taken::kForeign;
}

FlowReception::Taken FlowReception::take_data(const FlowHeader& header)
{
    const auto arrival = arrivals_.note(header.sequence);
    if (arrival == SequenceLedger::Arrival::kRefused) {
        ++num_foreign_;
        return Taken::kForeign;
    }
    if (arrival == SequenceLedger::Arrival::kNew)
        bytes_received_ += header.length;
    return Taken::kData;
}

void FlowReception::end_batch(bool any)
{
    if (any)
        last_arrival_ = Clock::now();
    if (num_sent_.has_value() && !complete_)
        check_end();
    else if (any && !num_sent_.has_value())
        renew_credit();
}

ReceiveReport FlowReception::report() const
{
    return {
        .bytes_received = bytes_received_,
        .complete = complete_,
        .counters = {{"datagrams", arrivals_.num_distinct()},
                     {"datagrams_duplicate", arrivals_.num_duplicate()},
                     {"datagrams_reordered", arrivals_.num_reordered()},
                     {"datagrams_foreign", num_foreign_},
                     {"datagrams_lost", arrivals_.num_lost(num_sent_.value_or(arrivals_.next()))},
                     {"credit_window", window_}},
        .facts = {}};
}

/// Grants when half of the window has been drained: the sender looks for credit as often.
void FlowReception::renew_credit()
{
    const std::uint64_t limit = arrivals_.next() + window_;
    if (sender_.has_value() && limit >= granted_ + std::max<std::uint64_t>(1, window_ / 2))
        grant(limit);
}

void FlowReception::grant(std::uint64_t limit)
{
    granted_ = std::max(granted_, limit);
    answer({.flow = flow_, .kind = FlowKind::kCredit, .sequence = granted_, .offset = 0});
}

void FlowReception::check_end()
{
    const bool all_here = arrivals_.num_distinct() >= *num_sent_;
    const auto quiet = all_here ? Clock::duration::zero() : Clock::now() - last_arrival_;
    if (!all_here && quiet < kQuiet)
        return;
    quiet_ns_ = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(quiet).count());
    complete_ = true;
    tell_done();
}

void FlowReception::tell_done() const
{
    answer({.flow = flow_,
            .kind = FlowKind::kDone,
            .sequence = arrivals_.num_distinct(),
            .offset = quiet_ns_});
}

void FlowReception::answer(const FlowHeader& header) const
{
    std::array<std::byte, kFlowHeaderBytes> octets{};
    encode_flow_header(header, octets);
    // A lost answer is asked for again by the sender's next probe or finish.
    (void)::sendto(socket_, octets.data(), octets.size(), MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&*sender_), sizeof(*sender_));
}

} // namespace pagewire::core
