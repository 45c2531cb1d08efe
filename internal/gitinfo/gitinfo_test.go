package gitinfo_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/internal/gitinfo"
)

// A work is a repository that git itself makes.
type work struct {
	*testing.T
	dir string
}

func newWork(t *testing.T, init ...string) work {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git, which makes the repositories of this test, is not in PATH")
	}
	w := work{t, t.TempDir()}
	w.git(append([]string{"init", "-q", "-b", "main"}, init...)...)
	return w
}

func (w work) git(args ...string) string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_DATE=2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2024-01-01T00:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w work) commit(text string) string {
	w.Helper()
	w.git("commit", "-q", "--allow-empty", "-m", text)
	return w.git("rev-parse", "HEAD")
}

func (w work) wants(want gitinfo.Info) {
	w.Helper()
	got, err := gitinfo.Read(w.dir)
	if err != nil {
		w.Fatal(err)
	}
	got.Notes, want.Notes = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("Read (-want +got):\n%s", diff)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			w := newWork(t, "--object-format="+format)
			w.commit("a")
			w.git("tag", "-a", "-m", "old", "v0.1")
			commit := w.commit("b")
			w.wants(gitinfo.Info{Revision: commit})
			w.git("tag", "v1.9.0")
			w.git("tag", "-a", "-m", "annotated", "v1.10.0-rc1")
			w.git("tag", "-a", "-m", "annotated", "v1.10.0")
			w.git("tag", "-a", "-m", "of a tag", "nested/twice", "v1.10.0")
			want := gitinfo.Info{Revision: commit, Tags: []string{"v1.10.0", "v1.10.0-rc1", "v1.9.0", "nested/twice"}}
			w.wants(want)
			w.git("pack-refs", "--all")
			w.wants(want)
			w.git("gc", "-q")
			w.wants(want)
			w.git("tag", "-a", "-m", "loose again", "v2")
			w.git("tag", "-d", "v1.9.0")
			w.git("checkout", "-q", "--detach")
			w.wants(gitinfo.Info{Revision: commit, Tags: []string{"v2", "v1.10.0", "v1.10.0-rc1", "nested/twice"}})
			sub := filepath.Join(w.dir, "a", "b")
			if err := os.MkdirAll(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			if info, err := gitinfo.Read(sub); err != nil || info.Revision != commit {
				t.Errorf("Read below = %v, %v; want %s", info, err, commit)
			}
		})
	}
}

