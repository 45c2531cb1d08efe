package requirements_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/requirements"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
)

func targets(t testing.TB, platforms ...string) []target.Target {
	t.Helper()
	var made []target.Target
	for _, platform := range platforms {
		machine := map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64"}[platform]
		one, err := target.New(platform, target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: machine})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, one)
	}
	return made
}

// files reads from a map in place of a folder.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, ok := m[filepath.ToSlash(name)]
		if !ok {
			return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
		}
		return []byte(text), nil
	}
}

// index is wheels by name, each with a hash that is its name's.
type index []string

func hashOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

func (x index) Files(_ context.Context, project string) ([]source.File, error) {
	var found []source.File
	for _, name := range x {
		f, err := tag.ParseFilename(name)
		if err != nil {
			return nil, err
		}
		if f.Name == project {
			found = append(found, source.File{Filename: f, Hashes: source.Hashes{"sha256": hashOf(name)}})
		}
	}
	return found, nil
}

const (
	a1    = "a-1.0-py3-none-any.whl"
	a2    = "a-2.0-py3-none-any.whl"
	b1    = "b-1.0-py3-none-any.whl"
	cAMD  = "c-1.0-cp313-cp313-musllinux_1_2_x86_64.whl"
	cARM  = "c-1.0-cp313-cp313-musllinux_1_2_aarch64.whl"
	local = "d-1.0+cpu-py3-none-any.whl"
	plain = "d-1.0-py3-none-any.whl"
	glibc = "g-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
)

func choose(t *testing.T, set map[string]string, platforms ...string) (string, []string, error) {
	t.Helper()
	s, err := requirements.Parse([]string{"r.txt"}, files(set))
	if err != nil {
		return "", nil, err
	}
	selected, warnings, err := s.Select(t.Context(), targets(t, platforms...), index{a1, a2, b1, cAMD, cARM, local, plain, glibc})
	var names []string
	for _, one := range selected {
		for _, f := range one.Files {
			names = append(names, f.Filename.Text)
		}
	}
	return strings.Join(names, " "), append(s.Warnings, warnings...), err
}

