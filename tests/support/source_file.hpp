// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core/error.hpp"
#include "core/unique_fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace pagewire::tests {

/// A file of seeded random bytes on a disk-backed file system, removed at the end of its life. The
/// folder is $PAGEWIRE_TEST_DIR, else /var/tmp, which is a disk where /tmp may be memory.
class SourceFile {
  public:
    explicit SourceFile(std::uint64_t size, bool sparse = false)
    {
        const char* folder = std::getenv("PAGEWIRE_TEST_DIR");
        path_ = fmt::format("{}/pagewire-test-XXXXXX", folder != nullptr ? folder : "/var/tmp");
        const core::UniqueFd fd(
            core::checked(::mkostemp(path_.data(), O_CLOEXEC), "mkostemp", path_));
        core::checked(::ftruncate(fd.get(), static_cast<off_t>(size)), "ftruncate", path_);
        std::mt19937_64 random(size);
        std::vector<std::uint64_t> piece(std::size_t{1} << 17);
        for (std::uint64_t at = 0; at < size;) {
            for (std::uint64_t& word : piece)
                word = random();
            const std::uint64_t piece_bytes = piece.size() * sizeof(std::uint64_t);
            // A sparse file has data in every other megabyte, and holes between.
            const std::uint64_t bytes = std::min(size - at, piece_bytes);
            if (!sparse || at / piece_bytes % 2 == 0) {
                core::checked(::pwrite(fd.get(), piece.data(), bytes, static_cast<off_t>(at)),
                              "pwrite", path_);
            }
            at += bytes;
        }
        core::checked(::fsync(fd.get()), "fsync", path_);
    }

    SourceFile(const SourceFile&) = delete;
    SourceFile& operator=(const SourceFile&) = delete;

    ~SourceFile() { std::filesystem::remove(path_); }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    std::string path_;
};

} // namespace pagewire::tests
