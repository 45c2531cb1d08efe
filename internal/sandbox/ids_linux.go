package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// ids is how user and group numbers of the root are numbers of the host.
type ids struct {
	// uid and gid map the root's numbers to the host's.
	uid, gid []syscall.SysProcIDMap
	// helper is set where newuidmap(1) and newgidmap(1) write the maps.
	helper bool
	// root is set where the caller is root of the host: it needs no user namespace to mount.
	root bool
}

// many reports whether there is more than one number.
func (m ids) many() bool { return m.root || m.helper }

// base is the host's number of the root's user 0 where the caller is root. The 65,536 numbers from there on belong to no
// account: systemd's containers end below it (uids.conf, systemd's UIDS-GIDS.md), /etc/subuid begins far below.
const (
	base  = 1_900_000_000
	count = 1 << 16
)

// Owners says which owners the files of a root must have that this process unpacks for the sandbox: owner maps numbers of the
// root to numbers of the host, false for one that no file can have; it is nil where all files belong to the caller. name tells
// roots apart that were unpacked with different owners.
func Owners() (owner func(id int) (int, bool), name string) {
	if !isRoot() {
		return nil, ""
	}
	return func(id int) (int, bool) { return base + id, id >= 0 && id < count }, fmt.Sprintf("from %d", base)
}

// isRoot reports whether the caller is a root to whom the numbers from base on belong: root of the host, or of a container
// that has them all.
func isRoot() bool {
	if os.Geteuid() != 0 {
		return false
	}
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		var inside, outside, size int64
		if _, err := fmt.Sscan(line, &inside, &outside, &size); err == nil && inside <= base && inside+size >= base+count {
			return true
		}
	}
	return false
}

// hostIDs finds out which numbers the caller may use.
func hostIDs() ids {
	uid, gid := os.Geteuid(), os.Getegid()
	if isRoot() {
		whole := []syscall.SysProcIDMap{{ContainerID: 0, HostID: base, Size: count}}
		return ids{uid: whole, gid: whole, root: true}
	}
	one := ids{
		uid: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
		gid: []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}},
	}
	subUID, errUID := subordinate("/etc/subuid", uid)
	subGID, errGID := subordinate("/etc/subgid", uid)
	_, errMapUID := exec.LookPath("newuidmap")
	_, errMapGID := exec.LookPath("newgidmap")
	if errors.Join(errUID, errGID, errMapUID, errMapGID) != nil {
		return one
	}
	return ids{uid: append(one.uid, subUID), gid: append(one.gid, subGID), helper: true}
}

// subordinate is the first range of a user in /etc/subuid or /etc/subgid, see subuid(5).
func subordinate(file string, uid int) (syscall.SysProcIDMap, error) {
	f, err := os.Open(file)
	if err != nil {
		return syscall.SysProcIDMap{}, err
	}
	defer f.Close()
	name := strconv.Itoa(uid)
	login := name
	if u, err := user.LookupId(name); err == nil {
		login = u.Username
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) != 3 || fields[0] != login && fields[0] != name {
			continue
		}
		start, errStart := strconv.Atoi(fields[1])
		size, errSize := strconv.Atoi(fields[2])
		if errStart == nil && errSize == nil && start > 0 && size > 0 {
			return syscall.SysProcIDMap{ContainerID: 1, HostID: start, Size: min(size, count-1)}, nil
		}
	}
	return syscall.SysProcIDMap{}, fmt.Errorf("%s has no range for user %s", file, login)
}

// runHelpers writes the maps of the process, which is in a new user namespace, with newuidmap(1) and newgidmap(1).
func (m ids) runHelpers(pid int) error {
	for _, h := range []struct {
		program string
		maps    []syscall.SysProcIDMap
	}{{"newuidmap", m.uid}, {"newgidmap", m.gid}} {
		args := []string{strconv.Itoa(pid)}
		for _, r := range h.maps {
			args = append(args, strconv.Itoa(r.ContainerID), strconv.Itoa(r.HostID), strconv.Itoa(r.Size))
		}
		if out, err := exec.Command(h.program, args...).CombinedOutput(); err != nil { //nolint:noctx // it ends at once
			return fmt.Errorf("running %s: %w: %s", h.program, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// inner maps the numbers of the command's own user namespace to those of the namespace around it.
func (m ids) inner(u User) (uid, gid []syscall.SysProcIDMap) {
	switch {
	case m.root:
		return m.uid, m.gid
	case m.helper:
		return identity(m.uid), identity(m.gid)
	}
	return []syscall.SysProcIDMap{{ContainerID: u.UID, HostID: 0, Size: 1}}, []syscall.SysProcIDMap{{ContainerID: u.GID, HostID: 0, Size: 1}}
}

// identity maps the numbers that ms maps to themselves.
func identity(ms []syscall.SysProcIDMap) []syscall.SysProcIDMap {
	same := make([]syscall.SysProcIDMap, len(ms))
	for i, m := range ms {
		same[i] = syscall.SysProcIDMap{ContainerID: m.ContainerID, HostID: m.ContainerID, Size: m.Size}
	}
	return same
}
