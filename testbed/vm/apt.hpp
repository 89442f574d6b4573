// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// Debian packages without installing any: apt with lists and a cache of its own, from the archive
/// that the machine's own configuration names, checked by apt against Debian's keys. Nothing of the
/// machine's configuration or package state is changed.
namespace pagewire::testbed::vm {

/// One line of sources.list(5).
struct AptSource {
    std::string uri;
    std::string suite;

    bool operator==(const AptSource&) const = default;
};

/// What `apt-get indextargets` said in kIndexFormat: the sources that are Debian's, without
/// repetition. Lines of others and malformed ones are passed over.
[[nodiscard]] std::vector<AptSource> parse_index_targets(std::string_view text);
inline constexpr const char* kIndexFormat = "$(ORIGIN)|$(COMPONENT)|$(REPO_URI)|$(RELEASE)";

/// A version of a package and where it is to be had, of `apt-cache madison`.
struct PackageVersion {
    std::string package;
    std::string version;
    std::string suite;

    bool operator==(const PackageVersion&) const = default;
};

[[nodiscard]] std::vector<PackageVersion> parse_madison(std::string_view text);

/// Names in the field `Depends` of `apt-cache show`, of the first version told of; alternatives
/// each by itself.
[[nodiscard]] std::vector<std::string> parse_depends(std::string_view text);

/// Debian's sources of this machine. Its own lists tell; where it has none yet, they are fetched
/// into `scratch`. Throws core::UsageError where there is no apt, or no Debian archive in its
/// configuration.
[[nodiscard]] std::vector<AptSource> machine_sources(const std::filesystem::path& scratch);

/// The archive itself among them, of which backports and other releases are had too.
[[nodiscard]] std::string main_archive(const std::vector<AptSource>& sources);

class AptState {
  public:
    /// `folder` is made when missing, and may be removed when this is gone.
    AptState(std::filesystem::path folder, const std::vector<AptSource>& sources);

    /// Fetches the lists. A suite that the archive does not have is no error: it has no packages.
    void update();

    [[nodiscard]] std::vector<PackageVersion> versions(const std::string& package) const;

    /// Of "package=version" or "package/suite".
    [[nodiscard]] std::vector<std::string> depends(const std::string& package) const;

    /// Fetches exactly these ("package=version") and unpacks them below `root`.
    void unpack(const std::vector<std::string>& packages, const std::filesystem::path& root) const;

    /// Fetches these and what they need and this machine does not have, and unpacks them below
    /// `root`.
    void unpack_with_needed(const std::vector<std::string>& packages,
                            const std::filesystem::path& root) const;

  private:
    [[nodiscard]] std::vector<std::string> command(const std::string& program) const;
    void unpack_archives(const std::filesystem::path& root) const;

    std::filesystem::path folder_;
};

} // namespace pagewire::testbed::vm
