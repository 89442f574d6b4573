// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/generated_file.hpp"
#include "tests/testbed/disk_folder.hpp"
#include "tests/testbed/usage_error.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

namespace pagewire::testbed {
namespace {

/// The environment as it was, after the test.
class CacheFolder : public DiskFolder {
  protected:
    void SetUp() override
    {
        DiskFolder::SetUp();
        for (const char* name : {"PAGEWIRE_CACHE", "XDG_CACHE_HOME", "HOME"}) {
            const char* value = std::getenv(name);
            before_[name] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
            ::unsetenv(name);
        }
    }

    void TearDown() override
    {
        for (const auto& [name, value] : before_)
            set(name, value);
        DiskFolder::TearDown();
    }

    static void set(const std::string& name, const std::optional<std::string>& value)
    {
        if (value)
            ::setenv(name.c_str(), value->c_str(), 1);
        else
            ::unsetenv(name.c_str());
    }

  private:
    std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(CacheFolder, OrderOfTheVariables)
{
    set("HOME", path("home"));
    EXPECT_EQ(cache_folder(), path("home/.cache/pagewire"));
    set("XDG_CACHE_HOME", path("xdg"));
    EXPECT_EQ(cache_folder(), path("xdg/pagewire"));
    set("PAGEWIRE_CACHE", path("own/deep"));
    EXPECT_EQ(cache_folder(), path("own/deep"));
    EXPECT_EQ(cache_folder(), path("own/deep")) << "when it is there already";
    for (const char* made : {"home/.cache/pagewire", "xdg/pagewire", "own/deep"})
        EXPECT_TRUE(std::filesystem::is_directory(path(made))) << made;
    EXPECT_EQ(generated_file(4096), path("own/deep/random-4096B.bin"));
}

TEST_F(CacheFolder, EmptyAndRelativeVariables)
{
    set("HOME", path("home"));
    set("PAGEWIRE_CACHE", "");
    set("XDG_CACHE_HOME", "relative");
    EXPECT_EQ(cache_folder(), path("home/.cache/pagewire"));
    set("XDG_CACHE_HOME", "");
    EXPECT_EQ(cache_folder(), path("home/.cache/pagewire"));
}

TEST_F(CacheFolder, RelativeFolderBecomesAbsolute)
{
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder_);
    set("PAGEWIRE_CACHE", "./here");
    const std::string folder = cache_folder();
    std::filesystem::current_path(before);
    EXPECT_EQ(folder, path("here"));
}

TEST_F(CacheFolder, NoVariableAtAll)
{
    EXPECT_EQ(
        error_of([] { (void)cache_folder(); }),
        "no folder for generated files: HOME is not set: set PAGEWIRE_CACHE to a folder on a disk");
}

TEST_F(CacheFolder, FileInTheWay)
{
    std::ofstream(path("file")) << "";
    for (const char* folder : {"file", "file/below"}) {
        set("PAGEWIRE_CACHE", path(folder));
        EXPECT_EQ(error_of([] { (void)cache_folder(); }),
                  path(folder) +
                      ": no folder for generated files: Not a directory: set PAGEWIRE_CACHE to a "
                      "folder on a disk");
    }
}

/// Whether cache_folder() says "Permission denied" to a user who is not root. access(2) asks for
/// the real user: the change is for good, in a process that ends with it.
bool is_denied()
{
    return status_of_child([] {
               if (::getuid() == 0)
                   core::checked(::setuid(kNobody), "setuid");
               const std::string error = error_of([] { (void)cache_folder(); });
               if (error.find(": Permission denied: set PAGEWIRE_CACHE") == std::string::npos)
                   ::_exit(2);
           }) == 0;
}

TEST_F(CacheFolder, MayNotBeMadeOrWritten)
{
    ASSERT_EQ(::chmod(folder_.c_str(), 0555), 0);
    set("PAGEWIRE_CACHE", path("new"));
    EXPECT_TRUE(is_denied());
    set("PAGEWIRE_CACHE", folder_);
    EXPECT_TRUE(is_denied());
}

} // namespace
} // namespace pagewire::testbed