// TestPackedTags reads tag objects out of packs, where git stores them as differences to each other, for references that are files.
func TestPackedTags(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	commit := w.commit("a")
	long := strings.Repeat("a long text that all tags have in common\n", 200)
	var want []string
	for i := range 20 {
		name := fmt.Sprintf("v%d", 19-i)
		w.git("tag", "-a", "-m", fmt.Sprintf("%s%d", long, i), name)
		want = append(want, name)
	}
	refs := map[string]string{}
	for _, name := range want {
		refs[name] = w.git("rev-parse", "refs/tags/"+name)
	}
	w.git("repack", "-q", "-a", "-d", "-f")
	w.git("prune-packed")
	if out := w.git("verify-pack", "-v", packIndex(w)); !strings.Contains(out, " 1 ") || !strings.Contains(out, "chain length") {
		t.Skip("git made no deltas")
	}
	for name, hash := range refs { // pack-refs would say what they name
		if err := os.WriteFile(filepath.Join(w.dir, ".git", "refs", "tags", name), []byte(hash+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.wants(gitinfo.Info{Revision: commit, Tags: want})
}

func packIndex(w work) string {
	w.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, ".git", "objects", "pack", "*.idx"))
	if err != nil || len(found) != 1 {
		w.Fatalf("packs %q, %v; want one", found, err)
	}
	return found[0]
}

func TestClonesAndWorktrees(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("a")
	commit := w.commit("b")
	w.git("tag", "-a", "-m", "x", "v1")
	w.git("remote", "add", "origin", "https://user:secret@example.com/team/app.git?token=secret")
	clone := work{t, t.TempDir()}
	clone.git("clone", "-q", "--depth", "1", "file://"+w.dir, ".")
	clone.wants(gitinfo.Info{Revision: commit, Tags: []string{"v1"}})

	w.git("branch", "other", "HEAD~1")
	tree := work{t, filepath.Join(t.TempDir(), "tree")}
	w.git("worktree", "add", "-q", tree.dir, "other")
	tree.wants(gitinfo.Info{Revision: w.git("rev-parse", "other"), Source: "https://example.com/team/app.git"})
	other := tree.commit("c")
	tree.git("tag", "v3")
	tree.wants(gitinfo.Info{Revision: other, Tags: []string{"v3"}, Source: "https://example.com/team/app.git"})
	w.wants(gitinfo.Info{Revision: commit, Tags: []string{"v1"}, Source: "https://example.com/team/app.git"})
}

func TestSource(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ config, want, note string }{
		"https":         {"[remote \"origin\"]\n\turl = https://github.com/you/app.git\n", "https://github.com/you/app", ""},
		"a token":       {"[remote \"origin\"]\n\turl = https://x-access-token:ghs_secret@github.com/You/App\n", "https://github.com/You/App", ""},
		"ssh":           {"[remote \"origin\"]\nurl=git@github.com:you/app.git", "https://github.com/you/app", ""},
		"an ssh URL":    {"[remote \"origin\"]\nurl = ssh://git@gitlab.com:22/you/app.git", "https://gitlab.com/you/app", ""},
		"another host":  {"[remote \"origin\"]\nurl = git@git.example.com:you/app.git", "ssh://git.example.com/you/app.git", ""},
		"a query":       {"[remote \"origin\"]\nurl = \"https://git.example.com/you/app?private_token=secret#x\" # a comment", "https://git.example.com/you/app", ""},
		"a folder":      {"[remote \"origin\"]\nurl = /srv/git/app.git", "", "no URL that others could open"},
		"a file":        {"[remote \"origin\"]\nurl = file:///srv/git/app.git", "", "no URL that others could open"},
		"above":         {"[remote \"origin\"]\nurl = ../app.git", "", "no URL that others could open"},
		"Windows":       {"[remote \"origin\"]\nurl = C:\\\\git\\\\app", "", "no URL that others could open"},
		"a slash less":  {"[remote \"origin\"]\nurl = https:/you:secret@h.example/you/app", "", "no URL that others could open"},
		"ssh, password": {"[remote \"origin\"]\nurl = you:secret@h.example:you/app.git", "", "no URL that others could open"},
		"a program":     {"[remote \"origin\"]\nurl = ext::sh -c evil", "", "no URL that others could open"},
		"none":          {"[core]\n\tbare = false", "", "has no remote"},
		"the only one":  {"[remote \"up\"]\nurl = https://h.example/a", "https://h.example/a", ""},
		"two":           {"[remote \"a\"]\nurl = https://h.example/a\n[remote \"b\"]\nurl = https://h.example/b", "", "none of them is origin"},
		"the branch's":  {"[remote \"origin\"]\nurl = https://h.example/a\n[remote \"b\"]\nurl = https://h.example/b\n[Branch \"main\"] Remote = b", "https://h.example/b", ""},
		"the last one":  {"[remote \"origin\"]\nurl = https://h.example/a\nurl = https://h.example/b", "https://h.example/b", ""},
		"lines":         {"[remote \"origin\"]\n url = https://h.exa\\\nmple/a ; c\n\n# x\n; y\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\tmirror\n", "https://h.example/a", ""},
		"no config":     {"", "", "has no remote"},
		"Windows lines": {"[remote \"origin\"]\r\n\turl = https://h.example/a\r\n", "https://h.example/a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info, err := gitinfo.Read(handmade(t, map[string]string{"HEAD": "ref: refs/heads/main\n", "refs/heads/main": someCommit + "\n", "config": c.config}))
			if err != nil || info.Source != c.want || info.Revision != someCommit {
				t.Errorf("Read = %+v, %v; want the source %q", info, err, c.want)
			}
			if notes := strings.Join(info.Notes, "\n"); !strings.Contains(notes, c.note) || strings.Contains(notes+info.Source, "secret") {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

const someCommit = "0123456789abcdef0123456789abcdef01234567"

// handmade writes the files of a repository. A content that begins with "->" makes a symlink.
func handmade(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		at := filepath.Join(dir, ".git", name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(content, "->"); link {
			err = os.Symlink(target, at)
		} else {
			err = os.WriteFile(at, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no commit":        {map[string]string{"HEAD": "ref: refs/heads/main"}, "HEAD is refs/heads/main, which has no commit yet"},
		"no HEAD":          {map[string]string{"config": ""}, "HEAD"},
		"a circle":         {map[string]string{"HEAD": "ref: refs/heads/a", "refs/heads/a": "ref: refs/heads/a"}, "name each other"},
		"outside":          {map[string]string{"HEAD": "ref: refs/../../../x"}, "names the reference"},
		"another text":     {map[string]string{"HEAD": "hello"}, "expected a commit"},
		"a symlink":        {map[string]string{"HEAD": "ref: refs/heads/a", "refs/heads/a": "->" + secret}, "escapes"},
		"reftable":         {map[string]string{"HEAD": someCommit, "config": "[extensions]\nrefStorage = reftable"}, "git refs migrate"},
		"unknown hashes":   {map[string]string{"HEAD": someCommit, "config": "[extensions]\nobjectFormat = sha9"}, "sha9"},
		"a damaged config": {map[string]string{"HEAD": someCommit, "config": "[core\n"}, "line 1 of its configuration"},
		"damaged refs":     {map[string]string{"HEAD": someCommit, "packed-refs": "x\n"}, "packed-refs has the line"},
		"a long HEAD":      {map[string]string{"HEAD": strings.Repeat("a", 5000)}, "more than 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info, err := gitinfo.Read(handmade(t, c.files))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Read = %v, %v; want an error with %q", info, err, c.want)
			}
		})
	}
	dir := t.TempDir()
	if info, err := gitinfo.Read(dir); !errors.Is(err, gitinfo.ErrNone) {
		t.Logf("%s is below a repository, or the folder of temporary files is: %v, %v", dir, info, err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := gitinfo.Read(dir); err == nil || !strings.Contains(err.Error(), "gitdir: PATH") {
		t.Errorf("Read = %v, want an error for a .git without a path", err)
	}
}

// TestDamagedTag says what is not known, and goes on.
func TestDamagedTag(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("ab", 20)
	info, err := gitinfo.Read(handmade(t, map[string]string{"HEAD": someCommit, "refs/tags/v1": other, "refs/tags/v2": someCommit, "objects/ab/" + other[2:]: "no zlib"}))
	if err != nil || len(info.Tags) != 1 || info.Tags[0] != "v2" || !strings.Contains(strings.Join(info.Notes, "\n"), "the objects of 1 tags cannot be read") {
		t.Errorf("Read = %+v, %v; want the tag v2 and a note", info, err)
	}
}
