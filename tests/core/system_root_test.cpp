// SPDX-License-Identifier: BSD-3-Clause
#include "core/system_root.hpp"
#include "tests/support/fake_system.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pagewire::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

TEST(CpuList, RangesAndSingles)
{
    EXPECT_THAT(parse_cpu_list("0-3,8\n"), Optional(ElementsAre(0, 1, 2, 3, 8)));
    EXPECT_THAT(parse_cpu_list("5"), Optional(ElementsAre(5)));
    EXPECT_THAT(parse_cpu_list(" \n"), Optional(IsEmpty())) << "/sys/devices/system/cpu/isolated";
}

TEST(CpuList, WhatIsNoListIsNothing)
{
    for (const char* text :
         {"x", "1-", "-1", "3-1", "1,,2", "1 2", "0-99999999999", "0-70000", "(null)"})
        EXPECT_EQ(parse_cpu_list(text), std::nullopt) << text;
}

TEST(ValueOf, TakesTheWholeKeyAndNoOther)
{
    const std::string text =
        "MemTotalX: 1\nMemTotal:   24689152 kB\nMemTotal: 2\nflags\t\t: fpu vme\n";
    EXPECT_THAT(value_of(text, "MemTotal"), Optional(std::string("24689152 kB")));
    EXPECT_THAT(value_of(text, "flags"), Optional(std::string("fpu vme")));
    EXPECT_EQ(value_of(text, "Mem"), std::nullopt);
    EXPECT_THAT(value_of("A=b:c", "A", '='), Optional(std::string("b:c")));
}

TEST(SystemFiles, AbsentIsNothing)
{
    tests::FakeSystem system;
    system.file("sys/number", "-1").file("sys/word", "never").file("sys/many", "1 2");
    const auto sys = system.root().sys;
    EXPECT_THAT(read_number(sys / "number"), Optional(-1));
    EXPECT_EQ(read_number(sys / "word"), std::nullopt);
    EXPECT_EQ(read_number(sys / "many"), std::nullopt);
    EXPECT_EQ(read_number(sys / "nothing"), std::nullopt);
    EXPECT_THAT(read_text(sys / "word"), Optional(std::string("never")));
    EXPECT_EQ(read_text(sys / "nothing"), std::nullopt);
    EXPECT_EQ(read_text(sys), std::nullopt) << "a folder";
    EXPECT_THAT(names_in(sys), ElementsAre("many", "number", "word"));
    EXPECT_THAT(names_in(sys / "nothing"), IsEmpty());
}

} // namespace
} // namespace pagewire::core
