// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"
#include "testbed/ledger/ledger.hpp"

namespace pagewire::testbed {

LedgerWatch::LedgerWatch(Ledger& ledger, const LedgerSubject& subject)
    : ledger_(ledger),
      support_(ledger.support())
{
    if (!support_)
        return;
    try {
        token_ = ledger_.start(subject);
        watching_ = true;
    } catch (const core::TransferError& error) {
        support_ = core::Support::unavailable(error.what());
    }
}

LedgerWatch::~LedgerWatch()
{
    if (watching_)
        (void)ledger_.stop();
}

LedgerReading LedgerWatch::stop()
{
    watching_ = false;
    return ledger_.stop();
}

} // namespace pagewire::testbed
