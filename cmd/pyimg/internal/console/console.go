// Package console is the process that a command runs in: where its input comes from, and how results, warnings and progress get
// to the user. No text of anybody else reaches a terminal unescaped.
package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/termtext"
)

// Console is what pyimg knows of the process it runs in.
type Console struct {
	Stdin          io.Reader // nil where there is none
	Stdout, Stderr io.Writer // after Console.Escaping they escape what a terminal would obey; all text goes there
	RawOut, RawErr io.Writer // the same without that: for archives, and for the program's own bars
	Getenv         func(string) string
	Terminal       bool              // Stderr is one
	ResultTerminal bool              // Stdout is one
	Command        string            // how a person starts this program
	Warned         func(text string) // gets the warnings; nil: they go to Stderr
	Started        time.Time
}

// Escaping is the console with texts escaped, so that no terminal obeys them. flush writes what is left of them, and fails where
// a result cannot be written.
func (c Console) Escaping() (escaping Console, flush func() error) {
	out, errs := termtext.NewWriter(c.Stdout), termtext.NewWriter(c.Stderr)
	c.RawOut, c.RawErr, c.Stdout, c.Stderr = c.Stdout, c.Stderr, out, errs
	return c, out.Close
}

// Warn says on stderr what the user should know, without secrets of URLs.
func (c Console) Warn(text string) {
	if c.Warned != nil {
		c.Warned(text)
		return
	}
	fmt.Fprintf(c.Stderr, "pyimg: warning: %s\n", redact.Text(text))
}

// JSON prints a result for machines.
func (c Console) JSON(v any) error { return c.EncodeJSON(v, "  ") }

// EncodeJSON writes JSON to stdout with what a terminal would obey escaped as JSON does it.
func (c Console) EncodeJSON(v any, indent string) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := c.Stdout.Write(termtext.JSON(text.Bytes()))
	return err
}
