//go:build race

package apktest

// CaseStep makes the race detector, under which solving takes ten times as long, see a part
// of the cases.
const CaseStep = 10
