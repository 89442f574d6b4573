// SPDX-License-Identifier: BSD-3-Clause
#include "cli/completion.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <set>
#include <string_view>

namespace pagewire::cli {

namespace {

bool is_option(std::string_view word)
{
    return word.size() > 1 && word.front() == '-';
}

std::vector<std::string> split(std::string_view text, char separator)
{
    std::vector<std::string> parts;
    for (std::size_t end = 0; end != std::string_view::npos;) {
        end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return parts;
}

/// bash splits a word at '=', ':' and '@', each a word by itself.
std::vector<std::string> joined(const std::vector<std::string>& words)
{
    const auto is_break = [](const std::string& word) {
        return word.find_first_not_of("=:@") == std::string::npos && !word.empty();
    };
    std::vector<std::string> result;
    bool open = false;
    for (const std::string& word : words) {
        if (!result.empty() && (open || is_break(word)))
            result.back() += word;
        else
            result.push_back(word);
        open = is_break(word);
    }
    return result;
}

/// The type name without what validators add: "PERCENT:FLOAT in [0 - 99]".
std::string type_of(const CLI::Option& option)
{
    const std::string type = option.get_type_name();
    return type.substr(0, type.find(':'));
}

bool is_visible(const CLI::Option* option)
{
    return !option->get_group().empty();
}

/// Where the words before the cursor lead.
struct Position {
    const CLI::App* command;
    const CLI::Option* option = nullptr; ///< whose value may stand at the cursor
    int num_values_left = 0;             ///< of that option
    std::size_t num_positionals = 0;
    bool only_positionals = false; ///< after "--"
    std::set<const CLI::Option*> given{};

    void take(const std::string& word)
    {
        if (!only_positionals && is_option(word)) {
            take_option(word);
            return;
        }
        if (option != nullptr && num_values_left > 0) {
            --num_values_left;
            return;
        }
        option = nullptr;
        const auto named =
            command->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
        if (only_positionals || named.empty()) {
            ++num_positionals;
            return;
        }
        *this = Position{.command = named.front()};
    }

    void take_option(const std::string& word)
    {
        option = nullptr;
        if (word == "--") {
            only_positionals = true;
            return;
        }
        const std::size_t equals = word.find('=');
        option = command->get_option_no_throw(word.substr(0, equals));
        if (option == nullptr)
            return;
        given.insert(option);
        // A list whose elements are divided by commas may be given again, and is one word each
        // time.
        const int most = option->get_items_expected_max();
        num_values_left = (option->get_allow_extra_args() ? most : std::min(most, 1)) -
                          (equals == std::string::npos ? 0 : 1);
    }

    [[nodiscard]] const CLI::Option* positional() const
    {
        const auto all =
            command->get_options([](const CLI::Option* o) { return o->get_positional(); });
        return num_positionals < all.size() ? all.at(num_positionals) : nullptr;
    }
};

/// Collects what begins like the word at the cursor.
class Candidates {
  public:
    explicit Candidates(std::string begin) : begin_(std::move(begin)) {}

    void offer(const std::string& word)
    {
        if (word.starts_with(begin_))
            words_.insert(word);
    }

    void tell_shell(const std::string& line) { lines_.push_back(line); }

    /// Several of the names, with commas: what is there already is not offered again.
    void offer_list(const std::vector<std::string>& names)
    {
        const std::size_t comma = begin_.rfind(',');
        const std::string before = comma == std::string::npos ? "" : begin_.substr(0, comma + 1);
        const std::vector<std::string> there = split(before, ',');
        for (const std::string& name : names) {
            if (std::find(there.begin(), there.end(), name) == there.end())
                offer(before + name);
        }
        tell_shell(":nospace");
    }

    void offer_value(const CLI::Option& option, const std::vector<ValueNames>& value_names)
    {
        const std::string type = type_of(option);
        constexpr std::string_view list = ",...";
        const bool is_list = type.ends_with(list);
        const std::string element = is_list ? type.substr(0, type.size() - list.size()) : type;
        for (const ValueNames& known : value_names) {
            if (known.type != element)
                continue;
            if (is_list)
                offer_list(known.names());
            else
                offer_all(known.names());
        }
        if (type.find('|') != std::string::npos)
            offer_all(split(type, '|'));
        else if (type.find(',') != std::string::npos && !is_list)
            offer_list(split(type, ','));
        else if (type == "FILE")
            tell_shell(":files ");
        else if (type == "DIR")
            tell_shell(":folders");
        else if (const std::size_t dot = type.find('.'); dot != std::string::npos && !is_list)
            tell_shell(":files " + type.substr(dot));
    }

    void offer_options(const CLI::App& command, const std::set<const CLI::Option*>& given)
    {
        for (const CLI::Option* option : command.get_options(is_visible)) {
            if (given.contains(option) && option->get_items_expected_max() <= 1)
                continue;
            for (const std::string& name : option->get_lnames())
                offer("--" + name);
        }
    }

    void offer_subcommands(const CLI::App& command)
    {
        for (const CLI::App* sub :
             command.get_subcommands([](const CLI::App* app) { return !app->get_group().empty(); }))
            offer(sub->get_name());
    }

    [[nodiscard]] bool empty() const noexcept { return words_.empty() && lines_.empty(); }

    [[nodiscard]] std::vector<std::string> result() const
    {
        std::vector<std::string> all = lines_;
        all.insert(all.end(), words_.begin(), words_.end());
        return all;
    }

  private:
    void offer_all(const std::vector<std::string>& names)
    {
        for (const std::string& name : names)
            offer(name);
    }

    std::string begin_;
    std::set<std::string> words_;
    std::vector<std::string> lines_;
};

} // namespace

std::vector<std::string> complete(const CLI::App& program,
                                  const std::vector<ValueNames>& value_names,
                                  const std::vector<std::string>& words)
{
    std::vector<std::string> line = joined(words);
    if (line.empty())
        line.emplace_back();
    const std::string current = line.back();
    line.pop_back();
    Position position{.command = &program};
    for (const std::string& word : line)
        position.take(word);

    const bool writes_option = !position.only_positionals && current.starts_with('-');
    const std::size_t equals = current.find('=');
    if (writes_option && equals != std::string::npos) {
        // bash puts the value alone in place of the value alone.
        Candidates values(current.substr(equals + 1));
        position.take_option(current);
        if (position.option != nullptr)
            values.offer_value(*position.option, value_names);
        return values.result();
    }
    Candidates candidates(current);
    if (writes_option) {
        candidates.offer_options(*position.command, position.given);
        return candidates.result();
    }
    if (position.option != nullptr && position.num_values_left > 0) {
        candidates.offer_value(*position.option, value_names);
        return candidates.result();
    }
    if (!position.only_positionals && position.num_positionals == 0)
        candidates.offer_subcommands(*position.command);
    if (const CLI::Option* positional = position.positional())
        candidates.offer_value(*positional, value_names);
    if (candidates.empty() && current.empty() && !position.only_positionals)
        candidates.offer_options(*position.command, position.given);
    return candidates.result();
}

} // namespace pagewire::cli
