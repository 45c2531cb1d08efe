package attest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/sigstore"
)

// TestDocumentFault: a bill of materials in a plain statement is one that the key has signed, under its type or that with a version.
func TestDocumentFault(t *testing.T) {
	t.Parallel()
	const versioned = sigstore.PredicateSPDX + "/v2.3"
	zeros := strings.Repeat("0", 64)
	digest, other := "sha256:"+zeros, "sha256:1"+zeros[1:]
	signedAs := func(kind string) map[string][]json.RawMessage {
		return map[string][]json.RawMessage{kind: {json.RawMessage(`{"name": "app"}`)}}
	}
	for name, c := range map[string]struct {
		kind, predicate, of string
		said                map[string][]json.RawMessage
		whole, right        bool
	}{
		"signed under its type":                   {versioned, `{"name":"app"}`, digest, signedAs(sigstore.PredicateSPDX), true, true},
		"signed under its type with a version":    {versioned, `{"name":"app"}`, digest, signedAs(versioned), true, true},
		"another one":                             {versioned, `{"name":"b"}`, digest, signedAs(sigstore.PredicateSPDX), true, false},
		"another one, and not all is to be there": {versioned, `{"name":"b"}`, digest, signedAs(sigstore.PredicateSPDX), false, false},
		"of another image":                        {versioned, `{"name":"app"}`, other, signedAs(versioned), true, false},
		"nobody signed one":                       {versioned, `{"name":"b"}`, digest, nil, true, false},
		"nobody signed one, nor has to":           {versioned, `{"name":"b"}`, digest, nil, false, true},
	} {
		s, err := sigstore.NewStatement("", c.of, c.kind, []byte(c.predicate))
		if err != nil {
			t.Fatal(err)
		}
		e, is := encodingOf(c.kind)
		if !is || e.Name != "spdx" {
			t.Errorf("encodingOf(%q) = %v, %t, want that of SPDX", c.kind, e, is)
		}
		if fault := documentFault(digest, s, e, c.said, c.whole); (fault == "") != c.right {
			t.Errorf("%s: documentFault = %q", name, fault)
		}
	}
	if _, is := encodingOf("https://example.com/scan"); is {
		t.Error("encodingOf takes a scan for a bill of materials")
	}
}
