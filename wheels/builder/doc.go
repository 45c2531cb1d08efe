// Package builder makes the roots that wheels are compiled in: the packages, image or folder of wheels.yaml with one of its
// Pythons, and for another machine that one's Python headers. It says which wheels each Python takes, and which package of Alpine
// provides a library. It runs nothing.
package builder
