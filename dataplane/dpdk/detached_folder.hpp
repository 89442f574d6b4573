// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/support.hpp"
#include "core/unique_fd.hpp"

#include <string>

namespace pagewire::dataplane::dpdk {

/// A folder in memory that stands nowhere in the file system: a tmpfs that is mounted nowhere
/// (fsmount(2)), reached through the descriptor alone. It is gone with the process, `kill -9`
/// included.
class DetachedFolder {
  public:
    /// Needs CAP_SYS_ADMIN. Throws SystemError.
    DetachedFolder();

    /// Whether this process may make one.
    [[nodiscard]] static core::Support probe();

    /// For this process, and for others that may look into its /proc/<pid>/fd (ptrace(2)).
    [[nodiscard]] std::string path() const;

  private:
    core::UniqueFd mount_;
};

} // namespace pagewire::dataplane::dpdk
