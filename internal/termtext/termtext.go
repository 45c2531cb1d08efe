// Package termtext makes text safe for a terminal. Names, versions and messages come from packages, images and
// registries. Characters that could control a terminal, or hide or reorder the text around them, are shown as escapes.
// It also formats sizes and counts.
package termtext

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// unsafe reports whether a character could control a terminal, or hide or reorder text: control characters (C0, DEL and
// C1), format characters such as bidi overrides and zero-width ones, and the separators of lines and paragraphs.
func unsafe(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Line escapes everything unsafe in s, also line ends and tabs.
func Line(s string) string { return escape(s, "") }

// Text escapes everything unsafe in s except line ends and tabs.
func Text(s string) string { return escape(s, "\n\t") }

// escape escapes unsafe characters and bytes that are not UTF-8, in the syntax of Go's and YAML's quoted strings: \x1b,
// \u202e. It leaves the characters in keep.
func escape(s, keep string) string {
	var b *strings.Builder
	from := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		invalid := r == utf8.RuneError && n == 1
		if invalid || unsafe(r) && !strings.ContainsRune(keep, r) {
			if b == nil {
				b = &strings.Builder{}
			}
			b.WriteString(s[from:i])
			if invalid {
				r = rune(s[i])
			}
			b.WriteString(escaped(r, invalid))
			from = i + n
		}
		i += n
	}
	if b == nil {
		return s
	}
	b.WriteString(s[from:])
	return b.String()
}

func escaped(r rune, invalid bool) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < utf8.RuneSelf || invalid:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 1<<16:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// JSON escapes unsafe characters in a JSON text without changing its meaning. encoding/json leaves DEL, C1 and format
// characters unescaped. They occur only in strings.
func JSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case !unsafe(r) || r == '\n' || r == '\t':
			out = append(out, text[:n]...)
		case r < 1<<16:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 1 << 16
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
		text = text[n:]
	}
	return out
}

// A Writer applies [Text] to what is written, and passes it to another writer. It may be used concurrently.
type Writer struct {
	mu   sync.Mutex
	w    io.Writer
	rest []byte // the beginning of a character whose other bytes come in the next Write
	err  error  // the first error
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.rest, p...)
	whole := len(text) - partial(text)
	w.rest = append([]byte(nil), text[whole:]...)
	if err := w.put(text[:whole]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// partial returns how many bytes at the end of text are the beginning of an incomplete character.
func partial(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if end := text[len(text)-n:]; utf8.RuneStart(end[0]) {
			if utf8.FullRune(end) {
				return 0
			}
			return n
		}
	}
	return 0
}

func (w *Writer) put(text []byte) error {
	_, err := io.WriteString(w.w, Text(string(text)))
	if w.err == nil {
		w.err = err
	}
	return err
}

// Close writes the rest of an incomplete character. It returns the first error of any Write, so that the caller does
// not report a result as done that was not written.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rest := w.rest; len(rest) > 0 {
		w.rest = nil
		_ = w.put(rest) // which keeps the error
	}
	return w.err
}
