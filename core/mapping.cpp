// SPDX-License-Identifier: BSD-3-Clause
#include "core/mapping.hpp"

#include "core/error.hpp"
#include "core/units.hpp"

#include <fmt/format.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace pagewire::core {

namespace {

constexpr std::size_t kHugePageBytes = 2 * kMiB;

std::size_t page_bytes()
{
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

void* map_anonymous(std::size_t bytes, int extra_flags)
{
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | extra_flags, -1, 0);
    if (base == MAP_FAILED)
        return nullptr;
    if (::madvise(base, bytes, MADV_DONTFORK) != 0) {
        const int error = errno;
        ::munmap(base, bytes);
        errno = error;
        return nullptr;
    }
    return base;
}

} // namespace

Mapping::Mapping(void* base, std::size_t base_bytes, std::size_t skip, std::size_t size) noexcept
    : base_(base),
      base_bytes_(base_bytes),
      data_(static_cast<std::byte*>(base) + skip),
      size_(size)
{}

Mapping::Mapping(Mapping&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      base_bytes_(std::exchange(other.base_bytes_, 0)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      page_note_(std::move(other.page_note_))
{}

Mapping& Mapping::operator=(Mapping&& other) noexcept
{
    std::swap(base_, other.base_);
    std::swap(base_bytes_, other.base_bytes_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(page_note_, other.page_note_);
    return *this;
}

Mapping::~Mapping()
{
    if (base_ != nullptr)
        ::munmap(base_, base_bytes_);
}

Mapping Mapping::anonymous(std::size_t bytes)
{
    const std::size_t size = round_up(bytes, page_bytes());
    void* base = map_anonymous(size, 0);
    if (base == nullptr)
        throw_errno("mmap", fmt::format("{} of anonymous memory", format_bytes(size)));
    Mapping mapping(base, size, 0, size);
    mapping.page_note_ = "4 KiB pages";
    return mapping;
}

Mapping Mapping::huge_or_anonymous(std::size_t bytes)
{
    const std::size_t size = round_up(bytes, kHugePageBytes);
    if (void* base = map_anonymous(size, MAP_HUGETLB | MAP_HUGE_2MB); base != nullptr) {
        Mapping mapping(base, size, 0, size);
        mapping.page_note_ = "2 MiB hugepages";
        return mapping;
    }
    const std::string reason = errno_text(errno);
    Mapping mapping = anonymous(bytes);
    mapping.page_note_ =
        fmt::format("4 KiB pages (no {} of 2 MiB hugepages: {})", format_bytes(size), reason);
    return mapping;
}

Mapping Mapping::file(int fd, std::uint64_t offset, std::size_t length, const std::string& name)
{
    const std::size_t skip = offset % page_bytes();
    const std::size_t base_bytes = skip + length;
    void* base =
        ::mmap(nullptr, base_bytes, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(offset - skip));
    if (base == MAP_FAILED)
        throw_errno("mmap", name);
    return {base, base_bytes, skip, length};
}

Mapping Mapping::kernel_ring(int fd, std::size_t bytes, std::uint64_t page_offset,
                             const std::string& name)
{
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                        static_cast<off_t>(page_offset));
    if (base == MAP_FAILED)
        throw_errno("mmap", name);
    return {base, bytes, 0, bytes};
}

} // namespace pagewire::core
