// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/document.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>

namespace pagewire::testbed {

namespace {

using core::UsageError;
using nlohmann::json;
using Kind = json::value_t;

constexpr std::string_view kSchemaFamily = "pagewire.result/";

/// What every reader takes for granted: a place in the document, and what stands there.
struct Need {
    const char* pointer;
    Kind kind;
};

constexpr Need kDocumentNeeds[] = {
    {"/tool", Kind::object},     {"/host", Kind::object}, {"/doctor", Kind::array},
    {"/lab", Kind::object},      {"/plan", Kind::object}, {"/plan/file", Kind::object},
    {"/ceilings", Kind::object}, {"/rows", Kind::array},
};

constexpr Need kRowNeeds[] = {
    {"/method", Kind::string},        {"/wire", Kind::string},
    {"/cache", Kind::string},         {"/status", Kind::string},
    {"/goodput_gbps", Kind::object},  {"/goodput_gbps/samples", Kind::array},
    {"/cpu_s_per_gib", Kind::object}, {"/ledger", Kind::object},
    {"/zero_copy", Kind::object},     {"/zero_copy/observed", Kind::string},
    {"/integrity", Kind::object},     {"/transfers", Kind::array},
};

constexpr Need kFindingNeeds[] = {
    {"/id", Kind::string}, {"/severity", Kind::string}, {"/seen", Kind::string}};

std::string_view name_of_kind(Kind kind)
{
    switch (kind) {
    case Kind::object:
        return "an object";
    case Kind::array:
        return "an array";
    case Kind::string:
        return "a string";
    case Kind::null:
        return "null";
    case Kind::boolean:
        return "a boolean";
    case Kind::number_integer:
    case Kind::number_unsigned:
    case Kind::number_float:
        return "a number";
    case Kind::binary:
    case Kind::discarded:
        return "nothing";
    }
    return {};
}

void require(const json& part, std::span<const Need> needs, const std::string& prefix,
             const std::string& name)
{
    if (!part.is_object())
        throw UsageError(fmt::format("{}: {} must be an object, and is {}", name, prefix,
                                     name_of_kind(part.type())));
    for (const Need& need : needs) {
        const json::json_pointer where(need.pointer);
        if (!part.contains(where))
            throw UsageError(fmt::format("{}: {}{} is missing: is this a whole result document?",
                                         name, prefix, need.pointer));
        if (const Kind kind = part.at(where).type(); kind != need.kind)
            throw UsageError(fmt::format("{}: {}{} must be {}, and is {}", name, prefix,
                                         need.pointer, name_of_kind(need.kind),
                                         name_of_kind(kind)));
    }
}

void require_schema(const json& document, const std::string& name)
{
    const auto schema = document.is_object() ? document.find("schema") : document.end();
    if (!document.is_object() || schema == document.end() || !schema->is_string() ||
        !schema->get_ref<const std::string&>().starts_with(kSchemaFamily))
        throw UsageError(
            fmt::format("{}: is no result document of pagewire: it says no \"schema\": "
                        "\"{}\"",
                        name, kResultSchema));
    if (*schema != kResultSchema)
        throw UsageError(fmt::format("{}: is of schema {}, this pagewire reads {}: use the version "
                                     "that wrote it, or a newer one",
                                     name, schema->get<std::string>(), kResultSchema));
}

void require_numbers(const json& samples, const std::string& where, const std::string& name)
{
    for (const json& sample : samples) {
        if (!sample.is_number())
            throw UsageError(fmt::format("{}: {} must hold numbers, and holds {}", name, where,
                                         name_of_kind(sample.type())));
    }
}

} // namespace

json parse_document(std::string_view text, const std::string& name)
{
    json document;
    try {
        document = json::parse(text);
    } catch (const json::parse_error& error) {
        throw UsageError(fmt::format("{}: is cut short or no JSON, byte {} of {}: run the plan "
                                     "again, or name another file",
                                     name, error.byte, text.size()));
    } catch (const json::exception& error) { // RFC 8259 §6 lets a number be any, no double is 1e999
        const std::string_view words = error.what();
        throw UsageError(fmt::format("{}: holds a number out of range{}: run the plan again, or "
                                     "name another file",
                                     name, words.substr(std::min(words.find(" '"), words.size()))));
    }
    require_schema(document, name);
    require(document, kDocumentNeeds, "", name);
    const json& findings = document.at("doctor");
    for (std::size_t i = 0; i < findings.size(); ++i)
        require(findings[i], kFindingNeeds, fmt::format("/doctor/{}", i), name);
    const json& rows = document.at("rows");
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::string where = fmt::format("/rows/{}", i);
        require(rows[i], kRowNeeds, where, name);
        require_numbers(rows[i].at("goodput_gbps").at("samples"), where + "/goodput_gbps/samples",
                        name);
    }
    return document;
}

json read_document(const std::string& path)
{
    std::error_code unknown;
    if (std::filesystem::is_directory(path, unknown)) // open(2) takes one
        throw UsageError(fmt::format("{}: is a folder: name the result.json of a run", path));
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw UsageError(fmt::format("{}: cannot be read: {}", path, core::errno_text(errno)));
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad() || text.empty())
        throw UsageError(fmt::format("{}: is empty or cannot be read: name the result.json of a "
                                     "run",
                                     path));
    return parse_document(text, path);
}

} // namespace pagewire::testbed
