// SPDX-License-Identifier: BSD-3-Clause

/// Which interfaces must not be changed, against the real kernel's routes. Needs root, and fails
/// without.

#include "core/error.hpp"
#include "nic/change_permission.hpp"
#include "tests/nic/veth_fixture.hpp"
#include "tests/support/temp_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace pagewire::nic {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const std::optional<std::string> kNoSsh;

class ChangePermissionTest : public VethTest {
  protected:
    ChangePermissionTest() { connect(); }

    std::string obstacle(const std::optional<std::string>& ssh = kNoSsh)
    {
        return change_obstacle(near_, kNearName, ssh);
    }
};

TEST_F(ChangePermissionTest, ALabsLinkMayBeChanged)
{
    EXPECT_EQ(obstacle(), "");
    EXPECT_THAT(
        thrown_by<core::UsageError>([&] { (void)change_obstacle(near_, "pwnone", kNoSsh); }),
        HasSubstr("no interface \"pwnone\""));
}

TEST_F(ChangePermissionTest, NotOneWithADefaultRoute)
{
    run_inside(near_, "ip route add default via 198.18.0.2");
    EXPECT_THAT(obstacle(), AllOf(StartsWith("pwnear: carries a default route"),
                                  HasSubstr("choose an interface")));
    EXPECT_EQ(change_obstacle(near_, "lo", kNoSsh), "") << "another interface";
}

TEST_F(ChangePermissionTest, NotOneWithADefaultRouteOfIpv6)
{
    run_inside(near_, "ip -6 route add default dev pwnear");
    EXPECT_THAT(obstacle(), StartsWith("pwnear: carries a default route"));
}

TEST_F(ChangePermissionTest, NotOneOfSeveralHopsOrOfAnotherTable)
{
    run_inside(near_, "ip link add pwtwo type veth peer name pwthree && ip link set pwtwo up && "
                      "ip address add 198.19.0.1/24 dev pwtwo");
    run_inside(near_, "ip route add default nexthop via 198.19.0.2 dev pwtwo "
                      "nexthop via 198.18.0.2 dev pwnear");
    EXPECT_THAT(obstacle(), StartsWith("pwnear: carries a default route"));
    run_inside(near_, "ip route delete default");
    EXPECT_EQ(obstacle(), "");
    run_inside(near_, "ip route add default via 198.18.0.2 table 77");
    EXPECT_THAT(obstacle(), StartsWith("pwnear: carries a default route"));
}

TEST_F(ChangePermissionTest, NotOneWithTheSshSessionsAddress)
{
    EXPECT_THAT(obstacle("203.0.113.9 50000 198.18.0.1 22"),
                StartsWith("pwnear: carries your ssh session"));
    EXPECT_EQ(obstacle("203.0.113.9 50000 198.51.100.1 22"), "");
    EXPECT_EQ(obstacle("nonsense"), "");
    EXPECT_EQ(obstacle(""), "");
}

TEST_F(ChangePermissionTest, NotOneThatPacketsToTheSshClientLeaveBy)
{
    run_inside(near_, "ip route add 203.0.113.0/24 via 198.18.0.2");
    EXPECT_THAT(obstacle("203.0.113.9 50000 198.51.100.1 22"),
                StartsWith("pwnear: carries your ssh session"));
    EXPECT_EQ(obstacle("203.0.114.9 50000 198.51.100.1 22"), "");
    run_inside(near_, "ip -6 route add 2001:db8:1::/64 dev pwnear");
    EXPECT_THAT(obstacle("2001:db8:1::9 50000 2001:db8:2::1 22"),
                StartsWith("pwnear: carries your ssh session"));
}

/// A macvlan tells the interface under it as a VLAN does (IFLA_LINK), and more kernels have it.
TEST_F(ChangePermissionTest, NotOneUnderAVlan)
{
    run_inside(near_, "ip link add link pwnear name pwvlan type macvlan && "
                      "ip link set pwvlan up && ip address add 198.19.1.1/24 dev pwvlan");
    EXPECT_EQ(obstacle(), "");
    EXPECT_THAT(obstacle("203.0.113.9 50000 198.19.1.1 22"),
                StartsWith("pwnear: pwvlan above it carries your ssh session"));
    run_inside(near_, "ip route add default via 198.19.1.2");
    EXPECT_THAT(obstacle(), StartsWith("pwnear: pwvlan above it carries a default route"));
    EXPECT_THAT(change_obstacle(near_, "pwvlan", kNoSsh), StartsWith("pwvlan: carries a default"));
}

/// In whatever order the kernel lists them.
TEST_F(ChangePermissionTest, NotAPortOfABridgeNorWhatIsUnderItsVlan)
{
    run_inside(near_, "ip link add pwbridge index 50 type bridge && "
                      "ip link set pwnear master pwbridge && "
                      "ip link add link pwbridge name pwvlan index 40 type macvlan && "
                      "ip link set pwbridge up && ip link set pwvlan up && "
                      "ip address add 198.19.1.1/24 dev pwvlan && "
                      "ip route add default via 198.19.1.2");
    EXPECT_THAT(obstacle(), StartsWith("pwnear: pwvlan above it carries a default route"));
}

/// A veth end tells the other's index, which means another link in this namespace.
TEST_F(ChangePermissionTest, TheIndexOfAnotherNamespaceIsNoLinkHere)
{
    const NetNamespace third = NetNamespace::create_anonymous();
    create_veth_pair(near_, third, {.near_name = "pwtwo", .far_name = "pwthree"});
    ASSERT_EQ(link_facts(third, "pwthree").index, link_facts(near_, kNearName).index);
    set_link_up(near_, "pwtwo");
    set_link_up(third, "pwthree");
    run_inside(near_, "ip route add default dev pwtwo");
    EXPECT_EQ(obstacle(), "");
    EXPECT_THAT(change_obstacle(near_, "pwtwo", kNoSsh), StartsWith("pwtwo: carries a default"));
}

/// A process whose parent alone has the variable.
TEST(CallersSshConnection, IsFoundBehindSudo)
{
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    const tests::TempFolder output;
    const std::string command =
        "SSH_CONNECTION='192.0.2.3 1 192.0.2.4 22' sh -c 'env -u SSH_CONNECTION " +
        (folder / "callers_ssh").string() + " >" + output.path() + "/found; exit $?'";
    ASSERT_EQ(std::system(command.c_str()), 0); // NOLINT(cert-env33-c)
    std::string found;
    std::ifstream file(output.path() + "/found");
    std::getline(file, found);
    EXPECT_EQ(found, "192.0.2.3 1 192.0.2.4 22");
}

TEST(CallersSshConnection, IsTheEnvironments)
{
    ASSERT_EQ(::setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22", 1), 0);
    EXPECT_EQ(callers_ssh_connection(), "192.0.2.1 1 192.0.2.2 22");
    ASSERT_EQ(::unsetenv("SSH_CONNECTION"), 0);
}

} // namespace
} // namespace pagewire::nic
