package lock_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/pyimg/pyimg/assemble/lock"
)

func TestReasonText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason         lock.Reason
		text, sentence string
	}{
		{lock.Reason{Code: lock.ReasonGenerated}, "generated", "generated"},
		{lock.Reason{Code: lock.ReasonExcluded, Args: []string{"1"}}, "excluded 1", "1 path is excluded"},
		{lock.Reason{Code: lock.ReasonExcluded, Args: []string{"5"}}, "excluded 5", "5 paths are excluded"},
		{lock.Reason{Code: lock.ReasonMoved, Args: []string{"var/run/x", "run/x"}}, "moved var/run/x run/x", "/var/run/x leads to /run/x"},
		{lock.Reason{Code: lock.ReasonMoved, Args: []string{`a b; "c"`, ""}}, `moved "a b\x3b \"c\"" ""`, `/a b; "c" leads to /`},
		{lock.Reason{Code: lock.ReasonOnFile, Args: []string{"é\n"}}, `on-file "\u00e9\n"`, "/é\n is another package's file"},
		{lock.Reason{Code: lock.ReasonImage, Args: []string{"usr/local", "opt"}}, "image usr/local opt", "/usr/local, /opt of the image"},
		{lock.Reason{Code: lock.ReasonNotInstalled, Args: []string{".x", "dot-name"}}, "not-installed .x dot-name",
			"apk does not install /.x: its name begins with a dot"},
		{lock.Reason{Code: lock.ReasonFault, Args: []string{"name", "a", "a//"}}, "fault name a a//", `"a" is written as "a//"`},
	} {
		text, err := c.reason.MarshalText()
		if err != nil || string(text) != c.text {
			t.Errorf("MarshalText of %v = %q, %v, want %q", c.reason, text, err, c.text)
		}
		var back lock.Reason
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
		var r lock.Reason
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("UnmarshalText(%q) = %v, want an error", text, r)
		}
	}
}

func FuzzReason(f *testing.F) {
	f.Add("moved a b")
	f.Add(`lost "a b\x3b" c`)
	f.Fuzz(func(t *testing.T, text string) {
		var r, back lock.Reason
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		written, err := json.Marshal(r)
		if err != nil || json.Unmarshal(written, &back) != nil || fmt.Sprint(back) != fmt.Sprint(r) || !reflect.DeepEqual(back, r) {
			t.Errorf("%q is %#v, and %#v when it was written and read again", text, r, back)
		}
	})
}
