// SPDX-License-Identifier: BSD-3-Clause
#include "testbed/vm/modules.hpp"

#include <algorithm>
#include <map>
#include <sstream>

namespace pagewire::testbed::vm {

std::string module_name(std::string_view file)
{
    const auto slash = file.rfind('/');
    std::string name(slash == std::string_view::npos ? file : file.substr(slash + 1));
    name.resize(std::min(name.find(".ko"), name.size()));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

std::vector<std::string> load_order(std::string_view modules_dep,
                                    const std::vector<std::string>& names)
{
    std::map<std::string, std::vector<std::string>> needed; // files, the module's own last
    std::istringstream lines{std::string(modules_dep)};
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos)
            continue;
        const std::string own = line.substr(0, colon);
        std::vector<std::string>& files = needed[module_name(own)];
        files.clear();
        std::istringstream words(line.substr(colon + 1));
        for (std::string file; words >> file;)
            files.push_back(file);
        std::reverse(files.begin(), files.end());
        files.push_back(own);
    }
    std::vector<std::string> order;
    for (const std::string& name : names) {
        const auto found = needed.find(module_name(name));
        if (found == needed.end())
            continue;
        for (const std::string& file : found->second) {
            if (std::find(order.begin(), order.end(), file) == order.end())
                order.push_back(file);
        }
    }
    return order;
}

} // namespace pagewire::testbed::vm
