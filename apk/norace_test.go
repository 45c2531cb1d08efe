//go:build !race

package apk_test

const caseStep = 1
