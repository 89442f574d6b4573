// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/plan_folder.hpp"

#include "core/error.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/thrown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace pagewire::testbed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PlanFolder : public testing::Test {
  protected:
    PlanFolder()
    {
        for (const char* name : {"quick.toml", "classic.toml", "notes.txt"})
            std::ofstream(folder() / name) << "# a plan\n";
    }

    [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }

    [[nodiscard]] std::string error_of(const std::string& word,
                                       const std::filesystem::path& where) const
    {
        return tests::thrown<core::UsageError>([&] { (void)find_plan(word, where); });
    }

  private:
    tests::TempFolder folder_;
};

TEST_F(PlanFolder, ListsPlansAndNothingElse)
{
    EXPECT_THAT(shipped_plans(folder()), ElementsAre("classic", "quick"));
    EXPECT_THAT(shipped_plans(folder() / "missing"), IsEmpty());
}

TEST_F(PlanFolder, NameIsThatOfAnInstalledPlan)
{
    EXPECT_EQ(find_plan("quick", folder()), (folder() / "quick.toml").string());
}

TEST_F(PlanFolder, FileIsTakenAsWritten)
{
    EXPECT_EQ(find_plan("missing.toml", folder()), "missing.toml");
    EXPECT_EQ(find_plan("missing/quick", folder()), "missing/quick");
    const std::string file = folder() / "notes.txt";
    EXPECT_EQ(find_plan(file, folder()), file);
}

TEST_F(PlanFolder, UnknownNameListsTheKnown)
{
    EXPECT_THAT(error_of("quik", folder()),
                AllOf(HasSubstr("quik: no such plan"), HasSubstr("classic, quick")));
    EXPECT_THAT(error_of("quick", folder() / "missing"), HasSubstr("no plans are installed in"));
}

TEST_F(PlanFolder, IsBesideTheExecutable)
{
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
    EXPECT_TRUE(plan_folder().is_absolute());
    EXPECT_EQ(plan_folder().filename(), "configs");
    EXPECT_NE(plan_folder().string().find(self.parent_path().parent_path().string()),
              std::string::npos);
}

} // namespace
} // namespace pagewire::testbed
