// SPDX-License-Identifier: BSD-3-Clause

/// libFuzzer target: whatever a journal entry holds is an entry, nothing or a core::UsageError; and
/// an entry can be written again, and read as the same.

#include "core/error.hpp"
#include "nic/state_entry.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace pagewire;

constexpr std::string_view kHead =
    R"({"schema":"pagewire.nic-state/1","interface":"eth0","ifindex":2,"mac":"02:00:00:00:00:01",)"
    R"("netns":1,"boot_id":"b","pid":1,"mtu":1500,"up":true,"features":{"a":["hw"]},"rings":null,)"
    R"("hw_timestamping":null})";

void take(std::string_view text)
{
    try {
        const auto entry = nic::parse_state_entry(text);
        if (!entry)
            return;
        std::string again = nic::entry_head(*entry);
        for (const nic::DeviceChange& change : entry->changes)
            again += nic::entry_line(change);
        (void)nic::describe_changes(entry->before, entry->changes);
        if (nic::parse_state_entry(again) != entry)
            std::abort();
    } catch (const core::UsageError&) {
        // refused, as most texts must be
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string text(reinterpret_cast<const char*>(data), size);
    take(text);
    // The same as what follows a good first line.
    take(std::string(kHead) + '\n' + text + '\n');
    return 0;
}
