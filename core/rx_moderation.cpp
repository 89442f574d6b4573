// SPDX-License-Identifier: BSD-3-Clause
#include "core/rx_moderation.hpp"

#include <sys/prctl.h>

#include <ctime>

namespace pagewire::core {

RxModeration::RxModeration() noexcept
{
    constexpr unsigned long slack_ns = 1000;
    (void)::prctl(PR_SET_TIMERSLACK, slack_ns);
}

void RxModeration::note(bool found) noexcept
{
    const auto now = Clock::now();
    if (found) {
        last_found_ = now;
        flowing_ = true;
        return;
    }
    flowing_ = flowing_ && now - last_found_ < kStill;
    if (!flowing_)
        return;
    const timespec moment{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(kMoment).count()};
    (void)::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment,
                            nullptr); // EINTR: the next look comes early
}

} // namespace pagewire::core
