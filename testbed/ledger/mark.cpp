// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/ledger/mark.hpp"

#include <sys/prctl.h>

namespace pagewire::testbed {

void mark(std::uint64_t token, ledger_mark which, std::uint64_t argument) noexcept
{
    (void)::prctl(LEDGER_MARK, token, static_cast<unsigned long>(which), argument, 0UL);
}

} // namespace pagewire::testbed
