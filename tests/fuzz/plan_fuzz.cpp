// SPDX-License-Identifier: BSD-3-Clause
//
// Any text is a plan or a UsageError of one line; any plan is valid or a UsageError of one line.
//
// Link toml++'s shared library, as the program does. Built in (TOML_HEADER_ONLY) for its coverage,
// version 3.3 stops at an assertion of its own on "[%": give it
// -D'TOML_ASSERT(x)=static_cast<void>(0)' and the fuzzer -only_ascii=1.

#include "testbed/plan.hpp"

#include "core/error.hpp"

#include <array>
#include <cstdlib>

namespace {

using pagewire::core::Method;
using pagewire::core::Wire;

Method method(std::string_view name, Wire wire)
{
    Method result;
    result.name = name;
    result.wire = wire;
    return result;
}

const std::array kMethods{method("read_write", Wire::kTcp), method("mmap_write", Wire::kTcp),
                          method("sendfile", Wire::kTcp),   method("sendfile_sg", Wire::kTcp),
                          method("af_xdp", Wire::kUdp),     method("null", Wire::kNone)};
const std::array<const Method*, 6> kKnown{&kMethods[0], &kMethods[1], &kMethods[2],
                                          &kMethods[3], &kMethods[4], &kMethods[5]};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        validate_plan(pagewire::testbed::parse_plan(text, "plan.toml"), kKnown);
    } catch (const pagewire::core::UsageError& e) {
        const std::string_view message = e.what();
        if (message.empty() || message.find_first_of("\n\r\x1b") != std::string_view::npos)
            std::abort();
    }
    return 0;
}
