//go:build !race

package apktest

// CaseStep is 1: all cases are seen.
const CaseStep = 1
