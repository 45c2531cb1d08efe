package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// clone is a copy of a mount of the host, not attached to any place yet; see open_tree(2).
type clone struct {
	fd     int
	folder bool
	target string
	flags  uint64 // of mount_setattr(2)
}

// makeRoot builds the root out of the lower folders, mounts what belongs in it, and makes it the root of this process.
func (p plan) makeRoot(notice func(string)) error {
	if err := unix.Sethostname([]byte(p.Hostname)); err != nil {
		return fmt.Errorf("setting the sandbox's host name: %w", err)
	}
	if p.Network == NetworkNone {
		if err := loopbackUp(); err != nil {
			return err
		}
	}
	devices, err := p.cloneDevices()
	if err != nil {
		return err
	}
	mounts, err := p.cloneMounts()
	if err != nil {
		return err
	}
	emulator, err := p.openEmulator()
	if err != nil {
		return err
	}
	if err := p.stack(notice); err != nil {
		return err
	}
	if err := enter(); err != nil {
		return err
	}
	if err := p.registerEmulator(emulator); err != nil {
		return err
	}
	if err := p.makeDev(devices); err != nil {
		return err
	}
	if err := p.makeTmp(); err != nil {
		return err
	}
	if err := p.prepareFiles(mounts); err != nil {
		return err
	}
	for _, m := range mounts {
		if err := m.attach(); err != nil {
			return err
		}
	}
	if p.ReadOnly {
		if err := unix.MountSetattr(-1, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("making the root read-only: %w", err)
		}
	}
	return nil
}

// stack mounts a file system in memory over the first lower folder, which this process alone sees, and in it the root: an
// overlay of the lower folders, or a copy of them where the kernel allows no overlay. It ends in the root.
func (p plan) stack(notice func(string)) error {
	var lower []string
	for i := len(p.Lower) - 1; i >= 0; i-- { // overlayfs wants the uppermost first
		fd, err := unix.Open(p.Lower[i], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("opening the folder %s of the root: %w", p.Lower[i], err)
		}
		defer closeFD(fd)
		lower = append(lower, fmt.Sprintf("/proc/self/fd/%d", fd))
	}
	bottom := p.Lower[0]
	if err := unix.Mount("tmpfs", bottom, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID, p.tmpfs("0755")); err != nil {
		return fmt.Errorf("mounting memory for the root: %w", err)
	}
	for _, dir := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(bottom, dir), 0o755); err != nil {
			return fmt.Errorf("preparing the root: %w", err)
		}
	}
	root, upper := filepath.Join(bottom, "root"), filepath.Join(bottom, "upper")
	if err := p.own(upper); err != nil {
		return err
	}
	up, err := unix.Open(bottom, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("preparing the root: %w", err)
	}
	defer closeFD(up)
	// The command can read these options in /proc/mounts, and must not learn the host's paths there.
	options := fmt.Sprintf("userxattr,lowerdir=%s,upperdir=/proc/self/fd/%d/upper,workdir=/proc/self/fd/%d/work", strings.Join(lower, ":"), up, up)
	err = unix.Mount("overlay", root, "overlay", unix.MS_NODEV|unix.MS_NOSUID, options)
	if err == nil {
		return os.Chdir(root)
	}
	notice(fmt.Sprintf("the kernel allows no overlay here (%v), so the root is copied into memory", err))
	for i := len(lower) - 1; i >= 0; i-- {
		if err := copyLayer(lower[i], upper, true); err != nil {
			return fmt.Errorf("copying the root into memory: %w", err)
		}
	}
	if err := unix.Mount(upper, root, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting the root: %w", err)
	}
	return os.Chdir(root)
}

func closeFD(fd int) { _ = unix.Close(fd) }

// tmpfs are the options of a file system in memory, see tmpfs(5). An inode takes memory that its size does not count.
func (p plan) tmpfs(mode string) string {
	if p.Limits.Disk == 0 {
		return "mode=" + mode
	}
	const perInode = 4 << 10
	return fmt.Sprintf("mode=%s,size=%d,nr_inodes=%d", mode, p.Limits.Disk, 1024+p.Limits.Disk/perInode)
}

// own gives a folder to the root's user 0 and the mode of a root.
func (p plan) own(dir string) error {
	return errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, p.host(p.UID, 0), p.host(p.GID, 0)))
}

// enter makes the working directory the root, and takes the host's away. The new /proc is mounted in between: the kernel
// allows it only while the host's is there.
func enter() error {
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("entering the root: %w", err)
	}
	if err := makeFolder("/proc", 0o555); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NODEV|unix.MS_NOSUID|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the host's root: %w", err)
	}
	return os.Chdir("/")
}

// makeFolder makes sure that a path is a folder, not a symlink to one.
func makeFolder(name string, mode os.FileMode) error {
	info, err := os.Lstat(name)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("making the folder %s of the sandbox: %w", name, err)
		}
	}
	if err := os.Mkdir(name, mode); err != nil {
		return fmt.Errorf("making the folder %s of the sandbox: %w", name, err)
	}
	return os.Chmod(name, mode)
}

