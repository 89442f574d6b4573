// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/document.hpp"

#include "tests/support/temp_folder.hpp"
#include "tests/testbed/document_builder.hpp"
#include "tests/testbed/usage_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pagewire::testbed {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const nlohmann::json& whole()
{
    static const auto document = tests::document_of({tests::document_row("read_write", {1, 2, 3})});
    return document;
}

std::string error_in(const std::string& text)
{
    return error_of([&] { (void)parse_document(text, "r.json"); });
}

TEST(Document, AWholeOneIsRead)
{
    EXPECT_EQ(parse_document(whole().dump(), "r.json"), whole());
    nlohmann::json newer_minor = whole();
    newer_minor["something_new"] = 7; // a newer minor version of the same schema
    EXPECT_EQ(parse_document(newer_minor.dump(), "r.json"), newer_minor);
}

TEST(Document, CutAnywhereIsOneLineThatSaysSo)
{
    const std::string text = whole().dump();
    for (std::size_t length = 0; length < text.size(); ++length) {
        const std::string error = error_in(text.substr(0, length));
        EXPECT_THAT(error, StartsWith("r.json: is cut short or no JSON, byte ")) << length;
        EXPECT_EQ(error.find('\n'), std::string::npos);
    }
}

TEST(Document, ANumberThatNoDoubleHoldsIsOneLineThatSaysSo)
{
    const std::string error = error_in("{\"schema\": 2e5122}");
    EXPECT_THAT(error, StartsWith("r.json: "));
    EXPECT_THAT(error, HasSubstr("2e5122"));
    EXPECT_EQ(error.find('\n'), std::string::npos);
}

TEST(Document, ForeignAndNewerOnesAreRefused)
{
    for (const char* foreign : {"{}", "[]", "7", "null", "\"pagewire.result/1\"",
                                R"({"schema": 1})", R"({"schema": "iperf/3"})"})
        EXPECT_EQ(error_in(foreign), "r.json: is no result document of pagewire: it says no "
                                     "\"schema\": \"pagewire.result/1\"")
            << foreign;
    EXPECT_EQ(error_in(R"({"schema": "pagewire.result/2"})"),
              "r.json: is of schema pagewire.result/2, this pagewire reads pagewire.result/1: use "
              "the version that wrote it, or a newer one");
}

TEST(Document, WhatIsMissingOrOfAnotherTypeIsNamed)
{
    for (const char* place : {"/tool", "/doctor", "/plan/file", "/rows", "/rows/0/method",
                              "/rows/0/ledger", "/rows/0/goodput_gbps/samples", "/doctor/0/id"}) {
        nlohmann::json document = whole();
        const nlohmann::json::json_pointer where(place);
        document.at(where.parent_pointer()).erase(where.back());
        EXPECT_THAT(error_in(document.dump()), HasSubstr(std::string(place) + " is missing"));
        document = whole();
        document[where] = true;
        EXPECT_THAT(error_in(document.dump()), HasSubstr(std::string(place) + " must be "));
    }
    nlohmann::json document = whole();
    document["rows"][0] = 3;
    EXPECT_EQ(error_in(document.dump()), "r.json: /rows/0 must be an object, and is a number");
    document = whole();
    document["rows"][0]["goodput_gbps"]["samples"][1] = "fast";
    EXPECT_EQ(error_in(document.dump()),
              "r.json: /rows/0/goodput_gbps/samples must hold numbers, and holds a string");
}

TEST(Document, AFileThatCannotBeReadSaysWhy)
{
    const tests::TempFolder folder;
    const std::string path = folder.path() + "/none.json";
    EXPECT_EQ(error_of([&] { (void)read_document(path); }),
              path + ": cannot be read: No such file or directory");
}

} // namespace
} // namespace pagewire::testbed
