// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "testbed/plan.hpp"
#include "tests/testbed/usage_error.hpp"

#include <gtest/gtest.h>

#include <array>

/// What the tests of the plan share: a text to a plan or to its error, a plan to valid or to its
/// error.
namespace pagewire::testbed {

inline Plan parsed(std::string_view text)
{
    return parse_plan(text, "plan.toml");
}

inline std::string parse_error(std::string_view text)
{
    return error_of([&] { (void)parsed(text); });
}

inline core::Method method(std::string_view name, core::Wire wire)
{
    core::Method result;
    result.name = name;
    result.wire = wire;
    return result;
}

inline const std::array kMethods{
    method("read_write", core::Wire::kTcp), method("mmap_write", core::Wire::kTcp),
    method("sendfile", core::Wire::kTcp),   method("sendfile_sg", core::Wire::kTcp),
    method("af_xdp", core::Wire::kUdp),     method("dpdk", core::Wire::kUdp),
    method("null", core::Wire::kNone)};
inline const std::array<const core::Method*, 7> kKnown{&kMethods[0], &kMethods[1], &kMethods[2],
                                                       &kMethods[3], &kMethods[4], &kMethods[5],
                                                       &kMethods[6]};

inline void expect_valid(const Plan& plan)
{
    EXPECT_NO_THROW(validate_plan(plan, kKnown));
}

inline std::string invalid(const Plan& plan)
{
    return error_of([&] { validate_plan(plan, kKnown); });
}

} // namespace pagewire::testbed
