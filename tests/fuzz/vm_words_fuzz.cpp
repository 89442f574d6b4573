// SPDX-License-Identifier: BSD-3-Clause
// What the virtual lab reads: of apt, of depmod, of the guest's console.
#include "testbed/vm/apt.hpp"
#include "testbed/vm/console.hpp"
#include "testbed/vm/kernel.hpp"
#include "testbed/vm/modules.hpp"
#include "testbed/vm/tools.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace pagewire::testbed::vm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)parse_index_targets(text);
    (void)parse_madison(text);
    (void)parse_depends(text);
    (void)parse_qemu_version(text);
    (void)load_order(text, {"a", "b"});
    ConsoleTail tail;
    tail.append(text.substr(0, size / 2));
    tail.append(text.substr(size / 2));
    if (tail.lines().size() > ConsoleTail::kNumLines)
        std::abort();
    const std::string_view a = text.substr(0, size / 2);
    const std::string_view b = text.substr(size / 2);
    if (version_less(a, b) && version_less(b, a))
        std::abort(); // no order
    (void)names_release(a, b);
    return 0;
}
