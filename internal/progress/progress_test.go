package progress_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyimg/pyimg/internal/progress"
)

func run(t *testing.T, mode string, terminal bool, use func(progress.Reporter)) string {
	t.Helper()
	var out bytes.Buffer
	r, err := progress.New(mode, &out, terminal)
	if err != nil {
		t.Fatal(err)
	}
	use(r)
	r.Close()
	return out.String()
}

func transfer(r progress.Reporter) {
	task := r.Start("upload", "sha256:\x1b[31mabc", 2048)
	task.Add(1024)
	task.Add(1024)
	task.Done(nil)
}

func TestModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode, want string
		terminal   bool
	}{
		{"plain", `upload sha256:\x1b[31mabc: done, 2.0 kB`, false},
		{"plain", `upload sha256:\x1b[31mabc: done, 2.0 kB`, true},
		{"auto", `upload sha256:\x1b[31mabc: done, 2.0 kB`, false},
		{"json", `"event":"done","kind":"upload","name":"sha256:\u001b[31mabc","done":2048,"size":2048`, false},
		{"quiet", "", true},
	} {
		got := run(t, tt.mode, tt.terminal, transfer)
		if !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("mode %q wrote %q, want %q", tt.mode, got, tt.want)
		}
		if strings.Contains(got, "\x1b") {
			t.Errorf("mode %q lets an escape through: %q", tt.mode, got)
		}
	}
}

func TestUnknownMode(t *testing.T) {
	t.Parallel()
	if _, err := progress.New("fancy", nil, false); err == nil || !strings.Contains(err.Error(), `"fancy"`) {
		t.Errorf("New(fancy) = %v, want an error that names it", err)
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	got := run(t, "plain", false, func(r progress.Reporter) {
		task := r.Start("upload", "x", 10)
		task.Add(4)
		task.Done(errors.New("secret"))
		r.Start("upload", "refused at once", 10).Done(errors.New("secret"))
	})
	if want := "upload x: failed after 4 B\n"; got != want {
		t.Errorf("plain wrote %q, want %q", got, want)
	}
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	got := run(t, "json", false, transfer)
	for line := range strings.Lines(got) {
		var e progress.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
	}
}

// TestBarsSayThePlatform: a name that is cut keeps its platform, because two names may differ only in that.
func TestBarsSayThePlatform(t *testing.T) {
	t.Parallel()
	got := run(t, "auto", true, func(r progress.Reporter) {
		task := r.Start("fetch", "a-package-with-a-rather-long-name-1.2.3-r0 linux/arm64", 2048)
		task.Add(2048)
		time.Sleep(300 * time.Millisecond) // a picture is drawn only at intervals
	})
	if !strings.Contains(got, "fetch a-package-") || !strings.Contains(got, "… arm64 ") {
		t.Errorf("bars wrote %q, want the name cut and its platform", got)
	}
}

// TestBars draws on a writer that is not a terminal. The bars must not hang and must escape a name's control
// characters, also where tasks are never done or start after Close.
func TestBars(t *testing.T) {
	t.Parallel()
	got := run(t, "auto", true, func(r progress.Reporter) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { transfer(r) })
		}
		wg.Wait()
		r.Start("upload", "left open", 100).Add(200)
		r.Close()
		transfer(r)
	})
	if strings.Contains(got, "\x1b[31m") {
		t.Errorf("bars let an escape through: %q", got)
	}
}
