package main

import (
	"fmt"
	"regexp"
	"strings"
)

// unreleased is the heading of what no version has yet.
const unreleased = "Unreleased"

// heading is the line that a version's section of the changelog begins with: "## v1.2.3 (2026-12-01)". What comes before a version has one
// of the words that apk knows: "v1.2.3-rc1".
func heading() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^## (?:(Unreleased)|(v\d+\.\d+\.\d+(?:-(?:alpha|beta|pre|rc)\d*)?) \((\d{4}-\d{2}-\d{2})\))$`)
}

// notes returns the section of a version without its heading.
func notes(changelog, version string) (string, error) {
	all := heading().FindAllStringSubmatchIndex(changelog, -1)
	for i, at := range all {
		if at[4] < 0 || changelog[at[4]:at[5]] != version {
			continue
		}
		end := len(changelog)
		if i+1 < len(all) {
			end = all[i+1][0]
		}
		text := strings.TrimSpace(changelog[at[1]:end])
		if text == "" {
			return "", fmt.Errorf("the section of %s is empty", version)
		}
		return text + "\n", nil
	}
	return "", fmt.Errorf("there is no section %q: give what is under %q this heading", "## "+version+" (YYYY-MM-DD)", unreleased)
}
