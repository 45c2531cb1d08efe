package assemble_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/pyimg/pyimg/assemble"
)

func TestReasonText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason         assemble.Reason
		text, sentence string
	}{
		{assemble.Reason{Code: assemble.ReasonGenerated}, "generated", "generated"},
		{assemble.Reason{Code: assemble.ReasonExcluded, Args: []string{"1"}}, "excluded 1", "1 path is excluded"},
		{assemble.Reason{Code: assemble.ReasonExcluded, Args: []string{"5"}}, "excluded 5", "5 paths are excluded"},
		{assemble.Reason{Code: assemble.ReasonMoved, Args: []string{"var/run/x", "run/x"}}, "moved var/run/x run/x", "/var/run/x leads to /run/x"},
		{assemble.Reason{Code: assemble.ReasonMoved, Args: []string{`a b; "c"`, ""}}, `moved "a b\x3b \"c\"" ""`, `/a b; "c" leads to /`},
		{assemble.Reason{Code: assemble.ReasonOnFile, Args: []string{"é\n"}}, `on-file "\u00e9\n"`, "/é\n is another package's file"},
		{assemble.Reason{Code: assemble.ReasonImage, Args: []string{"usr/local", "opt"}}, "image usr/local opt", "/usr/local, /opt of the image"},
		{assemble.Reason{Code: assemble.ReasonNotInstalled, Args: []string{".x", "dot-name"}}, "not-installed .x dot-name",
			"apk does not install /.x: its name begins with a dot"},
		{assemble.Reason{Code: assemble.ReasonFault, Args: []string{"name", "a", "a//"}}, "fault name a a//", `"a" is written as "a//"`},
	} {
		text, err := c.reason.MarshalText()
		if err != nil || string(text) != c.text {
			t.Errorf("MarshalText of %v = %q, %v, want %q", c.reason, text, err, c.text)
		}
		var back assemble.Reason
		if err := back.UnmarshalText(text); err != nil || !reflect.DeepEqual(back, c.reason) {
			t.Errorf("UnmarshalText(%q) = %#v, %v, want %#v", text, back, err, c.reason)
		}
		if got := c.reason.String(); got != c.sentence {
			t.Errorf("String of %q = %q, want %q", c.text, got, c.sentence)
		}
	}
}

func TestReasonRefusesOtherText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "because", "generated twice", "moved a", "excluded", `moved "a b`, "COPY . /app # buildkit", "image"} {
		var r assemble.Reason
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("UnmarshalText(%q) = %v, want an error", text, r)
		}
	}
}

func FuzzReason(f *testing.F) {
	f.Add("moved a b")
	f.Add(`lost "a b\x3b" c`)
	f.Fuzz(func(t *testing.T, text string) {
		var r, back assemble.Reason
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		written, err := json.Marshal(r)
		if err != nil || json.Unmarshal(written, &back) != nil || fmt.Sprint(back) != fmt.Sprint(r) || !reflect.DeepEqual(back, r) {
			t.Errorf("%q is %#v, and %#v when it was written and read again", text, r, back)
		}
	})
}
