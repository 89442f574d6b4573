// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/block_digests.hpp"
#include "core/source_file.hpp"
#include "testbed/plan.hpp"

#include <string>

namespace pagewire::testbed {

/// The file of an experiment, as it was when the experiment began.
struct Source {
    std::string path;
    core::UniqueFd fd;
    core::FileIdentity identity;
    core::ByteRange range;
    core::BlockDigests digests;

    /// Opens the plan's file, or generates it; checks the range; computes the digests. Throws
    /// UsageError in one line.
    [[nodiscard]] static Source open(const Plan& plan);

    /// Fewer blocks than bytes: holes read as zeros, without the disk.
    [[nodiscard]] bool is_sparse() const;

    /// Empty when the file is still the same; else what happened to it.
    [[nodiscard]] std::string change() const;
};

} // namespace pagewire::testbed
