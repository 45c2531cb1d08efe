// Package tag reads the names of wheel files and chooses among them by their
// compatibility tags (PEP 425 and its successors): "cp313-cp313-musllinux_1_2_x86_64".
//
// Which tags a Python takes, best first, is package target's to say.
package tag
