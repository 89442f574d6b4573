// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/method.hpp"
#include "testbed/ledger/figures.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// The textbook's figures of a method beside what was observed.
namespace pagewire::testbed {

/// The conditions that explain a difference.
struct TextbookConditions {
    bool hot = false; ///< the file is in the page cache
    bool map_per_chunk = false;
    bool from_memory = false;           ///< the payload was read before the transfer
    bool sparse = false;                ///< the file has holes
    std::optional<bool> scatter_gather; ///< of the sending device, as active
    std::string mode;                   ///< what the kernel reported: "copy", "zero-copy", ""
    std::uint64_t num_turns = 0;        ///< of the transfer whose calls are `figures.syscalls`
};

struct TextbookVerdict {
    double crossings = 0; ///< predicted, for a turn
    double cpu_copies = 0;
    double dma = 0;
    std::optional<bool> agrees;     ///< nothing: a figure is missing, and `notes` say why
    std::vector<std::string> notes; ///< each difference with its cause, in short; may be empty
};

/// Nothing where the textbook says nothing of the method.
[[nodiscard]] std::optional<TextbookVerdict>
compare_with_textbook(const core::Method& method, const TextbookConditions& conditions,
                      const LedgerFigures& figures);

} // namespace pagewire::testbed
