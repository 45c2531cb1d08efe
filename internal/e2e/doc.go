// Package e2e holds no code, only tests: they drive the built pyimg command on
// real Alpine packages and runtimes, unpack what it makes with umoci, podman
// and docker, run it with real apk and real CPython on two architectures, and
// compare with what real apk made of the same packages.
//
// They run where PYIMG_E2E=1 is set, as make e2e does, and skip elsewhere: they
// take minutes. The recorded answers are in a folder named shared next to the
// repository, or where PYIMG_SHARED says. A test whose tools, privileges or data are missing
// skips and says so; with PYIMG_E2E_REQUIRE=1 it fails instead. Under the race
// detector, which sees nothing of a process of its own, all of them skip. They
// change nothing outside their own temporary folders: daemons run on ports and
// sockets of their own and are stopped at the end.
package e2e
