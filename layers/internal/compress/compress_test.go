package compress_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers/internal/compress"
)

// text is more than a compressor takes at a time.
func text() []byte {
	return []byte(strings.Repeat("what a compressor finds again and again, ", 100_000))
}

func pressed(t *testing.T, e *compress.Encoder, o compress.Options) []byte {
	t.Helper()
	o, err := o.Fill()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := e.Writer(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestRoundTrip reads what was written, with encoders and readers that are used again.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var e compress.Encoder
	var readers compress.Readers
	for _, o := range []compress.Options{{}, {Level: 1}, {Compression: "zstd"}, {Compression: "zstd", Level: 19}, {Compression: "zstd"}} {
		raw := pressed(t, &e, o)
		if again := pressed(t, &e, o); !bytes.Equal(raw, again) {
			t.Errorf("%+v: the same input gives other bytes", o)
		}
		r, err := readers.Open(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, text()) || r.MediaType != o.MediaType() || !compress.IsLayerType(r.MediaType) {
			t.Errorf("%+v: %d bytes of %s, %v", o, len(got), r.MediaType, err)
		}
		r.Release()
		if _, err := readers.Open(bufio.NewReader(bytes.NewReader(raw[:3]))); err == nil {
			t.Errorf("%+v: three bytes are opened", o)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	var readers compress.Readers
	for name, raw := range map[string]string{"text": "<html>", "a tar": "usr/bin\x00", "one byte": "\x1f"} {
		if _, err := readers.Open(bufio.NewReader(strings.NewReader(raw))); !errors.Is(err, compress.ErrPlain) {
			t.Errorf("%s: %v, want ErrPlain", name, err)
		}
	}
	if _, err := readers.Open(bufio.NewReader(strings.NewReader(""))); err == nil || errors.Is(err, compress.ErrPlain) {
		t.Errorf("nothing: %v, want that it is empty", err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, magic := range []string{"\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "\x50\x2a\x4d\x18\x02\x00\x00\x00xx", "\xfd7zXZ\x00", "BZh9"} {
		f.Add([]byte(magic))
	}
	var readers compress.Readers
	f.Fuzz(func(_ *testing.T, raw []byte) {
		r, err := readers.Open(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
		r.Release()
	})
}
