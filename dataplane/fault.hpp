// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "dataplane/engine.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pagewire::dataplane {

/// Something that goes wrong on the way to the wire, on purpose: the proof that the sink would
/// notice.
struct Fault {
    enum class Kind : std::uint8_t {
        kFlip,      ///< one bit of the packet's last payload octet
        kDrop,      ///< the packet is completed but never sent
        kDuplicate, ///< sent twice
        kReorder,   ///< sent after its successor
    };

    Kind kind = Kind::kFlip;
    std::uint64_t packet = 0; ///< which one, counted from 0
};

/// "flip@7", "drop@0", "duplicate@3", "reorder@5". Throws core::UsageError.
[[nodiscard]] Fault parse_fault(std::string_view text);

/// The engine, with the fault in front of it.
[[nodiscard]] std::unique_ptr<Engine> with_fault(std::unique_ptr<Engine> engine,
                                                 const Fault& fault);

} // namespace pagewire::dataplane
