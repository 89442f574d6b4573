// SPDX-License-Identifier: BSD-3-Clause
// From a plan's file, or its text, to the plan; and from the file that it extends.
#include "testbed/plan.hpp"
#include "testbed/plan_value.hpp"

#include "core/error.hpp"
#include "core/unique_fd.hpp"
#include "core/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <span>

namespace pagewire::testbed {

namespace {

using core::UsageError;

/// A plan is a screenful; a file larger than this was named by mistake.
constexpr std::size_t kMaxPlanBytes = core::kMiB;

/// Of plans that extend each other: deeper was written by mistake, in a circle for example.
constexpr std::size_t kMaxDepth = 8;

std::string read_text(const std::string& file)
{
    const core::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd)
        throw UsageError(fmt::format("{}: cannot be read: {}", file, core::errno_text(errno)));
    std::string text;
    std::array<char, 16 * core::kKiB> piece{};
    while (true) {
        const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
        if (got == 0)
            return text;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EISDIR)
            throw UsageError(fmt::format("{}: is a directory: name a plan file", file));
        if (got < 0)
            throw UsageError(fmt::format("{}: cannot be read: {}", file, core::errno_text(errno)));
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (text.size() > kMaxPlanBytes) {
            throw UsageError(fmt::format("{}: is longer than {}: name a plan file", file,
                                         core::format_bytes(kMaxPlanBytes)));
        }
    }
}

toml::table parse_toml(std::string_view text, const std::string& name)
{
    try {
        return toml::parse(text, name);
    } catch (const toml::parse_error& e) {
        throw UsageError(fmt::format("{}:{}:{}: {}", name, e.source().begin.line,
                                     e.source().begin.column, one_line(e.description())));
    }
}

/// What `extends` names, if it is there. A relative path counts from the plan's own folder.
std::optional<std::string> base_of(const toml::table& root, const std::string& file)
{
    const toml::node* node = root.get("extends");
    if (node == nullptr)
        return std::nullopt;
    const std::filesystem::path base = Value("extends", *node).name();
    return (std::filesystem::path(file).parent_path() / base).string();
}

/// Every key of a table, by its whole name. Of an array of tables, the first one that has the key.
void note_places(const toml::table& table, const std::string& prefix, const std::string& file,
                 std::map<std::string, std::string>& places)
{
    for (const auto& [key, node] : table) {
        const std::string name = prefix + std::string(key.str());
        const toml::source_position& begin = node.source().begin;
        places[name] = fmt::format("{}:{}:{}", file, begin.line, begin.column);
        if (const toml::table* inner = node.as_table())
            note_places(*inner, name + '.', file, places);
        const toml::array* array = node.as_array();
        if (array == nullptr)
            continue;
        for (std::size_t i = array->size(); i-- > 0;) {
            if (const toml::table* inner = array->get(i)->as_table())
                note_places(*inner, name + '.', file, places);
        }
    }
}

/// `above`: how many plans lead to this one.
Plan load(const std::string& file, std::size_t above)
{
    const toml::table root = parse_toml(read_text(file), file);
    Plan plan;
    if (const auto base = base_of(root, file)) {
        const Value extends("extends", *root.get("extends"));
        if (above == kMaxDepth)
            throw extends.error(fmt::format(
                "more than {} plans extend each other: do they go round in a circle?", kMaxDepth));
        if (!std::filesystem::is_regular_file(*base))
            throw extends.error(fmt::format("{}: is no file: name a plan, seen from this one's "
                                            "folder",
                                            *base));
        plan = load(*base, above + 1);
    }
    read_plan(plan, root);
    note_places(root, "", file, plan.places);
    plan.places[""] = file;
    return plan;
}

} // namespace

Plan load_plan(const std::string& file)
{
    return load(file, 0);
}

void validate_plan(const Plan& plan, const Plan& as_read,
                   std::span<const core::Method* const> known)
{
    try {
        validate_plan(plan, known);
    } catch (const UsageError& error) {
        const std::string message = error.what();
        if (as_read.places.empty())
            throw;
        try {
            validate_plan(as_read, known);
        } catch (const UsageError& same) {
            if (same.what() != message)
                throw error; // the command line's words are at fault
            const auto place = as_read.places.find(message.substr(0, message.find(": ")));
            throw UsageError(fmt::format(
                "{}: {}", place == as_read.places.end() ? as_read.places.at("") : place->second,
                message));
        }
        throw;
    }
}

Plan parse_plan(std::string_view text, const std::string& name)
{
    const toml::table root = parse_toml(text, name);
    if (base_of(root, name))
        throw Value("extends", *root.get("extends"))
            .error("text extends no plan: write it into a file, beside the other");
    Plan plan;
    read_plan(plan, root);
    return plan;
}

} // namespace pagewire::testbed
