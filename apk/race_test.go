//go:build race

package apk_test

// caseStep makes the race detector, under which solving takes ten times as long, see a part
// of the cases.
const caseStep = 10
