// SPDX-License-Identifier: BSD-3-Clause
#include "cli/output.hpp"

#include "core/error.hpp"
#include "core/unique_fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace pagewire::cli {

namespace {

core::UsageError cannot_write(const std::string& path, int error)
{
    return core::UsageError(fmt::format("{}: cannot be written: {}: choose another place", path,
                                        core::errno_text(error)));
}

std::string folder_of(const std::string& path)
{
    const std::string parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

void require_folder(const std::string& folder)
{
    // access(2) is not enough: root may write everywhere but on a read-only or a pseudo file
    // system.
    const core::UniqueFd probe(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
    if (!probe && errno != EOPNOTSUPP && errno != EISDIR)
        throw cannot_write(folder, errno);
    if (!probe && ::access(folder.c_str(), W_OK | X_OK) != 0)
        throw cannot_write(folder, errno);
}

void write_all(int fd, const std::string& text, const std::string& path)
{
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t put = ::write(fd, text.data() + at, text.size() - at);
        if (put < 0 && errno != EINTR)
            throw cannot_write(path, errno);
        at += put > 0 ? static_cast<std::size_t>(put) : 0;
    }
}

} // namespace

void require_writable(const std::string& path)
{
    std::error_code error;
    const auto kind = std::filesystem::status(path, error).type();
    if (kind == std::filesystem::file_type::directory)
        throw cannot_write(path, EISDIR);
    if (kind == std::filesystem::file_type::none) // a link of itself, a name too long
        throw cannot_write(path, error.value());
    require_folder(folder_of(path));
}

void make_writable_folder(const std::string& folder)
{
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error)
        throw cannot_write(folder, error.value());
    require_folder(folder);
}

CLI::Validator is_named()
{
    return {[](const std::string& word) {
                return word.empty() ? std::string("the name is empty: write one, or leave it out")
                                    : std::string();
            },
            ""};
}

CLI::Validator names_a_file()
{
    return {[](const std::string& word) -> std::string {
                if (word == "-")
                    return "- for stdout is not possible: name a file";
                return word.empty() ? "the name is empty: name a file" : "";
            },
            ""};
}

void require_other_file(const std::string& path, const std::string& input)
{
    if (is_same_file(path, input))
        throw core::UsageError(
            fmt::format("{}: is the document itself: write the report elsewhere", path));
}

bool is_same_file(const std::string& one, const std::string& other)
{
    std::error_code error; // where one is not there yet, its name decides
    return std::filesystem::equivalent(one, other, error) ||
           std::filesystem::weakly_canonical(one, error) ==
               std::filesystem::weakly_canonical(other, error);
}

void write_file(const std::string& path, const std::string& text)
{
    // Written without a name and given it when whole: a killed process leaves nothing half done.
    // What may not be replaced (a device, a FIFO, a link, a file with other names) and file systems
    // without O_TMPFILE get the text written in place.
    struct ::stat is {};

    const bool exists = ::lstat(path.c_str(), &is) == 0;
    const bool in_place = exists && (!S_ISREG(is.st_mode) || is.st_nlink > 1);
    const core::UniqueFd unnamed(
        ::open(folder_of(path).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
    if (in_place || !unnamed) {
        const core::UniqueFd file(
            ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        if (!file)
            throw cannot_write(path, errno);
        write_all(file.get(), text, path);
        return;
    }
    if (exists && ::fchmod(unnamed.get(), is.st_mode & 07777) != 0)
        throw cannot_write(path, errno);
    write_all(unnamed.get(), text, path);
    const std::string self = fmt::format("/proc/self/fd/{}", unnamed.get());
    const auto link_to = [&](const std::string& name) {
        if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
            throw cannot_write(path, errno);
    };
    if (!exists) {
        link_to(path);
        return;
    }
    // There is no link(2) that replaces. Killed between the two, the old file is whole and so is
    // the new one, under a name that the next writer takes away.
    const std::string beside = path + ".new";
    if (::unlink(beside.c_str()) != 0 && errno != ENOENT)
        throw cannot_write(beside, errno);
    link_to(beside);
    if (::rename(beside.c_str(), path.c_str()) != 0) {
        const int error = errno;
        ::unlink(beside.c_str());
        throw cannot_write(path, error);
    }
}

Output::Output(std::string folder, std::string json_file)
    : folder_(std::move(folder)),
      json_file_(std::move(json_file))
{
    if (!folder_.empty())
        make_writable_folder(folder_);
    if (!json_file_.empty() && json_file_ != "-")
        require_writable(json_file_);
}

void Output::write(const nlohmann::json& document, const std::string& table) const
{
    const std::string text = document.dump(2) + "\n";
    if (!folder_.empty()) {
        write_file(folder_ + "/result.json", text);
        write_file(folder_ + "/table.txt", table);
    }
    if (json_file_ == "-")
        write_all(STDOUT_FILENO, text, "stdout");
    else if (!json_file_.empty())
        write_file(json_file_, text);
}

} // namespace pagewire::cli
