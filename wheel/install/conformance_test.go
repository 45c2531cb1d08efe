package install_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/target"
)

// conformance is a folder of the shared data; the test is skipped without it.
func conformance(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join("../../../shared/conformance/wheels", name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("needs the conformance data of ../shared")
	}
	return dir
}

func readJSON(t *testing.T, name string, value any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, value); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func options(t testing.TB, platform string) install.Options {
	t.Helper()
	machine := map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64"}[platform]
	made, err := target.New(platform, target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: machine})
	if err != nil {
		t.Fatal(err)
	}
	return install.Options{Scheme: install.NewScheme("/usr/local", "python3.13"), Interpreter: "/usr/local/bin/python3.13", Target: made}
}

// plan opens, verifies and plans a wheel of bytes.
func plan(data []byte, name string, o install.Options) (*wheel.Wheel, install.Plan, error) {
	w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), name)
	if err != nil {
		return nil, install.Plan{}, err
	}
	sums, err := w.Verify(context.Background(), nil)
	if err != nil {
		return w, install.Plan{}, err
	}
	p, err := install.New(w, sums, o)
	return w, p, err
}

// entry is a file or a folder as the expected trees have it.
type entry struct {
	Path, Type, Mode string
	Size             int64
	SHA256           string
	Text             string
}

// trees lists what the plans leave; each member is unpacked anew for it.
func tree(t *testing.T, wheels []*wheel.Wheel, plans []install.Plan) map[string]entry {
	t.Helper()
	found := make(map[string]entry)
	for i, p := range plans {
		inflater := wheels[i].Archive.Inflater()
		for _, f := range p.Files {
			data := f.Data
			if f.Member != nil {
				var err error
				if data, err = inflater.Read(*f.Member, 1<<30); err != nil {
					t.Fatal(err)
				}
			}
			sum := sha256.Sum256(data)
			if sum != f.SHA256 || int64(len(data)) != f.Size {
				t.Errorf("%s: the plan has another SHA-256 or size than the bytes", f.Path)
			}
			e := entry{Path: f.Path, Type: "file", Mode: fmt.Sprintf("%04o", f.Mode), Size: f.Size, SHA256: hex.EncodeToString(sum[:])}
			if path.Base(f.Path) == "RECORD" {
				e.Text = string(data)
			}
			found[f.Path] = e
			for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
				found[dir] = entry{Path: dir, Type: "dir", Mode: "0755"}
			}
		}
	}
	return found
}

func TestTreesEqualPips(t *testing.T) {
	t.Parallel()
	dir := conformance(t, "expected")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasPrefix(filepath.Base(name), "tags.") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			t.Parallel()
			compareTree(t, name)
		})
	}
}

func compareTree(t *testing.T, name string) {
	var want struct {
		Platform             string
		Wheels, Requirements []string
		Tree                 []entry
	}
	readJSON(t, name, &want)
	var wheels []*wheel.Wheel
	var plans []install.Plan
	for _, file := range chosen(want.Wheels) {
		data, err := os.ReadFile(filepath.Join(conformance(t, "odd"), file))
		if errors.Is(err, fs.ErrNotExist) {
			data, err = os.ReadFile(filepath.Join(conformance(t, "wheels"), file))
		}
		if err != nil {
			t.Fatal(err)
		}
		o := options(t, want.Platform)
		for _, r := range want.Requirements {
			asked, _, _ := strings.Cut(r, "=")
			if project, _, _ := strings.Cut(file, "-"); dependency.Normalize(asked) == dependency.Normalize(project) {
				o.Requested, o.Name = true, asked
			}
		}
		w, p, err := plan(data, file, o)
		if err != nil {
			t.Fatal(err)
		}
		wheels, plans = append(wheels, w), append(plans, p)
	}
	merged, err := install.Merge(plans, nil)
	if strings.Contains(name, "set_coll") {
		if err == nil || !strings.Contains(err.Error(), "coll_a") || !strings.Contains(err.Error(), "coll_b") {
			t.Errorf("two wheels with other bytes at one path: %v, want an error that names both", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got := tree(t, wheels, merged)
	for _, e := range want.Tree {
		if diff := cmp.Diff(e, got[e.Path]); diff != "" {
			t.Errorf("%s (-pip +pyimg):\n%s", e.Path, diff)
		}
		delete(got, e.Path)
	}
	for at, e := range got {
		if e.Type == "file" {
			t.Errorf("%s is not in pip's tree", at)
		}
	}
}

// chosen leaves out the wheels that pip left out for a higher build tag.
func chosen(files []string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool { return len(files) == 2 && strings.HasPrefix(f, "buildtag-1.0-1-") })
}

// needsELF are the wheels that only their ELF files betray: another room judges those.
func needsELF(name string) bool {
	return slices.Contains([]string{"glibc_so", "machine", "nolib", "nosym"}, strings.SplitN(name, "-", 2)[0])
}

func TestBadWheelsAreRefused(t *testing.T) {
	t.Parallel()
	dir := conformance(t, "bad")
	var verdicts map[string]struct{ Verdict, Word, Platform string }
	readJSON(t, filepath.Join(dir, "verdicts.json"), &verdicts)
	for name, want := range verdicts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if file, ok := strings.CutSuffix(name, ".gz"); ok {
				z, err := gzip.NewReader(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				if data, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
				name = file
			}
			if want.Platform == "" {
				want.Platform = "linux/amd64"
			}
			w, _, err := plan(data, name, options(t, want.Platform))
			switch {
			case needsELF(name):
				if err != nil {
					t.Errorf("%v: refused for another reason than its ELF file", err)
				}
			case want.Verdict == "install":
				if err != nil || !strings.Contains(strings.Join(w.Warnings, "\n"), want.Word) {
					t.Errorf("%v, want a warning with %q", err, want.Word)
				}
			case err == nil || !strings.Contains(err.Error(), want.Word):
				t.Errorf("%v, want an error with %q", err, want.Word)
			default:
				t.Log(err)
			}
		})
	}
}

func TestVerifyWritesELFFilesToTheTap(t *testing.T) {
	t.Parallel()
	name := "markupsafe-2.1.5-cp313-cp313-musllinux_1_2_x86_64.whl"
	data, err := os.ReadFile(filepath.Join(conformance(t, "wheels"), name))
	if err != nil {
		t.Fatal(err)
	}
	w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), name)
	if err != nil {
		t.Fatal(err)
	}
	tapped := make(map[string]*bytes.Buffer)
	sums, err := w.Verify(t.Context(), func(m archive.Member) io.Writer {
		tapped[m.Name] = new(bytes.Buffer)
		return tapped[m.Name]
	})
	if err != nil {
		t.Fatal(err)
	}
	elf := 0
	for i, m := range w.Archive.Members {
		if sums[i].ELF {
			elf++
			if b := tapped[m.Name]; b == nil || sha256.Sum256(b.Bytes()) != sums[i].SHA256 {
				t.Errorf("the tap did not get %s", m.Name)
			}
		}
	}
	if elf != 1 || len(tapped) != 1 {
		t.Errorf("%d ELF files, %d tapped, want 1", elf, len(tapped))
	}
}
