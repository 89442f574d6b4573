// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/cpio.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <iterator>

namespace pagewire::testbed::vm {

namespace {

constexpr std::size_t kAlignment = 4;
constexpr std::uint32_t kFolderMode = S_IFDIR | 0755;
constexpr std::uint32_t kFileMode = S_IFREG | 0644;
constexpr std::uint32_t kProgramMode = S_IFREG | 0755;
constexpr std::uint32_t kLinkMode = S_IFLNK | 0777;

} // namespace

void CpioArchive::entry(std::string_view path, std::uint32_t mode, std::string_view content)
{
    const auto pad = [&] {
        bytes_.resize((bytes_.size() + kAlignment - 1) / kAlignment * kAlignment);
    };
    // c_magic ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize chksum
    fmt::format_to(std::back_inserter(bytes_),
                   "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{"
                   ":08x}",
                   next_inode_++, mode, 0, 0, 1, 0, content.size(), 0, 0, 0, 0, path.size() + 1, 0);
    bytes_ += path;
    bytes_ += '\0';
    pad();
    bytes_ += content;
    pad();
}

void CpioArchive::folder(std::string_view path)
{
    entry(path, kFolderMode, {});
}

void CpioArchive::file(std::string_view path, std::string_view content, bool executable)
{
    entry(path, executable ? kProgramMode : kFileMode, content);
}

void CpioArchive::symlink(std::string_view path, std::string_view target)
{
    entry(path, kLinkMode, target);
}

std::string CpioArchive::finish() &&
{
    entry("TRAILER!!!", 0, {});
    return std::move(bytes_);
}

} // namespace pagewire::testbed::vm
