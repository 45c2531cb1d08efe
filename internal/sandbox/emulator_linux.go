package sandbox

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// magics begin the ELF files of a machine, by the name that qemu-user has for it: class and byte order, then e_type and
// e_machine as a number of its byte order. See elf(5).
func magic(machine string) (class, order byte, number uint16, ok bool) {
	const (
		bits32, bits64 = 1, 2
		little, big    = 1, 2
	)
	switch machine {
	case "x86_64":
		return bits64, little, 62, true
	case "aarch64":
		return bits64, little, 183, true
	case "arm":
		return bits32, little, 40, true
	case "i386":
		return bits32, little, 3, true
	case "ppc64le":
		return bits64, little, 21, true
	case "s390x":
		return bits64, big, 22, true
	case "riscv64":
		return bits64, little, 243, true
	case "loongarch64":
		return bits64, little, 258, true
	}
	return 0, 0, 0, false
}

// rule is the rule of binfmt_misc for a machine's programs: type M, at offset 0, with the flags F (the emulator is opened
// now, so it need not be in the root), O and C. See the kernel's Documentation/admin-guide/binfmt-misc.rst.
func rule(machine, emulator string) (string, error) {
	class, order, number, ok := magic(machine)
	if !ok {
		return "", fmt.Errorf("emulating the machine %q: no such machine is known", machine)
	}
	head := []byte{0x7f, 'E', 'L', 'F', class, order, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	mask := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if order == 1 { // e_type is 2 (executable) or 3 (shared object): the lowest bit is left out
		head = append(head, 2, 0, byte(number), byte(number>>8))
		mask = append(mask, 0xfe, 0xff, 0xff, 0xff)
	} else {
		head = append(head, 0, 2, byte(number>>8), byte(number))
		mask = append(mask, 0xff, 0xfe, 0xff, 0xff)
	}
	return fmt.Sprintf(":pyimg-%s:M::%s:%s:%s:FOC", machine, escape(head), escape(mask), emulator), nil
}

func escape(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}

// openEmulator opens the emulator while the host's files can be seen.
func (p plan) openEmulator() (*os.File, error) {
	if p.Emulator == "" {
		return nil, nil
	}
	if p.HostRoot { // the rules are the whole host's then, and not this sandbox's to change
		return nil, nil
	}
	f, err := os.Open(p.Emulator)
	if err != nil {
		return nil, fmt.Errorf("opening the emulator: %w", err)
	}
	return f, nil
}

// registerEmulator has the kernel run the machine's programs with the emulator, in this sandbox alone: since Linux 6.7 each
// user namespace has rules of its own.
func (p plan) registerEmulator(emulator *os.File) error {
	if emulator == nil {
		return nil
	}
	defer emulator.Close()
	const dir, program = "/proc/sys/fs/binfmt_misc", "/tmp/emulator"
	if err := unix.Mount("binfmt_misc", dir, "binfmt_misc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("giving the sandbox rules for the emulator (Linux 6.7 or newer allows it): %w", err)
	}
	if err := makeFolder(path.Dir(program), 0o1777); err != nil {
		return err
	}
	copied, err := os.OpenFile(program, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return fmt.Errorf("copying the emulator: %w", err)
	}
	_, err = io.Copy(copied, emulator)
	if closed := copied.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("copying the emulator: %w", err)
	}
	text, err := rule(p.EmulatorFor, program)
	if err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/register", []byte(text), 0); err != nil {
		return fmt.Errorf("registering the emulator %s: %w", p.Emulator, err)
	}
	if err := os.Remove(program); err != nil {
		return err
	}
	// The rule lasts as long as the file system, and that as long as a file of it is open: in this process, to its end. The
	// command does not see it.
	if _, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("keeping the rule for the emulator: %w", err)
	}
	return unix.Unmount(dir, unix.MNT_DETACH)
}
