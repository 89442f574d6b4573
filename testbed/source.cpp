// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/source.hpp"

#include "core/error.hpp"
#include "testbed/generated_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pagewire::testbed {

namespace {

core::ByteRange checked_range(const Plan& plan, const std::string& path, std::uint64_t size)
{
    if (plan.offset >= size)
        throw core::UsageError(
            fmt::format("{}: offset {} lies behind its end ({} bytes)", path, plan.offset, size));
    const std::uint64_t rest = size - plan.offset;
    if (plan.length > rest)
        throw core::UsageError(
            fmt::format("{}: {} bytes from offset {} go beyond its end ({} bytes)", path,
                        plan.length, plan.offset, size));
    return {.offset = plan.offset, .length = plan.length == 0 ? rest : plan.length};
}

} // namespace

Source Source::open(const Plan& plan)
{
    Source source;
    source.path = plan.path.empty() ? generated_file(plan.generated_bytes) : plan.path;
    source.fd = core::open_source_file(source.path);
    source.identity = core::FileIdentity::of(source.fd.get(), source.path);
    source.range = checked_range(plan, source.path, source.identity.size);
    try {
        source.digests = core::digest_file(source.fd.get(), source.range, source.path);
    } catch (const core::SystemError& error) {
        throw core::UsageError(error.what());
    }
    return source;
}

bool Source::is_sparse() const
{
    struct stat status {};

    core::checked(::fstat(fd.get(), &status), "fstat", path);
    constexpr off_t block_bytes = 512; // of st_blocks, stat(3)
    return status.st_blocks * block_bytes < status.st_size;
}

std::string Source::change() const
{
    // By name: what a worker would open now, be it another file.
    const core::UniqueFd now(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!now)
        return fmt::format("it cannot be opened any more: {}", core::errno_text(errno));
    return identity.difference(core::FileIdentity::of(now.get(), path));
}

} // namespace pagewire::testbed
