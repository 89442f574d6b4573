// SPDX-License-Identifier: BSD-3-Clause
#include "nic/state_journal.hpp"

#include "core/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

namespace pagewire::nic {

namespace {

namespace fs = std::filesystem;
using Outcome = NicRestoration::Outcome;

/// An entry has 70 features and a few lines more: 8 KiB.
constexpr std::size_t kMaxEntryBytes = 1 << 20;

std::string read_boot_id()
{
    constexpr const char* path = "/proc/sys/kernel/random/boot_id";
    std::ifstream file(path);
    std::string id;
    if (!(file >> id))
        core::throw_error(EIO, "read", path);
    return id;
}

std::string read_all(int file)
{
    std::string text;
    std::array<char, 4096> piece{};
    while (true) {
        const auto got = core::checked(
            ::pread(file, piece.data(), piece.size(), static_cast<off_t>(text.size())), "pread");
        if (got == 0)
            return text;
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (text.size() > kMaxEntryBytes)
            throw core::UsageError("damaged: it is longer than any entry");
    }
}

void write_all(int file, std::string_view text, std::uint64_t offset, const std::string& path)
{
    while (!text.empty()) {
        const auto taken = core::checked(
            ::pwrite(file, text.data(), text.size(), static_cast<off_t>(offset)), "write", path);
        text.remove_prefix(static_cast<std::size_t>(taken));
        offset += static_cast<std::uint64_t>(taken);
    }
}

/// The name of a new file is on disk only when its folder is.
void sync_folder(const fs::path& folder)
{
    const core::UniqueFd fd(core::checked(
        ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", folder.string()));
    core::checked(::fsync(fd.get()), "fsync", folder.string());
}

/// The process that has the entry, as far as it has said.
std::string owner_of(const fs::path& path)
{
    try {
        const core::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        const auto entry = file ? parse_state_entry(read_all(file.get())) : std::nullopt;
        return entry ? fmt::format("another pagewire (process {})", entry->pid)
                     : std::string("another pagewire");
    } catch (const std::exception&) {
        return "another pagewire";
    }
}

bool has_no_mac(const DeviceIdentity& identity)
{
    return identity.mac == core::MacAddress{};
}

/// The device of an entry, by index and hardware address; by its name too where it has no address.
std::optional<std::string> device_of(const NetNamespace& netns, const StateEntry& entry)
{
    auto now = find_device(netns, entry.before.identity);
    if (now && has_no_mac(entry.before.identity) && *now != entry.interface)
        return std::nullopt;
    return now;
}

/// Of an entry whose process is gone.
NicRestoration restore_entry(const NetNamespace& netns, const fs::path& path, StateEntry entry)
{
    if (entry.boot_id != read_boot_id()) {
        fs::remove(path);
        return {Outcome::kNothing,
                fmt::format("{}: was changed before the machine was started anew: nothing to "
                            "restore",
                            entry.interface)};
    }
    if (entry.netns != netns.inode()) {
        return {Outcome::kLeft,
                fmt::format("{}: left as it is: it was changed in another network namespace "
                            "(net:[{}]): run \"pagewire nic restore\" there (ip netns exec, "
                            "nsenter), or remove {} when that namespace is gone",
                            entry.interface, entry.netns, path.string())};
    }
    const auto now = device_of(netns, entry);
    if (!now) {
        fs::remove(path);
        return {Outcome::kNothing,
                fmt::format("{}: the device that was changed is gone: nothing to restore",
                            entry.interface)};
    }
    const std::string what = describe_changes(entry.before, entry.changes);
    undo_changes(netns, entry.before, entry.changes);
    fs::remove(path);
    const std::string renamed =
        *now == entry.interface ? "" : fmt::format(" (it was {})", entry.interface);
    return {Outcome::kRestored,
            fmt::format("{}{} is as it was again ({}): process {} was killed before it could see "
                        "to that",
                        *now, renamed, what, entry.pid)};
}

std::vector<fs::path> list_entries(const fs::path& folder)
{
    std::vector<fs::path> paths;
    std::error_code error; // of a folder that is not there: nothing was ever changed
    for (fs::directory_iterator file(folder, error); !error && file != fs::directory_iterator();
         file.increment(error))
        paths.push_back(file->path());
    std::sort(paths.begin(), paths.end());
    return paths;
}

/// Nothing where nothing was changed.
std::optional<NicRestoration> restore_file(const NetNamespace& netns, const fs::path& path)
{
    const core::UniqueFd file = lock_entry(path, 0);
    if (!file) {
        return NicRestoration{Outcome::kLeft, fmt::format("{}: left as it is: it is being changed "
                                                          "by {}",
                                                          path.string(), owner_of(path))};
    }
    auto entry = parse_state_entry(read_all(file.get()));
    if (!entry || entry->changes.empty()) {
        fs::remove(path);
        return std::nullopt;
    }
    return restore_entry(netns, path, std::move(*entry));
}

} // namespace

DeviceJournal::DeviceJournal(const fs::path& folder, const NetNamespace& netns,
                             std::string interface, const DeviceState& before)
    : path_(folder / fmt::format("{}-{}", netns.inode(), before.identity.ifindex))
{
    fs::create_directories(folder);
    file_ = lock_entry(path_, O_CREAT);
    if (!file_) {
        throw core::UsageError(fmt::format("{}: is being changed by {}: wait until it has ended",
                                           interface, owner_of(path_)));
    }
    bool pending = true; // damaged: nobody knows
    try {
        const auto earlier = parse_state_entry(read_all(file_.get()));
        pending = earlier && !earlier->changes.empty();
    } catch (const core::UsageError&) {
    }
    if (pending) {
        throw core::UsageError(fmt::format("{}: a run that was killed has left it changed ({}): "
                                           "pagewire nic restore",
                                           interface, path_.string()));
    }
    core::checked(::ftruncate(file_.get(), 0), "ftruncate", path_.string());
    head_ = entry_head({.interface = std::move(interface),
                        .netns = netns.inode(),
                        .boot_id = read_boot_id(),
                        .pid = ::getpid(),
                        .before = before,
                        .changes = {}});
}

void DeviceJournal::note(const DeviceChange& change)
{
    const std::string text = head_ + entry_line(change);
    try {
        write_all(file_.get(), text, num_bytes_, path_.string());
        core::checked(::fsync(file_.get()), "fsync", path_.string());
        if (!head_.empty())
            sync_folder(path_.parent_path());
    } catch (...) {
        (void)::ftruncate(file_.get(),
                          static_cast<off_t>(num_bytes_)); // no half line in the middle
        throw;
    }
    num_bytes_ += text.size();
    head_.clear();
}

void DeviceJournal::remove() noexcept
{
    std::error_code ignored; // an entry that stays is restored once more, to what is there already
    fs::remove(path_, ignored);
    file_ = {};
}

std::vector<NicRestoration> restore_nic_states(const NetNamespace& netns,
                                               const fs::path& folder) noexcept
{
    std::vector<NicRestoration> restorations;
    for (const fs::path& path : list_entries(folder)) {
        try {
            if (auto restoration = restore_file(netns, path))
                restorations.push_back(std::move(*restoration));
        } catch (const core::SystemError& error) {
            if (error.code().value() != ENOENT) // gone meanwhile: brought back by another
                restorations.push_back({Outcome::kFailed, error.what()});
        } catch (const core::UsageError& error) {
            restorations.push_back(
                {Outcome::kFailed, fmt::format("{}: {}: mend the device by hand, then remove it",
                                               path.string(), error.what())});
        } catch (const std::exception& error) {
            restorations.push_back({Outcome::kFailed, error.what()});
        }
    }
    return restorations;
}

} // namespace pagewire::nic
