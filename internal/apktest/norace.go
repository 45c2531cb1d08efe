//go:build !race

package apktest

// CaseStep 1 makes the tests try all cases.
const CaseStep = 1
