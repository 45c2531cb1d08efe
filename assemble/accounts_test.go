package assemble_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/internal/accounts"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
)

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"
	group  = "root:x:0:root\naudio:x:18:\nwheel:x:10:root\nnobody:x:65534:\n"
	shadow = "root:*::0:::::\nnobody:!::0:::::\n"
)

// parseAccounts reads the accounts of a spec.
func parseAccounts(t testing.TB, text string) spec.Accounts {
	t.Helper()
	s, err := spec.Parse("s.yaml", []byte("accounts: "+text+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Accounts
}

func alpineAccounts() accounts.Files {
	return accounts.Files{Passwd: []byte(passwd), Group: []byte(group), Shadow: []byte(shadow)}
}

func TestAccountsAreAppended(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accounts                        string
		passwd, group, newGroup, shadow string // what comes behind, but for newGroup, which is all of the file
	}{
		"defaults": {accounts: "{users: {name: app, uid: 1000}}",
			passwd: "app:x:1000:1000::/home/app:/sbin/nologin\n", group: "app:x:1000:\n", shadow: "app:!::0:::::\n"},
		"all fields": {accounts: "{users: {name: app, uid: 1000, gid: 18, gecos: The App, home: /app, shell: /bin/sh}}",
			passwd: "app:x:1000:18:The App:/app:/bin/sh\n", shadow: "app:!::0:::::\n"},
		"own group by its number": {accounts: "{users: {name: app, uid: 1000, gid: 50}}",
			passwd: "app:x:1000:50::/home/app:/sbin/nologin\n", group: "app:x:50:\n", shadow: "app:!::0:::::\n"},
		"own group by its name": {accounts: "{users: {name: app, uid: 1000}, groups: {name: app, gid: 7}}",
			passwd: "app:x:1000:7::/home/app:/sbin/nologin\n", group: "app:x:7:\n", shadow: "app:!::0:::::\n"},
		"further groups": {accounts: "{users: {name: app, uid: 1000, groups: [audio, wheel]}}",
			passwd: "app:x:1000:1000::/home/app:/sbin/nologin\n", shadow: "app:!::0:::::\n",
			newGroup: "root:x:0:root\naudio:x:18:app\nwheel:x:10:root,app\nnobody:x:65534:\napp:x:1000:\n"},
		"members":      {accounts: "{groups: {name: team, gid: 100, members: [nobody]}}", group: "team:x:100:nobody\n"},
		"a known user": {accounts: "{users: {name: nobody, uid: 65534, home: /}}"},
		"a known group that gets a member": {accounts: "{groups: {name: audio, gid: 18, members: [root, root]}}",
			newGroup: "root:x:0:root\naudio:x:18:root\nwheel:x:10:root\nnobody:x:65534:\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, err := accounts.Add(parseAccounts(t, c.accounts), alpineAccounts())
			if err != nil {
				t.Fatal(err)
			}
			want := accounts.Files{Passwd: []byte(passwd + c.passwd), Group: []byte(group + c.group), Shadow: []byte(shadow + c.shadow)}
			if c.newGroup != "" {
				want.Group = []byte(c.newGroup)
			}
			if diff := cmp.Diff(want, got, cmp.Transformer("text", func(b []byte) string { return string(b) })); diff != "" {
				t.Errorf("Add (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAccountWithoutShadowIsLockedInPasswd(t *testing.T) {
	t.Parallel()
	got, added, err := accounts.Add(parseAccounts(t, "{users: {name: app, uid: 1000}}"), accounts.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if want := "app:!:1000:1000::/home/app:/sbin/nologin\n"; string(got.Passwd) != want || got.Shadow != nil {
		t.Errorf("passwd %q, shadow %q; want %q and none", got.Passwd, got.Shadow, want)
	}
	if len(added) != 1 || added[0].Home != "/home/app" || *added[0].GID != 1000 {
		t.Errorf("added %+v, want app with its home and gid", added)
	}
}

func TestAccountsThatClashAreAllTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accounts string
		want     []string
	}{
		"name and number of users": {"{users: [{name: root, uid: 1}, {name: app, uid: 65534}]}",
			[]string{`user "root" with uid 1: etc/passwd has it already, as "root:x:0:0:root:/root:/bin/sh"`, `user "app" with uid 65534: etc/passwd has that uid already, as "nobody:`}},
		"another shell":             {"{users: {name: nobody, uid: 65534, shell: /bin/sh}}", []string{`user "nobody"`}},
		"name and number of groups": {"{groups: [{name: root, gid: 1}, {name: team, gid: 10}]}", []string{`group "root" with gid 1`, `as "wheel:x:10:root"`}},
		"the group of a user":       {"{users: {name: audio, uid: 500, gid: 501}}", []string{`group "audio" with gid 501`}},
		"unknown group":             {"{users: {name: app, uid: 500, groups: [video]}}", []string{`user "app" in group "video": there is no such group`}},
		"unknown member":            {"{groups: {name: team, gid: 500, members: [app]}}", []string{`member "app": there is no such user`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := accounts.Add(parseAccounts(t, c.accounts), alpineAccounts())
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Add = %v, want it to hold %q", err, want)
				}
			}
		})
	}
}

// accountWorld has a package with accounts, and one with a file whose owner none of these is.
func accountWorld(t *testing.T) world {
	return newWorld(t, fixture.Package{Name: "base", Files: []fixture.File{file("etc/passwd", passwd), file("etc/group", group),
		{Path: "etc/shadow", Body: []byte(shadow), Mode: 0o640, GID: 42}}},
		fixture.Package{Name: "daemon", Depends: []string{"base"}, Files: []fixture.File{
			{Path: "var/daemon", Dir: true, Uname: "app", Gname: "app", UID: 99, GID: 98}, {Path: "var/daemon/x", Body: []byte("x"), Uname: "app", Gname: "app", UID: 99, GID: 98}}})
}

func TestAccountsStandInTheImage(t *testing.T) {
	t.Parallel()
	w := accountWorld(t)
	got, tree := builtImage(t, w.spec(t, "daemon", "accounts: {users: {name: app, uid: 1000, home: /srv/app}}\n"), w.sources(t))
	for path, want := range map[string]struct {
		mode     int64
		uid, gid int
		body     string
	}{
		"etc/passwd": {0o644, 0, 0, passwd + "app:x:1000:1000::/srv/app:/sbin/nologin\n"},
		"etc/group":  {0o644, 0, 0, group + "app:x:1000:\n"},
		"etc/shadow": {0o640, 0, 42, shadow + "app:!::0:::::\n"},
		"srv":        {0o755, 0, 0, ""},
		"srv/app":    {0o755, 1000, 1000, ""},
	} {
		n, err := tree.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if h := n.Entry.Header; h.Mode != want.mode || h.Uid != want.uid || h.Gid != want.gid || string(n.Entry.Kept) != want.body {
			t.Errorf("%s: %o %d:%d %q, want %+v", path, h.Mode, h.Uid, h.Gid, n.Entry.Kept, want)
		}
	}
	if l := got["apk base=1-r0"]; why(l) != "" {
		t.Errorf("the layer of base is not verbatim: %s", why(l))
	}
}

func TestAccountsDecideWhoOwnsPackagesFiles(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"2", "3"} {
		w := accountWorld(t)
		s := w.spec(t, "daemon", "accounts: {users: {name: app, uid: 1000}}\n")
		s.Alpine.Dialect = int(dialect[0] - '0')
		_, tree := builtImage(t, s, w.sources(t))
		for _, path := range []string{"var/daemon", "var/daemon/x"} {
			n, err := tree.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if h := n.Entry.Header; h.Uid != 1000 || h.Gid != 1000 {
				t.Errorf("dialect %s: %s belongs to %d:%d, want the account's 1000:1000", dialect, path, h.Uid, h.Gid)
			}
		}
	}
}

func TestHomeThatIsThereStaysAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{{Path: "srv", Dir: true, Mode: 0o711}}})
	_, tree := builtImage(t, w.spec(t, "a", "accounts: {users: [{name: app, uid: 1000, home: /srv}, {name: none, uid: 1001, home: /dev/null}]}\n"), w.sources(t))
	n, err := tree.Lstat("srv")
	if err != nil {
		t.Fatal(err)
	}
	if h := n.Entry.Header; h.Mode != 0o711 || h.Uid != 0 {
		t.Errorf("srv is %o of %d, want 711 of 0", h.Mode, h.Uid)
	}
	if _, err := tree.Lstat("dev/null"); err == nil {
		t.Error("dev/null was made for a home")
	}
}

