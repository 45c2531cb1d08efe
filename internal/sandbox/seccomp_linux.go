package sandbox

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filter has the kernel refuse system calls that no program of an image needs and that have been ways out of containers;
// see seccomp(2). Without a network namespace it refuses sockets, too.
func (s step) filter() error {
	arch, ok := auditArch(runtime.GOARCH)
	if !ok {
		if s.NoInet {
			return fmt.Errorf("taking the network away: there is no filter for %s", runtime.GOARCH)
		}
		return nil
	}
	program := filterProgram(arch, s.NoInet)
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0); err != nil {
		if s.NoInet {
			return fmt.Errorf("taking the network away: setting a seccomp filter: %w", err)
		}
		return nil // a kernel without seccomp: the namespaces isolate without it
	}
	return nil
}

// auditArch is what the kernel calls the machine, see audit.h.
func auditArch(goarch string) (uint32, bool) {
	arch, ok := map[string]uint32{
		"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "riscv64": unix.AUDIT_ARCH_RISCV64,
		"ppc64le": unix.AUDIT_ARCH_PPC64LE, "loong64": unix.AUDIT_ARCH_LOONGARCH64,
	}[goarch]
	return arch, ok
}

// calls are the numbers of system calls by one interface to the kernel.
type calls struct {
	arch                   uint32
	refused                []uint32 // they fail with EPERM
	clone, unshare, clone3 uint32
	socket                 uint32
	socketCall             uint32 // socketcall(2) of i386; 0 where there is none
}

// native are those of this program's own interface.
func native(arch uint32) calls {
	return calls{arch: arch, clone: unix.SYS_CLONE, unshare: unix.SYS_UNSHARE, clone3: unix.SYS_CLONE3, socket: unix.SYS_SOCKET, refused: []uint32{
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEXEC_LOAD, unix.SYS_OPEN_BY_HANDLE_AT,
		unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_IO_URING_SETUP,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_SYSLOG,
	}}
}

// compatible are those of the 32-bit interface that a 64-bit kernel has as well, in the order of native's.
func compatible(arch uint32) (calls, bool) {
	switch arch {
	case unix.AUDIT_ARCH_X86_64: // arch/x86/entry/syscalls/syscall_32.tbl
		return calls{arch: unix.AUDIT_ARCH_I386, clone: 120, unshare: 310, clone3: 435, socket: 359, socketCall: 102,
			refused: []uint32{357, 336, 374, 283, 342, 286, 287, 288, 425, 128, 350, 129, 103}}, true
	case unix.AUDIT_ARCH_AARCH64: // arch/arm/tools/syscall.tbl
		return calls{arch: unix.AUDIT_ARCH_ARM, clone: 120, unshare: 337, clone3: 435, socket: 281,
			refused: []uint32{386, 364, 388, 347, 371, 309, 310, 311, 425, 128, 379, 129, 103}}, true
	}
	return calls{}, false
}

// The places in struct seccomp_data.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArg0   = 16 // its low half, on a little-endian machine
)

// What the filter answers.
const (
	allow   = uint32(unix.SECCOMP_RET_ALLOW)
	deny    = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS) // as by an older kernel; C libraries then use an older call
)

func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

func jump(test uint16, value uint32, yes, no int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, K: value, Jt: uint8(yes), Jf: uint8(no)}
}

func end(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

// filterProgram is the filter, in classic BPF: a part for each interface to the kernel. Interfaces without one have no call.
func filterProgram(arch uint32, noInet bool) []unix.SockFilter {
	program := []unix.SockFilter{load(offsetArch)}
	all := []calls{native(arch)}
	if other, ok := compatible(arch); ok {
		all = append(all, other)
	}
	for _, c := range all {
		part := c.filter(noInet)
		program = append(program, jump(unix.BPF_JEQ, c.arch, 0, len(part)))
		program = append(program, part...)
	}
	return append(program, end(unknown))
}

// filter is the part for one interface. A new user namespace is refused, for in it the command would have all capabilities
// again, and could write to file systems in memory that nobody counts.
func (c calls) filter(noInet bool) []unix.SockFilter {
	const x32 = 0x40000000 // __X32_SYSCALL_BIT: the same calls by other numbers
	part := []unix.SockFilter{load(offsetNumber), jump(unix.BPF_JGE, x32, 0, 1), end(unknown)}
	for _, number := range c.refused {
		part = append(part, jump(unix.BPF_JEQ, number, 0, 1), end(deny))
	}
	part = append(part, jump(unix.BPF_JEQ, c.clone3, 0, 1), end(unknown)) // a filter cannot see its flags
	if noInet {
		if c.socketCall != 0 {
			part = append(part, jump(unix.BPF_JEQ, c.socketCall, 0, 1), end(deny))
		}
		part = append(part, jump(unix.BPF_JEQ, c.socket, 0, 3), load(offsetArg0), jump(unix.BPF_JEQ, unix.AF_UNIX, 1, 0), end(deny), load(offsetNumber))
	}
	return append(part,
		jump(unix.BPF_JEQ, c.clone, 1, 0), jump(unix.BPF_JEQ, c.unshare, 0, 3),
		load(offsetArg0), jump(unix.BPF_JSET, unix.CLONE_NEWUSER, 0, 1), end(deny),
		end(allow))
}
