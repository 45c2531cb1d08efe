package termtext_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/pyimg/pyimg/internal/termtext"
)

func TestEscapes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, line, text string }{
		{"plain – ünïcödé 日本 👍", "plain – ünïcödé 日本 👍", "plain – ünïcödé 日本 👍"},
		{"\x1b[31mred\x07", `\x1b[31mred\x07`, `\x1b[31mred\x07`},
		{"a\tb\nc\rd", `a\tb\nc\rd`, "a\tb\nc" + `\rd`},
		{"del\x7f c1\u009b31m", `del\x7f c1\u009b31m`, `del\x7f c1\u009b31m`},
		{"bidi\u202ecod\u2066 zero\u200bwidth\ufeff soft\u00adhyphen", `bidi\u202ecod\u2066 zero\u200bwidth\ufeff soft\u00adhyphen`,
			`bidi\u202ecod\u2066 zero\u200bwidth\ufeff soft\u00adhyphen`},
		{"line\u2028par\u2029tag\U000e0041", `line\u2028par\u2029tag\U000e0041`, `line\u2028par\u2029tag\U000e0041`},
		{"bad \xff\x9b\xc3", `bad \xff\x9b\xc3`, `bad \xff\x9b\xc3`},
		{"a real \ufffd", "a real \ufffd", "a real \ufffd"},
		{"", "", ""},
	} {
		if got := termtext.Line(tt.in); got != tt.line {
			t.Errorf("Line(%q) = %q, want %q", tt.in, got, tt.line)
		}
		if got := termtext.Text(tt.in); got != tt.text {
			t.Errorf("Text(%q) = %q, want %q", tt.in, got, tt.text)
		}
	}
}

func TestJSONStaysTheSame(t *testing.T) {
	t.Parallel()
	want := "\x1b[2J \x7f \u009b \u202e \u2028 \U000e0041 \xff é \n"
	raw, err := json.MarshalIndent(map[string]string{"k" + want: want}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got := termtext.JSON(append(raw, '\n'))
	if text := termtext.Text(string(got)); text != string(got) {
		t.Errorf("JSON leaves unsafe characters: %q", got)
	}
	var before, after map[string]string
	if err := errors.Join(json.Unmarshal(raw, &before), json.Unmarshal(got, &after)); err != nil {
		t.Fatalf("%v: %q", err, got)
	}
	for k, v := range before {
		if after[k] != v {
			t.Errorf("JSON changed %q to %q", v, after[k])
		}
	}
}

// TestWriterInPieces writes a text in two pieces, cut at every byte: a character in two pieces is valid.
func TestWriterInPieces(t *testing.T) {
	t.Parallel()
	const text = "é👍\u202e\u009b\x1b[1m\xff ende"
	for cut := range len(text) {
		var out bytes.Buffer
		w := termtext.NewWriter(&out)
		for _, piece := range []string{text[:cut], text[cut:]} {
			if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
				t.Errorf("Write(%q) = %d, %v", piece, n, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if want := `é👍\u202e\u009b\x1b[1m\xff ende`; out.String() != want {
			t.Errorf("cut at %d it wrote %q, want %q", cut, out.String(), want)
		}
	}
}

func TestWriterWithoutAnEnd(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := termtext.NewWriter(&out)
	if _, err := w.Write([]byte("end\xe2\x80")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil || out.String() != `end\xe2\x80` {
		t.Errorf("it wrote %q and closed with %v", out.String(), err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestWriterKeepsTheFirstError(t *testing.T) {
	t.Parallel()
	w := termtext.NewWriter(full{})
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("Write = nil, want the error of the writer behind it")
	}
	if err := w.Close(); err == nil || err.Error() != "no room" {
		t.Errorf("Close = %v, want the first error", err)
	}
}

func FuzzText(f *testing.F) {
	f.Add("\x1b[31m \u202e \xff\xc3")
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{termtext.Text(s), termtext.Line(s)} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool {
				return unicode.In(r, unicode.Cc, unicode.Cf) && r != '\n' && r != '\t'
			}) {
				t.Errorf("%q became %q", s, got)
			}
		}
	})
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 12345: "12.3 kB", 999_960: "1.00 MB", 1_234_567: "1.23 MB",
		5e9: "5.00 GB", -1500: "-1.5 kB", 1 << 62: "4.61 EB"} {
		if got := termtext.Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 layers", 1: "1 layer", 2: "2 layers"} {
		if got := termtext.Count(n, "layer"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