func TestAccountThatClashesNamesThePackage(t *testing.T) {
	t.Parallel()
	w := accountWorld(t)
	_, err := build(t, w.spec(t, "daemon", "accounts: {users: {name: app, uid: 65534}}\n"), w.sources(t))
	if err == nil || !strings.Contains(err.Error(), "nobody") || !strings.Contains(err.Error(), "apk base=1-r0") {
		t.Errorf("Build = %v, want an error that names nobody and base", err)
	}
}

// FuzzAccounts adds accounts to files of packages: what is there stays, and adding once more changes nothing.
func FuzzAccounts(f *testing.F) {
	f.Add([]byte(passwd), []byte(group), []byte(shadow))
	f.Add([]byte("app\n:::::::\n\n\r\napp:x:0001000:1000:::\n"), []byte("app:x:-1:\nwheel:x:4294967296:,\naudio:x:18:app,,\n"), []byte(":"))
	f.Add([]byte{}, []byte("\x00"), []byte("app"))
	a := parseAccounts(f, "{users: [{name: app, uid: 1000, groups: [team]}, {name: two, uid: 1001, gid: 18}], groups: [{name: team, gid: 100, members: [two]}]}")
	f.Fuzz(func(t *testing.T, passwd, group, shadow []byte) {
		once, _, err := accounts.Add(a, accounts.Files{Passwd: passwd, Group: group, Shadow: shadow})
		if err != nil {
			return
		}
		if !bytes.HasPrefix(append(once.Passwd, '\n'), passwd) {
			t.Errorf("passwd %q became %q", passwd, once.Passwd)
		}
		again, added, err := accounts.Add(a, once)
		if err != nil || len(added) > 0 || !cmp.Equal(once, again) {
			t.Errorf("added again: %v, %v\n%s", added, err, cmp.Diff(once, again))
		}
	})
}
