//go:build race

package apktest

// CaseStep makes the tests try only a tenth of the cases: with the race detector solving takes ten times as long.
const CaseStep = 10