func TestSelect(t *testing.T) {
	t.Parallel()
	hash := func(names ...string) (text string) {
		for _, n := range names {
			text += " --hash=sha256:" + hashOf(n)
		}
		return text
	}
	for text, want := range map[string]string{
		"":                                  "",
		"A == 1":                            a1,
		"a===1.0":                           a1,
		"a==1.0,>0.5":                       a1,
		"a==1.0 \\\n" + hash(a1):            a1,
		"a==1.0" + hash(a2, a1):             a1,
		"a==1.0 # --hash=x":                 a1,
		"a==\\\n2.0":                        a2,
		"\ufeff# c \\\na==1.0":              a1,
		"a==1.0\r\nb==1.0\r\n":              a1 + " " + b1,
		"a==1.0\na == 1":                    a1,
		"a==1.0; sys_platform == 'win32'":   "",
		"a==1.0; sys_platform == 'linux'":   a1,
		"d==1.0\nd==1.0+cpu":                local,
		"c==1.0":                            cAMD,
		"d==1.0":                            local,
		"-r more.txt\n-c pins.txt\n":        a2 + " " + b1,
		"-rmore.txt\n--constraint=pins.txt": a2 + " " + b1,
		"--index-url https://u:p@x/simple\n--pre\n-f ./w\n--no-binary :none:\na==1.0": a1,
		"# -*- coding: latin-1 -*-\n# \xe9\na==1.0":                                   a1,
	} {
		got, warnings, err := choose(t, map[string]string{"r.txt": text, "more.txt": "-r sub/deep.txt\na\n", "sub/deep.txt": "b==1.0", "pins.txt": "a==2.0\nx==1"}, "linux/amd64")
		if err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
		for _, w := range warnings {
			if strings.Contains(w, "u:p@x") {
				t.Errorf("a warning has a password: %s", w)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	_, warnings, err := choose(t, map[string]string{"r.txt": "--index-url https://x\na==1.0\n"}, "linux/amd64", "linux/arm64")
	if err != nil || len(warnings) != 2 || !strings.Contains(warnings[0], "--index-url") || !strings.Contains(warnings[1], "--hash") || !strings.Contains(warnings[1], "r.txt:2") {
		t.Errorf("%q, %v", warnings, err)
	}
}

func TestParseReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	text := "-e .\n--editable=git+https://u:secret@x/y\n.\n./pkg\n../w/a-1-py3-none-any.whl\ngit+https://u:secret@x/y@v1#egg=z\nv @ git+ssh://git@x/y\n" +
		"u @ https://u:secret@x/y.whl\nhttps://u:secret@x/y.whl\nfile:///y\n--frobnicate\n-z\na==${SECRET}\n-r ${DIR}/x.txt\n-r r.txt\n-r nowhere.txt\na==1 --hash=md5:00\n" +
		"a==1 --hash=sha256:00\n--hash=sha256:00\na b\na==1 --pre\n-r\n-r https://u:secret@x/y.txt\na==1 --hash=\"x\n--pre=1\n--pre a\n--no-binary :all:\n"
	_, err := requirements.Parse([]string{"r.txt", "gone.txt"}, files(map[string]string{"r.txt": text}))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(text, "\n")
	for i := range lines[:len(lines)-1] {
		if at := fmt.Sprintf("r.txt:%d:", i+1); !strings.Contains(err.Error(), at) {
			t.Errorf("no fault of line %d, %q", i+1, lines[i])
		}
	}
	for _, want := range []string{"editable", "--no-emit-project", "path", "vcs (git)", "v comes from a vcs", "u comes from a url", "--frobnicate", "SECRET", "itself", "nowhere.txt", "gone.txt", "md5", "quote"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error has no %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "u:secret") {
		t.Errorf("the error has a password:\n%v", err)
	}
}

func TestSelectReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	text := "a==1.0\na==2.0\nb>=1\nb==1.*\nx==1.0\ng==1.0\nc==9\nd==1.0; platform_release > '1'\n"
	_, _, err := choose(t, map[string]string{"r.txt": text}, "linux/amd64", "linux/arm64")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"r.txt:1: a is asked for as ==1.0 and as ==2.0", "b>=1 and ==1.* names no version by ==", "no wheel of x 1.0 for linux/amd64 (there is none of any version", "no wheel of g 1.0 for linux/arm64 (there is g-1.0-", "no wheel of c 9 for linux/amd64 (there is 1.0)", "platform_release"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error has no %q:\n%v", want, err)
		}
	}
	if !errors.Is(err, source.ErrNoFit) {
		t.Error("the error is not source.ErrNoFit")
	}
	if n := strings.Count(err.Error(), "is asked for as"); n != 1 {
		t.Errorf("a fault of both platforms is there %d times", n)
	}
}

// TestRefusalsLeaveTheRest: what is refused by its kind hides no fault of what can be selected.
func TestRefusalsLeaveTheRest(t *testing.T) {
	t.Parallel()
	read := func(text string) (*requirements.Set, error) {
		return requirements.Parse([]string{"r.txt"}, func(string) ([]byte, error) { return []byte(text), nil })
	}
	set, err := read("-e .\n./local\ngit+https://u:secret@x/y.git@v1\ngit+https://x/y#subdirectory=a&egg=named\nhttps://x/z-1.zip?token=secret\nb>=1\n" +
		"git+https://x/y.git@feature/branch\nhttps://u:se#egg=cret@x/z.whl\ngit+https://tok%en@x?y\ngit@github.com:org/repo.git@v1\nc==1.0\n")
	if set == nil || err == nil {
		t.Fatalf("%v, %v", set, err)
	}
	for _, want := range []string{"r.txt:3: y comes from a vcs", "r.txt:4: named comes from a vcs", "r.txt:5: z-1.zip comes from a url", "r.txt:7: y comes from a vcs",
		"r.txt:8: the requirement comes from a url", "r.txt:9: the requirement comes from a vcs", "r.txt:10: repo comes from a vcs"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error has no %q:\n%v", want, err)
		}
	}
	for _, secret := range []string{"secret", "cret@", "named cret", "tok%en"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error has the password %q:\n%v", secret, err)
		}
	}
	if err := set.Check(t.Context(), targets(t, "linux/amd64")); err == nil || !strings.Contains(err.Error(), "r.txt:6: b>=1 names no version") {
		t.Error(err)
	}
	if set, err := read("-e .\n-r gone.txt --frobnicate\n"); set != nil || err == nil {
		t.Errorf("where more is wrong, the set is %v, %v", set, err)
	}
}

