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

// refused are the system calls that fail with EPERM.
func refused() []uint32 {
	return []uint32{
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEXEC_LOAD, unix.SYS_OPEN_BY_HANDLE_AT,
		unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_IO_URING_SETUP,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_SYSLOG,
	}
}

// The places in struct seccomp_data.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArg0   = 16 // its low half, on a little-endian machine
)

// filterProgram is the filter, in classic BPF. Calls by the interfaces of other machines (32 bits, x32) are refused where
// sockets are, for their numbers are others.
func filterProgram(arch uint32, noInet bool) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	equal := func(value uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jt: yes, Jf: no}
	}
	end := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	const deny = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	foreign := uint32(unix.SECCOMP_RET_ALLOW)
	if noInet {
		foreign = deny
	}
	program := []unix.SockFilter{load(offsetArch), equal(arch, 1, 0), end(foreign), load(offsetNumber)}
	const x32 = 0x40000000 // __X32_SYSCALL_BIT
	program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: x32, Jt: 0, Jf: 1}, end(foreign))
	for _, number := range refused() {
		program = append(program, equal(number, 0, 1), end(deny))
	}
	if noInet {
		program = append(program, equal(unix.SYS_SOCKET, 0, 3), load(offsetArg0), equal(unix.AF_UNIX, 1, 0), end(deny))
	}
	return append(program, end(unix.SECCOMP_RET_ALLOW))
}
