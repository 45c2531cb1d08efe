//go:build race

package layers_test

// underRace tells of the race detector, under which compressing and reading many entries takes ten times as long.
const underRace = true
