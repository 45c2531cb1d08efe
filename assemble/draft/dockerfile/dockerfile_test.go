package dockerfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
)

func TestParse(t *testing.T) {
	t.Parallel()
	f, err := dockerfile.Parse([]byte("\ufeff# syntax=docker/dockerfile:1\r\n# escape=`\n# a comment\nARG V=3.13\n" +
		"from --platform=$BUILDPLATFORM python:$V as Build\n" +
		"RUN --mount=type=cache,target=/x a `\n# between\n\n  && b\n" +
		"COPY --chown=1:2 --from=x [\"a b\", \"c\"]\n" +
		"RUN <<EOF\nfirst\n# second\nEOF\n" +
		"COPY <<-\"A\" <<B /to/\n\tone\n\tA\ntwo\nB\n" +
		"CMD [not json\n" +
		"FROM build\nUSER `\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := dockerfile.File{
		Args: []dockerfile.Instruction{{Line: 4, Last: 4, Keyword: "ARG", Text: "V=3.13"}},
		Stages: []dockerfile.Stage{
			{Line: 5, Base: "python:$V", Name: "build", Platform: "$BUILDPLATFORM", Instructions: []dockerfile.Instruction{
				{Line: 6, Last: 9, Keyword: "RUN", Flags: []string{"mount=type=cache,target=/x"}, Text: "a   && b"},
				{Line: 10, Last: 10, Keyword: "COPY", Flags: []string{"chown=1:2", "from=x"}, Text: `["a b", "c"]`, List: []string{"a b", "c"}},
				{Line: 11, Last: 14, Keyword: "RUN", Text: "<<EOF", Heredocs: []dockerfile.Heredoc{{Name: "EOF", Text: "first\n# second"}}},
				{Line: 15, Last: 19, Keyword: "COPY", Text: `<<-"A" <<B /to/`, Heredocs: []dockerfile.Heredoc{{Name: "A", Text: "one", Quoted: true}, {Name: "B", Text: "two"}}},
				{Line: 20, Last: 20, Keyword: "CMD", Text: "[not json"},
			}},
			{Line: 21, Base: "build", Instructions: []dockerfile.Instruction{{Line: 22, Last: 23, Keyword: "USER"}}},
		},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestParseFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", "line 1: expected an instruction FROM"},
		{"# only\n", "line 1: expected an instruction FROM"},
		{"\nRUN x", `line 2: expected FROM or ARG first, found "RUN"`},
		{"FROM a b", "line 1: expected FROM IMAGE [AS NAME]"},
		{"FROM a\nRUN <<E\nx", "line 2: the text after <<E does not end"},
		{strings.Repeat("#", dockerfile.MaxBytes+1), "expected a Dockerfile of at most"},
		{"FROM a\n" + strings.Repeat("RUN a\n", 10_001), "more than 10000 instructions"},
	} {
		if _, err := dockerfile.Parse([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Parse(%.40q): %v, want %q", test.text, err, test.want)
		}
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	var s dockerfile.Scope
	s.Set("A", "one")
	s.Set("EMPTY", "")
	s.Ask("ARGUMENT")
	for _, test := range []struct {
		text  string
		want  string
		known bool
	}{
		{"$A-${A}.", "one-one.", true},
		{"'$A' \"$A\" \\$A", "$A one $A", true},
		{"${A:-x}${NONE:-x${A}}${EMPTY:-y}${EMPTY-z}", "onexoney", true},
		{"${A:+set}${NONE:+set}", "set", true},
		{"$NONE|", "|", true},
		{"$ARGUMENT", "$ARGUMENT", false},
		{"${A#o}", "", false},
		{"${A", "${A", false},
		{"$", "$", true},
		{"a b", "a b", true},
	} {
		if got, known := s.Expand(test.text); got != test.want || known != test.known {
			t.Errorf("Expand(%q) = %q, %t, want %q, %t", test.text, got, known, test.want, test.known)
		}
	}
	pairs, known := s.Pairs(`A=1 B="2 $A" C=x\ y`)
	if diff := cmp.Diff([]dockerfile.Pair{{Name: "A", Value: "1"}, {Name: "B", Value: "2 one"}, {Name: "C", Value: "x y"}}, pairs); diff != "" || !known {
		t.Errorf("Pairs (-want +got):\n%s", diff)
	}
	if pairs, _ := s.Pairs("NAME a value"); len(pairs) != 1 || pairs[0].Value != "a value" {
		t.Errorf("Pairs of the old form: %v", pairs)
	}
}

// TestExpansionIsBounded doubles a value often enough to fill any memory.
func TestExpansionIsBounded(t *testing.T) {
	t.Parallel()
	var s dockerfile.Scope
	s.Set("A", "xxxxxxxxxx")
	for range 64 {
		value, _ := s.Expand("$A$A")
		s.Set("A", value)
	}
	if value, _ := s.Get("A"); len(value) > 1<<20 {
		t.Errorf("the value has %d bytes", len(value))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("FROM a AS b\nRUN <<E\nx\nE\nENV A=${B:-${C:+d}} E='f'\nCOPY [\"a\", \"b\"]\n"))
	f.Add([]byte("# escape=`\nFROM a`\n b\nLABEL a=\"b\\\"c\" d\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := dockerfile.Parse(data)
		if err != nil {
			return
		}
		var scope dockerfile.Scope
		for _, s := range file.Stages {
			for _, i := range s.Instructions {
				if i.Line < 1 || i.Last < i.Line {
					t.Errorf("an instruction from line %d to %d", i.Line, i.Last)
				}
				pairs, _ := scope.Pairs(i.Text)
				for _, p := range pairs {
					scope.Set(p.Name, p.Value)
				}
				scope.Words(i.Text)
			}
		}
	})
}
