// Package strictyaml reads small YAML documents that people write, and writes them. A table of [Fields] says what a mapping may
// have; the same table serves both ways. A [Decoder] collects every fault with its line and column, refuses unknown fields, and
// reads scalars as they are written. What a document may cost is bounded before it is parsed.
package strictyaml
