// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/temp_folder.hpp"
#include "tests/testbed/plan_expect.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace pagewire::testbed {
namespace {

using core::kKiB;
using core::kMiB;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class PlanExtends : public ::testing::Test {
  protected:
    void write(const std::string& name, const std::string& text) const
    {
        std::ofstream(path(name)) << text;
    }

    [[nodiscard]] std::string path(const std::string& name) const
    {
        return folder_.path() + "/" + name;
    }

    [[nodiscard]] std::string error(const std::string& name) const
    {
        return error_of([&] { (void)load_plan(path(name)); });
    }

  private:
    tests::TempFolder folder_;
};

TEST_F(PlanExtends, WhatItDoesNotSayIsTheOthers)
{
    write("base.toml", "[file]\nsize = \"3 MiB\"\n[run]\nrounds = 9\nchunk = [4096, 8192]\n"
                       "[[arms]]\nname = \"a\"\n[[arms]]\nname = \"b\"\n");
    write("derived.toml", "extends = \"base.toml\"\n[run]\nchunk = \"64 KiB\"\n");
    const Plan derived = load_plan(path("derived.toml"));
    EXPECT_EQ(derived.generated_bytes, 3 * kMiB);
    EXPECT_EQ(derived.rounds, 9U);
    EXPECT_EQ(derived.chunk_bytes, 64 * kKiB);
    EXPECT_EQ(derived.matrix, Matrix{}); // a value takes the place of the list
    EXPECT_EQ(derived.arms.size(), 2U);

    write("third.toml", "extends = \"./derived.toml\"\n[[arms]]\nname = \"c\"\n"
                        "[file]\npath = \"/x\"\n");
    const Plan third = load_plan(path("third.toml"));
    ASSERT_EQ(third.arms.size(), 1U); // arms take the place of arms
    EXPECT_EQ(third.arms[0].name, "c");
    EXPECT_EQ(third.rounds, 9U);
    EXPECT_EQ(third.path, "/x");

    write("fourth.toml", "extends = \"third.toml\"\n[file]\nsize = 4096\n");
    EXPECT_EQ(load_plan(path("fourth.toml")).path, ""); // a size is a generated file's
}

TEST_F(PlanExtends, MistakesAreNamedWhereTheyStand)
{
    write("base.toml", "[run]\nrounds = 0\n");
    write("derived.toml", "extends = \"base.toml\"\n");
    EXPECT_THAT(error("derived.toml"), HasSubstr("base.toml:2:10: run.rounds: 0 is not possible"));
    write("lost.toml", "\nextends = \"nowhere.toml\"\n");
    EXPECT_THAT(error("lost.toml"), HasSubstr("lost.toml:2:11: extends: "));
    EXPECT_THAT(error("lost.toml"), HasSubstr("nowhere.toml: is no file"));
    write("folder.toml", "extends = \".\"\n");
    EXPECT_THAT(error("folder.toml"), HasSubstr("is no file"));
    write("circle.toml", "extends = \"circle.toml\"\n");
    EXPECT_THAT(error("circle.toml"), EndsWith("do they go round in a circle?"));
    EXPECT_THAT(parse_error("extends = \"base.toml\""),
                HasSubstr("plan.toml:1:11: extends: text extends no plan"));
}

/// What is wrong between keys is known only when the plan is whole, and still has its place.
TEST_F(PlanExtends, MistakesAcrossKeysAreNamedWhereTheyStand)
{
    write("base.toml",
          "[run]\nbaseline = \"sendfile\"\nmethods = [\"read_write\", \"sendfile\"]\n");
    write("derived.toml", "extends = \"base.toml\"\n[run]\nmethods = [\"read_write\"]\n");
    const Plan as_read = load_plan(path("derived.toml"));
    const auto error_with = [&](const Plan& plan) {
        return error_of([&] { validate_plan(plan, as_read, kKnown); });
    };
    EXPECT_EQ(error_with(as_read), path("base.toml") +
                                       ":2:12: run.baseline: sendfile is none of "
                                       "run.methods: add it there, or name another");
    Plan mended = as_read; // by the command line
    mended.methods.emplace_back("sendfile");
    EXPECT_NO_THROW(validate_plan(mended, as_read, kKnown));
    Plan spoilt = as_read;
    spoilt.methods.clear();
    EXPECT_THAT(error_with(spoilt), testing::StartsWith("run.methods: is empty"));

    write("latency.toml",
          "[latency]\nsizes = [4096]\n[run]\nmethods = [\"sendfile\"]\nchunk = [1, 2]\n");
    const Plan unfelt = load_plan(path("latency.toml"));
    EXPECT_THAT(error_of([&] { validate_plan(unfelt, unfelt, kKnown); }),
                testing::StartsWith(path("latency.toml") + ":5:9: run.chunk: makes no difference"));
    Plan no_file;
    no_file.rounds = 0;
    EXPECT_THAT(error_of([&] { validate_plan(no_file, no_file, kKnown); }),
                testing::StartsWith("run.rounds: 0 is not possible"));
}

} // namespace
} // namespace pagewire::testbed
