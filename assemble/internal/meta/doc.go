// Package meta makes the last layer of an image: the database of apk, the links of busybox, the accounts that the spec asks
// for, and the folders whose owner or mode the layers below do not state as apk would.
package meta
