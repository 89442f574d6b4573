// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pagewire::testbed::vm {

/// An archive that the kernel unpacks as its first file system: "newc",
/// Documentation/driver-api/early-userspace/buffer-format.rst. Folders come before what is in them.
class CpioArchive {
  public:
    void folder(std::string_view path);
    void file(std::string_view path, std::string_view content, bool executable = false);
    void symlink(std::string_view path, std::string_view target);

    /// The whole archive, ended; nothing can be added after.
    [[nodiscard]] std::string finish() &&;

  private:
    void entry(std::string_view path, std::uint32_t mode, std::string_view content);

    std::string bytes_;
    std::uint32_t next_inode_ = 1;
};

} // namespace pagewire::testbed::vm
