// Package solve finds which packages satisfy a world, and in which order apk would install them. It decides
// as apk-tools 3 does or, with Options.Dialect, as apk-tools 2. If there is no solution, an Error gives the reason for each
// dependency that cannot be satisfied.
//
// The answer depends only on the world, the indexes and the dialect.
package solve
