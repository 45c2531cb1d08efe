// Package assemble turns a spec into a multi-arch image: it resolves the spec to a [Plan], builds the plan into a
// [lock.Lock] whose layers lie in a [layers.Store], and shows the lock as an OCI image index.
//
// Data flows one way: spec, plan, lock, index. Each stage is a function of the one before it and of the values passed
// in, so each can be called alone. Nothing is run, no registry is talked to and no global state is kept; the same plan
// gives the same bytes on any machine. An image that cannot start is not produced: [Build] ends with the faults it found.
package assemble
