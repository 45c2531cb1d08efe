//go:build !race

package layers_test

const underRace = false
