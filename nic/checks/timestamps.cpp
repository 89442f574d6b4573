// SPDX-License-Identifier: BSD-3-Clause
#include "nic/checks/timestamps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace pagewire::nic {

void judge_stamps(const std::string& what, std::span<const std::uint64_t> stamps,
                  Judgement& judgement)
{
    const auto num_none = std::count(stamps.begin(), stamps.end(), std::uint64_t{0});
    judgement.observe(what,
                      fmt::format("{} packets, {} without a stamp; the first at {}, the last "
                                  "at {} ns",
                                  stamps.size(), num_none, stamps.empty() ? 0 : stamps.front(),
                                  stamps.empty() ? 0 : stamps.back()));
    if (stamps.empty() || num_none == static_cast<std::ptrdiff_t>(stamps.size())) {
        judgement.not_in_effect(fmt::format("{}: advertised, and no packet has a stamp", what));
        return;
    }
    if (num_none > 0)
        judgement.fail(
            fmt::format("{}: {} of {} packets have no stamp", what, num_none, stamps.size()));
    if (std::adjacent_find(stamps.begin(), stamps.end(), std::greater_equal<>()) != stamps.end())
        judgement.fail(fmt::format("{}: a stamp that is not later than the one before it", what));
}

} // namespace pagewire::nic
