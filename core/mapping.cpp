// SPDX-License-Identifier: BSD-3-Clause
#include "core/mapping.hpp"

#include "core/error.hpp"
#include "core/units.hpp"

#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <utility>

namespace pagewire::core {

namespace {

std::size_t page_bytes()
{
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

/// Populated, and not inherited by fork. Null and errno where that fails.
void* map_hugetlb(std::size_t bytes)
{
    void* base =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
    if (base == MAP_FAILED)
        return nullptr;
    (void)::madvise(base, bytes, MADV_DONTFORK); // known to every kernel that is supported
    return base;
}

/// The kernel's word on how much of a mapping lies on transparent hugepages: /proc/self/smaps,
/// AnonHugePages.
std::size_t transparent_huge_bytes(const void* base)
{
    std::ifstream smaps("/proc/self/smaps");
    const std::string start = fmt::format("{:x}-", reinterpret_cast<std::uintptr_t>(base));
    bool inside = false;
    for (std::string line; std::getline(smaps, line);) {
        if (line.compare(0, start.size(), start) == 0)
            inside = true;
        std::size_t kib = 0;
        if (inside && std::sscanf(line.c_str(), "AnonHugePages: %zu kB", &kib) == 1)
            return kib * kKiB;
    }
    return 0;
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

Mapping Mapping::anonymous(std::size_t bytes, Pages pages)
{
    const std::size_t size = round_up(bytes, page_bytes());
    const std::string object = fmt::format("{} of anonymous memory", format_bytes(size));
    // On a hugepage boundary, where there is one inside, so that the kernel can use transparent
    // hugepages.
    const std::size_t base_bytes = size + kHugePageBytes;
    void* base =
        ::mmap(nullptr, base_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        throw_errno("mmap", object);
    const std::size_t skip =
        (kHugePageBytes - reinterpret_cast<std::uintptr_t>(base) % kHugePageBytes) % kHugePageBytes;
    Mapping mapping(base, base_bytes, skip, size);
    if (::madvise(base, base_bytes, MADV_DONTFORK) != 0)
        throw_errno("madvise", object);
    // A kernel without transparent hugepages has 4 KiB pages, and the note says so.
    (void)::madvise(mapping.data_, size, pages == Pages::kLarge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    if (::madvise(mapping.data_, size, MADV_POPULATE_WRITE) != 0)
        throw_errno("madvise", object);
    const std::size_t huge_bytes = transparent_huge_bytes(mapping.data_);
    mapping.page_note_ = huge_bytes == 0
                             ? "4 KiB pages"
                             : fmt::format("{} of {} on transparent hugepages",
                                           format_bytes(huge_bytes), format_bytes(size));
    return mapping;
}

void Mapping::discard() const
{
    if (::madvise(data_, size_, MADV_DONTNEED) != 0)
        throw_errno("madvise", "MADV_DONTNEED");
}

Mapping Mapping::huge_or_anonymous(std::size_t bytes)
{
    const std::size_t size = round_up(bytes, kHugePageBytes);
    if (void* base = map_hugetlb(size); base != nullptr) {
        Mapping mapping(base, size, 0, size);
        mapping.page_note_ = "2 MiB hugepages";
        return mapping;
    }
    const std::string reason = errno_text(errno);
    Mapping mapping = anonymous(bytes);
    mapping.page_note_ +=
        fmt::format(" (no {} of reserved 2 MiB hugepages: {})", format_bytes(size), reason);
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

void Mapping::map_over(int fd, std::uint64_t offset, std::size_t length, const std::string& name)
{
    const std::size_t skip = offset % page_bytes();
    if (skip + length > base_bytes_)
        throw UsageError(fmt::format("{}: {} bytes do not fit a mapping of {}", name, skip + length,
                                     base_bytes_));
    if (::mmap(base_, skip + length, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
               static_cast<off_t>(offset - skip)) == MAP_FAILED)
        throw_errno("mmap", name);
    data_ = static_cast<std::byte*>(base_) + skip;
    size_ = length;
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

Mapping Mapping::shared_memory(int fd, std::size_t bytes, const std::string& name)
{
    const std::size_t base_bytes = round_up(bytes, kHugePageBytes) + kHugePageBytes;
    void* base = ::mmap(nullptr, base_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        throw_errno("mmap", name);
    const std::size_t skip =
        (kHugePageBytes - reinterpret_cast<std::uintptr_t>(base) % kHugePageBytes) % kHugePageBytes;
    Mapping mapping(base, base_bytes, skip, bytes);
    if (::mmap(mapping.data_, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
        MAP_FAILED)
        throw_errno("mmap", name);
    return mapping;
}

int Mapping::numa_node() const noexcept
{
    int node = -1;
    // get_mempolicy(2), with the address: where the page lies. libc has no wrapper.
    const long failed = ::syscall(SYS_get_mempolicy, &node, nullptr, 0UL, data_,
                                  static_cast<unsigned long>(MPOL_F_NODE | MPOL_F_ADDR));
    return failed != 0 ? -1 : node;
}

std::size_t collapse_to_huge_pages(std::span<std::byte> memory) noexcept
{
    if (::madvise(memory.data(), memory.size(), MADV_POPULATE_WRITE) != 0)
        return 0;
    const std::size_t skip =
        (kHugePageBytes - reinterpret_cast<std::uintptr_t>(memory.data()) % kHugePageBytes) %
        kHugePageBytes;
    std::size_t moved = 0;
    for (std::size_t at = skip; at + kHugePageBytes <= memory.size(); at += kHugePageBytes) {
        if (::madvise(memory.data() + at, kHugePageBytes, MADV_COLLAPSE) == 0)
            moved += kHugePageBytes;
    }
    return moved;
}

} // namespace pagewire::core