func TestOneHashMakesAllNeedOne(t *testing.T) {
	t.Parallel()
	two := func(a, b string) string { return " --hash=sha256:" + hashOf(a) + " --hash=sha256:" + hashOf(b) }
	for text, want := range map[string]string{
		"a==1.0 --hash=sha256:" + hashOf(a1) + "\nb==1.0":  "r.txt:2: b has no --hash",
		"--require-hashes\nb==1.0":                         "b has no --hash",
		"a==1.0 --hash=sha256:" + hashOf(a2):               "hash that is allowed",
		"a>=1.0 --hash=sha256:" + hashOf(a1):               "==",
		"a==1.0" + two(a1, a2) + "\na==1.0" + two(a2, b1):  "hash",
		"a==1.0" + two(a1, a2) + "\na==1.0" + two(b1, a1):  "",
		"a==1.0" + two(a1, a2) + "\na==1.0" + two(b1, b1):  "in common",
		"a==1.0 --hash=sha512:" + strings.Repeat("00", 64): "",
	} {
		if _, _, err := choose(t, map[string]string{"r.txt": text}, "linux/amd64"); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a==1.0 \\\n --hash=sha256:" + hashOf(a1) + " # c\n-r r.txt\n-c x.txt\n--index-url 'x y'\nb[c]~=1 ; os_name == 'x'\n")
	one := targets(f, "linux/amd64")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := requirements.Parse([]string{"r.txt"}, files(map[string]string{"r.txt": text, "x.txt": "a==1.0\n"}))
		if err != nil {
			return
		}
		selected, _, err := s.Select(t.Context(), one, index{a1, a2, b1})
		if err == nil && len(selected) != 1 {
			t.Errorf("%d platforms", len(selected))
		}
	})
}

// folder finds the shared wheels.
type folder string

func (d folder) Files(_ context.Context, project string) ([]source.File, error) {
	names, err := filepath.Glob(filepath.Join(string(d), "*.whl"))
	if err != nil {
		return nil, err
	}
	var found []source.File
	for _, name := range names {
		f, err := tag.ParseFilename(filepath.Base(name))
		if err != nil {
			return nil, err
		}
		if f.Name == project {
			found = append(found, source.File{Filename: f, Path: name})
		}
	}
	return found, nil
}

// TestConformance compares with what the shared requirements should give.
func TestConformance(t *testing.T) {
	t.Parallel()
	dir := "../../../shared/conformance/wheels/requirements"
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("needs the conformance data of ../shared")
	}
	var expected map[string]struct {
		Cases []map[string]struct {
			Wheels []string
			Error  string
		}
		Either bool
	}
	if err != nil || json.Unmarshal(data, &expected) != nil {
		t.Fatal(err)
	}
	for name, e := range expected {
		for platform, want := range e.Cases[0] {
			t.Run(name+"/"+platform, func(t *testing.T) {
				t.Parallel()
				got, err := conform(t, dir, name, platform)
				switch {
				case e.Either && err != nil:
					t.Log(err)
				case want.Error != "":
					if err == nil || !strings.Contains(err.Error(), want.Error) {
						t.Errorf("%q, %v, want an error with %q", got, err, want.Error)
					}
				default:
					if diff := cmp.Diff(want.Wheels, got); diff != "" || err != nil {
						t.Error(err, diff)
					}
				}
			})
		}
	}
}

// conform selects, checks the hashes, and checks the dependencies.
func conform(t *testing.T, dir, name, platform string) ([]string, error) {
	t.Helper()
	s, err := requirements.Parse([]string{filepath.Join(dir, name)}, os.ReadFile)
	if err != nil {
		return nil, err
	}
	one := targets(t, platform)
	selected, _, err := s.Select(t.Context(), one, folder(filepath.Join(dir, "../wheels")))
	if err != nil {
		return nil, err
	}
	names := []string{}
	var dists []distinfo.Metadata
	for _, f := range selected[0].Files {
		names = append(names, f.Filename.Text)
		data, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		checker := f.Checker()
		_, _ = checker.Write(data)
		if err := checker.Check(); err != nil {
			return nil, err
		}
		w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), f.Filename.Text)
		if err != nil {
			t.Fatal(err)
		}
		dists = append(dists, w.Metadata)
	}
	unmet, err := distinfo.Check(dists, one[0].Environment, selected[0].Extras)
	if err == nil && len(unmet) > 0 {
		err = errors.New(unmet[0].String() + " (" + dependency.Normalize(unmet[0].Requirement) + ")")
	}
	return names, err
}
