// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/named.hpp"
#include "testbed/result.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace pagewire::testbed {

/// What a row stood at.
enum class Limit : std::uint8_t {
    kNone, ///< nothing was at its limit: the parts waited for each other
    kDisk,
    kWire,        ///< of an engine: all of its pipeline but the disk
    kMemory,      ///< memory copies
    kWorkerCpu,   ///< of the sending process
    kReceiverCpu, ///< of the sink
    kSoftirqCpu,  ///< the kernel's deferred network work, on whichever CPU
};

inline constexpr core::Names<Limit, 7> kLimitNames{{{"none", Limit::kNone},
                                                    {"disk", Limit::kDisk},
                                                    {"wire", Limit::kWire},
                                                    {"memory", Limit::kMemory},
                                                    {"worker_cpu", Limit::kWorkerCpu},
                                                    {"receiver_cpu", Limit::kReceiverCpu},
                                                    {"softirq_cpu", Limit::kSoftirqCpu}}};

/// From this share of a limit on, it is named as what held the row up.
inline constexpr double kAtLimit = 0.85;

struct Bottleneck {
    Limit limit = Limit::kNone;
    std::string sentence; ///< for a person, with the figure that it rests on
};

/// Measured rates (disk, wire, memory) come before busy CPUs: who polls is always busy, and who is
/// held up by a disk at its ceiling is held up by that. Nothing where no transfer went well, or
/// nothing was measured that could be a limit.
[[nodiscard]] std::optional<Bottleneck> bottleneck(const Row& row, const Ceilings& ceilings);

} // namespace pagewire::testbed
