// Package config reads wheels.yaml: which packages an index of wheels is to have, for which Pythons and platforms, out of
// which sources, and what compiles them. Like a spec it is read strictly, with all faults at once.
//
// It opens no source and decides nothing: see wheels/plan.
package config
