// Package build carries out a recipe: it verifies the sources, runs the steps in a sandbox without a network, and returns a
// folder with what they made, a bill of materials and the provenance. The builder's root is a parameter: what it consists of
// and how it was made is not known here.
package build
