package passwd_test

import (
	"reflect"
	"testing"

	"github.com/pyimg/pyimg/internal/passwd"
)

const (
	users  = "# comment\nroot:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/app:/sbin/nologin\n+::::::\nodd:x:one:1::/:\nshort:x\n"
	groups = "root:x:0:root\napp:x:1001:\nwheel:x:10:root,app\nvideo:x:27:app\nbad:x\n"
)

func TestFind(t *testing.T) {
	t.Parallel()
	us, badUsers := passwd.Users(users)
	gs, badGroups := passwd.Groups(groups)
	if len(us) != 3 || len(badUsers) != 2 || len(gs) != 4 || len(badGroups) != 1 {
		t.Fatalf("users %v, bad %q; groups %v, bad %q", us, badUsers, gs, badGroups)
	}
	for _, c := range []struct {
		setting  string
		uid, gid int
		groups   []int
		home     string
	}{
		{"", 0, 0, []int{10}, "/root"},
		{"app", 1000, 1001, []int{10, 27}, "/app"},
		{"1000", 1000, 1001, []int{10, 27}, "/app"},
		{"app:wheel", 1000, 10, nil, "/app"},
		{"app:", 1000, 1001, []int{10, 27}, "/app"},
		{"65534:65533", 65534, 65533, nil, "/"},
		{"77", 77, 0, nil, "/"},
		{"odd", 0, 1, nil, "/"}, // runtimes read a number that is not valid as 0
	} {
		a, err := passwd.Find(us, gs, c.setting)
		if err != nil || a.UID != c.uid || a.GID != c.gid || !reflect.DeepEqual(a.Groups, c.groups) || a.Home != c.home {
			t.Errorf("Find(%q) = %+v, %v, want %d:%d %v %s", c.setting, a, err, c.uid, c.gid, c.groups, c.home)
		}
	}
	for _, setting := range []string{"nosuch", "app:nosuch", "-1", "4294967296", "1:-1", "99999999999999999999x"} {
		if a, err := passwd.Find(us, gs, setting); err == nil {
			t.Errorf("Find(%q) = %+v, want an error", setting, a)
		}
	}
}
