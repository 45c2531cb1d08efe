// Package solve finds which packages satisfy a world, and in which order apk would install them: the answer of apk-tools 3,
// or of apk-tools 2 with Options.Dialect. Where there is none, an Error says why for each thing that is wanted.
//
// It asks nobody and keeps nothing: the answer follows from the world, the indexes and the dialect.
package solve
