// Package registry keeps an index of wheels in a registry; package artifact (assemble/wheels/artifact) has its form and reads it.
//
// Builds work in a Copy: a folder with the records of the index, and with the files of the wheels that were built here. What is
// there in addition to the index is a Part. A part is pushed by digest alone, or put into the index by Publish, which reads the
// index, adds parts and moves the tag. The result depends on the parts and not on their order, and a part may be added twice. So
// several processes may publish at once: each looks whether what it wrote stays, and adds it again where another one wrote over it.
package registry
