// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/skb_watch.hpp"

#include "core/error.hpp"
#include "nic/link.hpp"
#include "testbed/ledger/mark.hpp"

#include <fmt/format.h>

namespace pagewire::testbed {

void LedgerSkbWatch::start(int source_fd, const nic::NetNamespace& netns,
                           const std::string& interface, std::uint32_t peer_ipv4,
                           std::uint16_t peer_port)
{
    watch_ = std::make_unique<LedgerWatch>(
        ledger_, LedgerSubject{.source_fd = source_fd,
                               .range_offset = 0,
                               .sender = {.ifindex = nic::link_facts(netns, interface).index,
                                          .netns = netns.inode()},
                               .peer = {},
                               .peer_ipv4 = peer_ipv4,
                               .peer_port = peer_port,
                               .flow = 0,
                               .num_flows = 0});
    if (!watch_->support())
        throw core::TransferError(watch_->support().reason());
    mark(watch_->token(), LEDGER_MARK_BEGIN);
}

nic::SkbPlaces LedgerSkbWatch::stop()
{
    mark(watch_->token(), LEDGER_MARK_DONE);
    const LedgerReading reading = watch_->stop();
    watch_.reset();
    if (const auto missed = reading.num_missed + reading.num_missed_packets; missed > 0)
        throw core::TransferError(
            fmt::format("the ledger did not see {} events: nothing is known", missed));
    const auto& at_driver = reading.counts.payload[LEDGER_TRANSMIT];
    return {.in_file_pages = at_driver[LEDGER_FILE],
            .in_linear_area = at_driver[LEDGER_LINEAR],
            .in_private_pages = at_driver[LEDGER_PRIVATE] + at_driver[LEDGER_FILE_ASTRAY] +
                                at_driver[LEDGER_ANONYMOUS] + at_driver[LEDGER_OTHER]};
}

} // namespace pagewire::testbed
