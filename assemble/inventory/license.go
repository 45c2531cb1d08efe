package inventory

import (
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/distinfo"
)

// maxLicense bounds a licence that a distribution names, in bytes; a longer text is the licence itself.
const maxLicense = 100

// license is what a distribution says of its licence: the expression of PEP 639, else a text if it is short enough to be a name, else
// classifiers.
func license(m distinfo.Metadata) string {
	if m.LicenseExpression != "" {
		return m.LicenseExpression
	}
	if text := strings.TrimSpace(m.License); text != "" && len(text) <= maxLicense && !strings.ContainsAny(text, "\n\r") && text != "UNKNOWN" {
		return text
	}
	return classified(m.LicenseClassifiers)
}

// classified is the licence that classifiers name. Several do not say whether all of them hold or one can be chosen, so they are listed as a
// text, which is no expression.
func classified(classifiers []string) string {
	var names []string
	for _, c := range classifiers {
		parts := strings.Split(c, "::")
		name := strings.TrimSpace(parts[len(parts)-1])
		if name != "OSI Approved" && name != "" && !slices.Contains(names, name) { // OSI Approved alone names none
			names = append(names, name)
		}
	}
	if len(names) == 1 {
		if id, ok := spdxOfClassifier[names[0]]; ok {
			return id
		}
	}
	if text := strings.Join(names, ", "); len(text) <= maxLicense {
		return text
	}
	return ""
}

// spdxOfClassifier has the classifiers that stand for one licence of SPDX's list. "BSD License", "Apache Software License" and the like
// stand for several.
var spdxOfClassifier = map[string]string{ //nolint:gochecknoglobals // a table
	"Boost Software License 1.0 (BSL-1.0)":                    "BSL-1.0",
	"CC0 1.0 Universal (CC0 1.0) Public Domain Dedication":    "CC0-1.0",
	"Eclipse Public License 1.0 (EPL-1.0)":                    "EPL-1.0",
	"Eclipse Public License 2.0 (EPL-2.0)":                    "EPL-2.0",
	"European Union Public Licence 1.1 (EUPL 1.1)":            "EUPL-1.1",
	"European Union Public Licence 1.2 (EUPL 1.2)":            "EUPL-1.2",
	"GNU Affero General Public License v3":                    "AGPL-3.0-only",
	"GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
	"GNU General Public License v2 (GPLv2)":                   "GPL-2.0-only",
	"GNU General Public License v2 or later (GPLv2+)":         "GPL-2.0-or-later",
	"GNU General Public License v3 (GPLv3)":                   "GPL-3.0-only",
	"GNU General Public License v3 or later (GPLv3+)":         "GPL-3.0-or-later",
	"GNU Lesser General Public License v2 (LGPLv2)":           "LGPL-2.0-only",
	"GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
	"GNU Lesser General Public License v3 (LGPLv3)":           "LGPL-3.0-only",
	"GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
	"ISC License (ISCL)":                                      "ISC",
	"MIT License":                                             "MIT",
	"MIT No Attribution License (MIT-0)":                      "MIT-0",
	"Mozilla Public License 1.0 (MPL)":                        "MPL-1.0",
	"Mozilla Public License 1.1 (MPL 1.1)":                    "MPL-1.1",
	"Mozilla Public License 2.0 (MPL 2.0)":                    "MPL-2.0",
	"The Unlicense (Unlicense)":                               "Unlicense",
	"Universal Permissive License (UPL)":                      "UPL-1.0",
	"zlib/libpng License":                                     "Zlib",
}
