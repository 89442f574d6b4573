// SPDX-License-Identifier: BSD-3-Clause
// A build without the ledger: it says so wherever a figure of it would stand.
#include "testbed/ledger/ledger.hpp"

namespace pagewire::testbed {

struct Ledger::Programs {};

Ledger::Ledger(bool wanted)
    : support_(core::Support::unavailable(
          wanted ? "this build has no ledger: clang, bpftool, libbpf or libseccomp was missing"
                 : "switched off"))
{}

Ledger::~Ledger() = default;

std::uint64_t Ledger::start(const LedgerSubject&)
{
    return 0;
}

LedgerReading Ledger::stop()
{
    return {};
}

} // namespace pagewire::testbed
