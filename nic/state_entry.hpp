// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "nic/device_state.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The text of a journal entry. The first line, a JSON object, tells the device and all of its
/// state as it was found; every line after it tells one change, and is there before the change is
/// made:
///
///     {"schema":"pagewire.nic-state/1","interface":"eth0","ifindex":2,"mac":"02:...","netns":...}
///     {"change":"features","was":{"tx-scatter-gather":true}}
///     {"change":"address","added":"192.0.2.1/24"}
///
/// A last line without its end was being written when its process was killed: what it tells was not
/// begun.
namespace pagewire::nic {

struct StateEntry {
    std::string interface;   ///< its name when it was changed
    std::uint32_t netns = 0; ///< inode of its network namespace
    std::string boot_id;     ///< inodes and indices are of one boot
    int pid = 0;             ///< whose changes they are, for a person
    DeviceState before;
    std::vector<DeviceChange> changes;

    bool operator==(const StateEntry&) const = default;
};

/// The first line, without `changes`; and the line of one change. Both with their end.
[[nodiscard]] std::string entry_head(const StateEntry& entry);
[[nodiscard]] std::string entry_line(const DeviceChange& change);

/// Nothing where not even the first line is whole: nothing was changed. Throws core::UsageError
/// that says in one line what is damaged, whatever the text is.
[[nodiscard]] std::optional<StateEntry> parse_state_entry(std::string_view text);

} // namespace pagewire::nic