// cloneDevices takes the devices along that every program may use.
func (p plan) cloneDevices() ([]clone, error) {
	var clones []clone
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		c, err := cloneMount("/dev/"+name, "/dev/"+name)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, err
		}
		clones = append(clones, c)
	}
	return clones, nil
}

// cloneMounts takes the mounts along that the command asked for, and the files that say how to use the host's network.
func (p plan) cloneMounts() ([]clone, error) {
	var clones []clone
	if p.Network == NetworkHost {
		for _, name := range []string{"/etc/resolv.conf", "/etc/hosts"} {
			c, err := cloneMount(name, name)
			if errors.Is(err, unix.ENOENT) {
				continue
			}
			if err != nil {
				return nil, err
			}
			c.flags = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
			clones = append(clones, c)
		}
	}
	for _, m := range p.Mounts {
		c, err := cloneMount(m.Source, m.Target)
		if err != nil {
			return nil, err
		}
		c.flags = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
		if !m.Writable {
			c.flags |= unix.MOUNT_ATTR_RDONLY
		}
		clones = append(clones, c)
	}
	return clones, nil
}

func cloneMount(source, target string) (clone, error) {
	info, err := os.Stat(source)
	if err != nil {
		return clone{}, fmt.Errorf("mounting %s in the sandbox: %w", source, err)
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return clone{}, fmt.Errorf("mounting %s in the sandbox: %w", source, err)
	}
	return clone{fd: fd, folder: info.IsDir(), target: path.Clean(target)}, nil
}

// attach mounts the clone in the root, following the root's own symlinks.
func (c clone) attach() error {
	defer closeFD(c.fd)
	if c.flags != 0 {
		if err := unix.MountSetattr(c.fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: c.flags}); err != nil {
			return fmt.Errorf("mounting %s in the sandbox: setting its flags: %w", c.target, err)
		}
	}
	if err := unix.MoveMount(c.fd, "", unix.AT_FDCWD, c.target, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS); err != nil {
		return fmt.Errorf("mounting %s in the sandbox: %w", c.target, err)
	}
	return nil
}

// prepareFiles makes the places that mounts need, and what a network of its own needs.
func (p plan) prepareFiles(mounts []clone) error {
	for _, m := range mounts {
		if err := p.makePlace(m.target, m.folder); err != nil {
			return fmt.Errorf("mounting %s in the sandbox: %w", m.target, err)
		}
	}
	if p.Dir != "/" {
		if err := p.makePlace(p.Dir, true); err != nil {
			return fmt.Errorf("making the working directory %s: %w", p.Dir, err)
		}
	}
	if p.Network == NetworkNone {
		if _, err := os.Lstat("/etc/hosts"); errors.Is(err, fs.ErrNotExist) {
			if err := p.makePlace("/etc", true); err != nil {
				return err
			}
			return os.WriteFile("/etc/hosts", []byte("127.0.0.1\tlocalhost\n::1\tlocalhost\n"), 0o644)
		}
	}
	return nil
}

// makePlace makes a folder or an empty file, and the folders above it, where nothing is there. A symlink that leads
// nowhere is replaced.
func (p plan) makePlace(name string, folder bool) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	if dir := path.Dir(name); dir != "/" {
		if err := p.makePlace(dir, true); err != nil {
			return err
		}
	}
	if info, err := os.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	if folder {
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
	} else if err := os.WriteFile(name, nil, 0o644); err != nil {
		return err
	}
	return os.Lchown(name, p.host(p.UID, 0), p.host(p.GID, 0))
}

// makeDev makes a /dev that has what programs expect and nothing of the host's but harmless devices.
func (p plan) makeDev(devices []clone) error {
	if err := makeFolder("/dev", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64k,nr_inodes=64"); err != nil {
		return fmt.Errorf("mounting /dev: %w", err)
	}
	for _, d := range devices {
		if err := os.WriteFile(d.target, nil, 0o644); err != nil {
			return fmt.Errorf("making %s: %w", d.target, err)
		}
		if err := d.attach(); err != nil {
			return err
		}
	}
	links := map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}
	for name, to := range links {
		if err := os.Symlink(to, "/dev/"+name); err != nil {
			return fmt.Errorf("making /dev/%s: %w", name, err)
		}
	}
	if err := errors.Join(os.Mkdir("/dev/pts", 0o755), os.Mkdir("/dev/shm", 0o1777)); err != nil {
		return err
	}
	if err := unix.Mount("devpts", "/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"); err != nil {
		return fmt.Errorf("mounting /dev/pts: %w", err)
	}
	if err := unix.Mount("tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, p.tmpfs("1777")); err != nil {
		return fmt.Errorf("mounting /dev/shm: %w", err)
	}
	return unix.Mount("", "/dev", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NOEXEC, "")
}

func (p plan) makeTmp() error {
	if err := makeFolder("/tmp", 0o1777); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, p.tmpfs("1777")); err != nil {
		return fmt.Errorf("mounting /tmp: %w", err)
	}
	return nil
}

// loopbackUp starts the loopback interface of a new network namespace, see netdevice(7).
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("starting the loopback interface: %w", err)
	}
	defer closeFD(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(uint16(net.FlagUp) | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("starting the loopback interface: %w", err)
	}
	return nil
}
