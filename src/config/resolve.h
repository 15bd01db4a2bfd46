/// \file
/// Puts secrets where settings refer to them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/result.h>

#include <longbow/settings.h>

#include "config/check.h"
#include "config/problem.h"

namespace longbow::config {

/// What a text of a setting stands for: itself, or a secret. Errors name the reference, never a
/// value.
using ResolveText =
    std::function<arrow::Result<std::string>(const SettingSpec& spec, std::string_view text)>;

/// `tables` with every text, also of lists, as `resolve` gives it. A text that may not be what it
/// turns out to be is a problem, as is one that cannot be resolved; the setting is null then. No
/// problem shows a resolved value. Blocks as `resolve` does.
Settings ResolveSettings(const SettingTables& tables, const std::vector<SettingsSection>& sections,
                         const ResolveText& resolve, std::vector<Problem>* problems);

}  // namespace longbow::config
