// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"
#include "testbed/doctor/known_bad.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pagewire::testbed::doctor {
namespace {

using testing::HasSubstr;

Nic nic_of(const char* driver, bool xsk_zerocopy)
{
    return {.interface = "eth0",
            .driver = driver,
            .numa_node = {},
            .irqs = {},
            .xsk_zerocopy = xsk_zerocopy,
            .napi_tx = {},
            .unreadable = {}};
}

const std::string kEntry = R"([[combination]]
driver = "ice"
needs = "xsk-zerocopy"
kernel_from = "6.1"
kernel_before = "6.11"
severity = "warning"
what = "w"
why = "y"
fix = "f"
source = "s"
)";

std::string refusal(const std::string& toml)
{
    try {
        (void)parse_known_bad(toml);
    } catch (const core::UsageError& error) {
        return error.what();
    }
    ADD_FAILURE() << "accepted: " << toml;
    return {};
}

TEST(KnownBad, EmbeddedListIsWellFormed)
{
    EXPECT_GE(known_bad().size(), 5U);
    for (const KnownBad& bad : known_bad())
        EXPECT_TRUE(bad.source.starts_with("https://") || bad.source.starts_with("Linux, "))
            << bad.driver << ": " << bad.source;
}

TEST(KnownBad, MatchesItsDriverInItsKernels)
{
    const KnownBad bad = parse_known_bad(kEntry).at(0);
    const auto matches = [&](const char* driver, bool zerocopy, std::optional<KernelVersion> v) {
        return bad.matches(nic_of(driver, zerocopy), v);
    };
    EXPECT_TRUE(matches("ice", true, KernelVersion{.major = 6, .minor = 1}));
    EXPECT_TRUE(matches("ice", true, KernelVersion{.major = 6, .minor = 10}));
    EXPECT_FALSE(matches("ice", true, KernelVersion{.major = 6, .minor = 11}));
    EXPECT_FALSE(matches("ice", true, KernelVersion{.major = 6, .minor = 0}));
    EXPECT_FALSE(matches("ice", true, KernelVersion{.major = 7, .minor = 2}));
    EXPECT_TRUE(matches("ice", true, std::nullopt)) << "it may be one of them";
    EXPECT_FALSE(matches("ice", false, KernelVersion{.major = 6, .minor = 1}));
    EXPECT_FALSE(matches("i40e", true, KernelVersion{.major = 6, .minor = 1}));
}

TEST(KnownBad, NapiOffIsNotNapiUnknown)
{
    std::string text = kEntry;
    text.replace(text.find("xsk-zerocopy"), 12, "napi-tx-off");
    const KnownBad bad = parse_known_bad(text).at(0);
    Nic nic = nic_of("ice", true);
    EXPECT_FALSE(bad.matches(nic, std::nullopt));
    nic.napi_tx = true;
    EXPECT_FALSE(bad.matches(nic, std::nullopt));
    nic.napi_tx = false;
    EXPECT_TRUE(bad.matches(nic, std::nullopt));
}

TEST(KnownBad, MistakesAreNamed)
{
    const auto changed = [](const std::string& from, const std::string& to) {
        std::string text = kEntry;
        return text.replace(text.find(from), from.size(), to);
    };
    EXPECT_THAT(refusal(changed("source = \"s\"\n", "")),
                HasSubstr("combination 1, key \"source\""));
    EXPECT_THAT(refusal(changed("source = \"s\"", "source = \"\"")), HasSubstr("source"));
    EXPECT_THAT(refusal(changed("\"warning\"", "\"grave\"")), HasSubstr("\"grave\""));
    EXPECT_THAT(refusal(changed("\"6.11\"", "\"six\"")), HasSubstr("kernel_before"));
    EXPECT_THAT(refusal(changed("driver =", "drive =")), HasSubstr("\"drive\": unknown key"));
    EXPECT_THAT(refusal("[[combination]\n"), HasSubstr("line 1"));
    EXPECT_THAT(refusal("combination = [1]"), HasSubstr("not a list of tables"));
}

TEST(KernelVersion, TakesTheFirstTwoNumbers)
{
    EXPECT_EQ(parse_kernel_version("6.18.44-fc"), (KernelVersion{.major = 6, .minor = 18}));
    EXPECT_EQ(parse_kernel_version("7.0-rc1"), (KernelVersion{.major = 7, .minor = 0}));
    for (const char* text : {"", "6", "6.", "six.1", ".1"})
        EXPECT_EQ(parse_kernel_version(text), std::nullopt) << text;
}

} // namespace
} // namespace pagewire::testbed::doctor
