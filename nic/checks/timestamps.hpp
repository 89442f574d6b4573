// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/checks/check.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace pagewire::nic {

/// Nanoseconds of the device's clock, one a packet in the order of sending: none may be 0, each
/// must be later than the one before it. `what` begins the sentences: "transmit".
void judge_stamps(const std::string& what, std::span<const std::uint64_t> stamps,
                  Judgement& judgement);

} // namespace pagewire::nic
