// Package build carries out a plan: it builds what is missing or outdated, several packages at once, each in a sandbox of its own,
// checks what comes out, and adds it to the index at once. A failure is noted with its reason and its log, and the wheel that the
// index had before stays.
package build
