// Package ingest brings packages of Alpine into the store: from a mirror in one pass, or from what was kept of an earlier run.
// It names the versions that a mirror has now where it has removed one that a lock wants.
package ingest
